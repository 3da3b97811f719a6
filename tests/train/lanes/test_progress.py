import sys
from types import SimpleNamespace

import numpy as np
import pytest

from jaxnn import layers, losses, optimizers, train
from jaxnn.train.lanes.groups import grouped
from jaxnn.train.lanes.lanes import Progress
from jaxnn.train.lanes.progress import Bar
from jaxnn.train.setup.axes import Grid


@pytest.fixture(scope="module")
def group(blobs):
    """Two lanes of four epochs, with nine updates in each."""

    def setup(learning_rate):
        return train.Run(
            model=layers.dense(3), loss=losses.softmax_cross_entropy, epochs=4, batch_size=10,
            optimizer=optimizers.gradient_descent(learning_rate),
        )  # fmt: skip

    (only,) = grouped(setup, blobs, Grid(setup, {"learning_rate": [0.1, 0.2]}))
    return only


def done(group, losses):
    return Progress(group.lanes[:1], 0, {"train_loss": np.array([losses])}, None)


@pytest.fixture
def _in_notebook(monkeypatch):
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


@pytest.mark.usefixtures("_in_notebook")
def test_a_notebook_shows_the_bar_with_the_median_of_what_is_finite(capsys, group):
    with Bar(True, [group]) as bar:
        bar.skip(3)
        bar.advance(group, done(group, [0.5, 0.25]))
        bar._bar.refresh()
        assert "5/8" in capsys.readouterr().err
        bar.advance(group, done(group, [np.nan]))
        bar._bar.refresh()
    shown = capsys.readouterr().err
    assert "6/8" in shown
    assert "updates/s" in shown
    assert "nan" not in shown


@pytest.mark.usefixtures("_in_notebook")
def test_a_bar_that_was_not_asked_for_is_not_shown(capsys, group):
    with Bar(False, [group]) as bar:
        bar.advance(group, done(group, [0.5]))
    assert capsys.readouterr().err == ""


def test_off_a_terminal_and_a_notebook_there_is_none(capsys, group):
    with Bar(True, [group]) as bar:
        bar.advance(group, done(group, [0.5]))
    assert capsys.readouterr().err == ""
