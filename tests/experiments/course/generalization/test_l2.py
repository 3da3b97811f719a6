import functools

import numpy as np
import pytest

from experiments.course.generalization import l2
from jaxnn import regularizers
from tests.experiments.altered import change, committed_results, statuses

OVERFITTING = ("overfit-split", "learning-overfit")
STRENGTH = ("regularisation-strength", "regularisation-definition")


@pytest.fixture
def committed():
    return committed_results("l2")


def test_the_committed_numbers_reproduce_every_claim(committed):
    assert set(statuses(l2, committed).values()) == {"reproduced"}


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("overfit-split", "test_loss", lambda old: old - 1, {"l2": 0.0, "epoch": 500}),
        ("overfit-split", "train_loss", lambda old: old + 1, {"l2": 0.0, "epoch": 500}),
        ("learning-overfit", "test_loss", lambda old: old - 1, {"l2": 0.0, "epoch": 500}),
        ("learning-overfit", "train_loss", lambda old: old + 1, {"l2": 0.0, "epoch": 500}),
        ("regularisation-strength", "test_loss", lambda old: 0 * old, {"l2": 0.0}),
        ("regularisation-strength", "test_loss", lambda old: 0 * old, {"l2": 0.1}),
        ("regularisation-strength", "kernel_norm", lambda old: old + 99, {"l2": 0.1, "seed": 3}),
        ("regularisation-definition", "test_loss", lambda old: 0 * old, {"l2": 0.0}),
        ("regularisation-definition", "test_loss", lambda old: 0 * old, {"l2": 0.1}),
        ("regularisation-definition", "train_loss", lambda old: old + 9, {"l2": 0.0}),
    ],
)
def test_numbers_that_speak_against_a_claim_contradict_it(claim, variable, value, where, committed):
    assert statuses(l2, change(committed, variable, value, **where))[claim] == "contradicted"


@pytest.mark.parametrize("claim", [*OVERFITTING, *STRENGTH])
def test_what_holds_only_on_the_seeds_that_chose_is_contradicted(claim, committed):
    """On the other half nothing changes over time, and nothing over the strength."""
    judged = committed.isel(seed=slice(10, None))
    same = judged.isel(epoch=0, l2=0, drop=True).broadcast_like(judged)
    changed = committed.copy(deep=True)
    for name in ("test_loss", "train_loss"):
        values = same[name].transpose(*committed[name].dims).values
        changed[name].loc[{"seed": judged.seed}] = values
    assert statuses(l2, changed)[claim] == "contradicted"


@pytest.mark.parametrize(("noise", "said"), [(0.0, False), (0.05, True)])
def test_a_gain_in_accuracy_within_its_noise_is_called_so(noise, said, committed):
    flips = noise * (-1.0) ** committed.seed
    changed = committed.assign(
        test_accuracy=committed.test_accuracy + flips * (committed.l2 > 0) + 0.01 * committed.l2
    )
    definition = l2.judge(changed)[-1]
    assert ("not significant" in definition.measured) is said


@pytest.mark.quick
def test_a_wrong_penalty_is_contradicted(committed, monkeypatch):
    right = regularizers.l2_penalty

    @functools.wraps(right)  # its gradient is found by its name
    def half(weights, *, strength):
        return right(weights, strength=strength / 2)

    monkeypatch.setattr(regularizers, "l2_penalty", half)
    assert statuses(l2, committed)["l2-penalty"] == "contradicted"


@pytest.mark.quick
def test_a_wrong_objective_is_contradicted(committed, monkeypatch):
    right = regularizers.l2
    monkeypatch.setattr(regularizers, "l2", lambda strength: right(2 * strength))
    assert statuses(l2, committed)["regularised-objective"] == "contradicted"


@pytest.mark.parametrize(
    ("part", "claims"),
    [
        ({"l2": [1e-4, 1e-3]}, [*OVERFITTING, *STRENGTH]),
        ({"l2": [0.0]}, STRENGTH),
        ({"seed": [0]}, [*OVERFITTING, *STRENGTH]),
        ({"seed": [0, 1, 2, 3, 4, 5, 6, 7]}, [*OVERFITTING, *STRENGTH]),  # four to judge on
    ],
)
def test_what_was_not_run_is_not_judged_and_still_drawn(part, claims, committed):
    custom = committed.sel(part)
    assert {statuses(l2, custom)[claim] for claim in claims} == {"not judged"}
    l2.draw(custom)


@pytest.mark.quick
def test_runs_that_diverged_are_not_judged(committed):
    lost = change(committed, "test_loss", lambda old: old * np.nan, l2=0.0)
    assert {statuses(l2, lost)[claim] for claim in (*OVERFITTING, *STRENGTH)} == {"not judged"}


def test_every_seed_draws_its_own_training_set(monkeypatch):
    drawn = []

    def load(name, **settings):
        drawn.append(real(name, **settings))
        return drawn[-1]

    real = l2.data.load
    monkeypatch.setattr(l2.data, "load", load)
    few = l2.run(l2.Config(strengths=(0.0, 1e-3), seeds=3, epochs=1, training_share=0.02))
    assert few.test_loss.dims == ("l2", "seed", "epoch")
    assert len({dataset.train.inputs.tobytes() for dataset in drawn}) == 3
