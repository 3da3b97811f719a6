from typing import Annotated

import numpy as np
import pytest

from jaxnn import layers, losses, optimizers, train
from jaxnn.train.setup.axes import Grid

pytestmark = pytest.mark.usefixtures("no_type_checker")


def setup(learning_rate: Annotated[float, "1/loss"], momentum=0.0, width=3):
    return train.Run(
        model=layers.dense(width), loss=losses.softmax_cross_entropy, epochs=1, batch_size=30,
        optimizer=optimizers.momentum(learning_rate, momentum),
    )  # fmt: skip


def test_zipped_settings_belong_together_and_meet_every_seed(blobs):
    design = train.zipped(learning_rate=[0.1, 0.2, 0.1], momentum=[0.9, 0.0, 0.5])
    history = train.sweep(setup, blobs, design, seed=range(2))
    assert history.test_loss.dims == ("trial", "seed", "epoch")
    assert history.learning_rate.dims == history.momentum.dims == ("trial",)
    assert list(history.momentum.values) == [0.9, 0.0, 0.5]
    alone = train.fit(setup, blobs, learning_rate=0.2, momentum=0.0, seed=1).history
    np.testing.assert_array_equal(history.test_loss.isel(trial=1, seed=1), alone.test_loss)


def test_coordinates_keep_their_units(blobs):
    history = train.sweep(setup, blobs, learning_rate=[0.1, 0.2])
    assert history.learning_rate.attrs == {"units": "1/loss"}
    assert history.epoch.attrs == {"units": "epochs"}
    drawn = train.sweep(setup, blobs, train.zipped(learning_rate=[0.1, 0.2]))
    assert drawn.learning_rate.attrs == {"units": "1/loss"}


@pytest.mark.quick
def test_random_settings_lie_in_their_ranges_and_depend_on_seed_and_name_alone():
    rate, width = train.log_uniform(1e-4, 1.0), [10, 20]
    small = train.random(10, learning_rate=rate)
    large = train.random(200, learning_rate=rate, width=width, momentum=train.uniform(0.5, 1.0))
    rates = np.array(large.values["learning_rate"])
    assert ((rates >= 1e-4) & (rates < 1.0)).all()
    assert 0.3 < (rates < 1e-2).mean() < 0.7  # half of the factors
    np.testing.assert_array_equal(small.values["learning_rate"], rates[:10])
    assert set(large.values["width"]) == {10, 20}
    assert all(0.5 <= m < 1 for m in large.values["momentum"])
    other = train.random(10, seed=1, learning_rate=rate)
    assert other.values != small.values


def test_a_design_may_hold_structure_and_the_settings_of_the_data():
    design = train.zipped(learning_rate=[0.1, 0.2], width=[3, 4], seed=[7, 8])
    lanes = list(Grid(setup, {"train_size": [30, 60]}, design).lanes())
    assert [(lane.static, lane.settings.seed, lane.settings.train_size) for lane in lanes] == [
        ((("width", 3),), 7, 30), ((("width", 3),), 7, 60),
        ((("width", 4),), 8, 30), ((("width", 4),), 8, 60),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: train.zipped(), ValueError, "at least one hyperparameter"),
        (lambda: train.zipped(a=[1], b=[1, 2]), ValueError, r"one length, got {'a': 1, 'b': 2}"),
        (lambda: train.zipped(a=[]), ValueError, "at least one value"),
        (lambda: train.random(0, a=[1]), ValueError, "num_trials must be at least 1, got 0"),
        (lambda: train.random(2, a=0.5), TypeError, r"a must be drawn from .* got 0\.5"),
        (lambda: train.uniform(1.0, 0.0), ValueError, r"low < high, got \(1\.0, 0\.0\)"),
        (lambda: train.log_uniform(0.0, 1.0), ValueError, "low above 0, got 0"),
        (
            lambda: Grid(setup, {"learning_rate": 0.1}, train.zipped(learning_rate=[0.1])),
            ValueError,
            "learning_rate is given twice",
        ),
        (lambda: Grid(setup, {}, {"learning_rate": [0.1]}), TypeError, "made by train.zipped"),
        (lambda: Grid(setup, {}, train.zipped(rate=[0.1])), TypeError, "no hyperparameter 'rate'"),
        (lambda: Grid(setup, {}, train.zipped(learning_rate=[-0.1])), ValueError, r"got -0\.1"),
    ],
)
def test_what_makes_no_design_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
