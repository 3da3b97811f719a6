import jax
import numpy as np
import pytest

from experiments.course.training import initialization
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("initialization")


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("learning-bad-init", "train_loss", lambda old: 0 * old, {"start": "zeros"}),
        ("learning-bad-init", "train_loss", lambda old: 0 * old + 9, {"start": "He"}),
        ("zero-init-is-fine-here", "spread", lambda old: old + 1e-9, {"start": "zeros"}),
        ("zero-init-is-fine-here", "train_loss", lambda old: 0 * old, {"start": "zeros"}),
        ("zero-init-is-fine-here", "one_neuron_accuracy", lambda old: old - 0.5, {}),
    ],
)
def test_altered_numbers_contradict_a_claim(claim, variable, value, where, committed):
    assert statuses(initialization, committed)[claim] == "reproduced"
    changed = committed.assign({variable: value(committed[variable])}) if not where else change(
        committed, variable, value, **where
    )  # fmt: skip
    assert statuses(initialization, changed)[claim] == "contradicted"


@pytest.mark.quick
def test_a_diverged_run_counts_as_never(committed):
    lost = change(committed, "train_loss", lambda old: old * np.nan, start="He")
    never = initialization.epochs_to_leave(lost, "He")
    assert (never == committed.sizes["epoch"] + 1).all()


@pytest.mark.parametrize("part", [{"start": ["He"]}, {"seed": [0, 1, 2]}])
def test_what_was_not_run_is_not_judged_and_still_drawn(part, committed):
    custom = committed.sel(part)
    assert statuses(initialization, custom)["learning-bad-init"] == "not judged"
    initialization.draw(custom)


def test_the_spread_of_copies_is_zero():
    zeros, _, _ = initialization.network("zeros").init(jax.random.key(0), (8, 8, 1))
    drawn, _, _ = initialization.network("He").init(jax.random.key(0), (8, 8, 1))
    assert initialization.spread(zeros) == 0
    assert initialization.spread(drawn) > 0.1
