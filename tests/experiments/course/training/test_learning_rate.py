import dataclasses
from types import MappingProxyType

import numpy as np
import pytest
import xarray as xr

from experiments.claims import verdicts
from experiments.course.training import learning_rate
from experiments.course.training.learning_rate import judges, runs
from tests.experiments.altered import change, committed_results, statuses

SEEDED = ("lr-update-rule", "lr-too-big", "lr-too-small", "r-lr-time-rescaling")


@pytest.fixture
def committed():
    return committed_results("learning_rate")


def measured(dataset, claim):
    return {verdict.claim: verdict.measured for verdict in learning_rate.judge(dataset)}[claim]


def say(monkeypatch, claim, value):
    """Lets the ledger hold another value for the claim."""
    ledger = dict(verdicts.claims())
    ledger[claim] = dataclasses.replace(ledger[claim], value=value)
    monkeypatch.setattr(judges, "claims", lambda: MappingProxyType(ledger))


@pytest.mark.quick
def test_the_committed_numbers_reproduce_what_can_be_judged(committed):
    assert statuses(learning_rate, committed) == {
        "gd-linear-threshold": "reproduced",
        "lr-update-rule": "reproduced",
        "lr-too-big": "reproduced",
        "lr-too-small": "reproduced",
        "r-lr-sweep-no-improvement": "erratum",
        "r-lr-time-rescaling": "reproduced",
    }


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        ("gd-linear-threshold", "line_w", lambda old: 0.9 * old, {"line_rate": 0.1}),
        ("lr-update-rule", "delivered", lambda _: 0.9, {"learning_rate": 1e-4, "seed": 3}),
        ("lr-too-big", "line_w", lambda old: 1.01 * old, {"line_rate": 0.5}),
        ("lr-too-big", "digits_train_loss", lambda _: 2.2,
         {"learning_rate": 100.0, "seed": 3, "epoch": 50}),
        ("lr-too-small", "line_w", lambda old: 1.01 * old, {"line_rate": 1e-4}),
        ("lr-too-small", "digits_train_loss", lambda old: 0.8 * old, {"learning_rate": 1e-4}),
        ("lr-too-small", "digits_train_loss", lambda old: 1.2 * old, {"learning_rate": 1e-4}),
        ("r-lr-time-rescaling", "digits_test_loss", lambda old: 1.1 * old,
         {"learning_rate": 0.002}),
        ("r-lr-time-rescaling", "digits_test_loss", lambda old: 0.9 * old,
         {"learning_rate": 0.005}),
    ],
)  # fmt: skip
def test_numbers_that_speak_against_a_claim_contradict_it(claim, variable, value, where, committed):
    assert (
        statuses(learning_rate, change(committed, variable, value, **where))[claim]
        == "contradicted"
    )


@pytest.mark.quick
def test_another_limit_on_the_line_is_contradicted(committed, monkeypatch):
    say(monkeypatch, "gd-linear-threshold", 0.2)
    assert statuses(learning_rate, committed)["gd-linear-threshold"] == "contradicted"


def test_a_better_accuracy_on_the_slide_would_be_no_erratum(committed, monkeypatch):
    say(monkeypatch, "r-lr-sweep-no-improvement", [60.0, 61.0, 60.0])
    assert statuses(learning_rate, committed)["r-lr-sweep-no-improvement"] == "reproduced"
    assert "+1 points" in measured(committed, "r-lr-sweep-no-improvement")


@pytest.mark.quick
def test_the_fate_of_every_seed_at_a_big_rate_is_told(committed):
    initial = committed.digits_initial_loss.values
    final = np.where(np.arange(10) < 4, initial + 1, 2.305)
    changed = change(committed, "digits_train_loss", lambda _: final, learning_rate=100.0, epoch=50)
    changed["digits_first_bad_step"].loc[{"learning_rate": 100.0, "seed": 0}] = 7
    told = measured(changed, "lr-too-big").split("at 100 ")[1]
    assert "1 not finite, 3 above their initial loss, 6 no better than guessing" in told
    assert statuses(learning_rate, changed)["lr-too-big"] == "reproduced"


@pytest.mark.quick
def test_seeds_that_learn_at_a_big_rate_are_told(committed):
    changed = change(
        committed, "digits_train_loss", lambda _: 0.1, learning_rate=10.0, seed=3, epoch=50
    )
    assert "1 learned" in measured(changed, "lr-too-big").split("at 10 ")[1].split("at 100 ")[0]


@pytest.mark.parametrize(
    ("part", "claims"),
    [
        ({"seed": [0]}, SEEDED),
        ({"learning_rate": [0.01, 0.1]}, SEEDED),
        ({"line_rate": [0.1]}, ["gd-linear-threshold", "lr-too-big", "lr-too-small"]),
        ({"line_rate": [0.5]}, ["gd-linear-threshold", "lr-too-small"]),
        ({"epoch": [1, 2, 3]}, ["r-lr-time-rescaling"]),
    ],
)
def test_what_was_not_run_is_not_judged_and_still_drawn(part, claims, committed):
    custom = committed.sel(part)
    assert {statuses(learning_rate, custom)[claim] for claim in claims} == {"not judged"}
    learning_rate.draw(custom)


@pytest.mark.quick
def test_the_order_of_the_rates_does_not_matter(committed):
    backwards = committed.isel(learning_rate=slice(None, None, -1))
    assert learning_rate.judge(backwards) == learning_rate.judge(committed)


def test_without_mnist_it_is_judged_and_drawn_all_the_same(committed):
    names = [name for name in committed if str(name).startswith("mnist")]
    digits = committed.drop_vars(names)
    assert statuses(learning_rate, digits) == statuses(learning_rate, committed)
    learning_rate.draw(digits)


@pytest.mark.quick
def test_a_lane_ends_at_the_epoch_of_its_first_bad_step():
    ones = np.ones((5, 3), np.float32)
    history = xr.Dataset(
        {
            "test_accuracy": (("seed", "epoch"), ones),
            "first_bad_step": ("seed", [-1, 0, 3, 4, 11]),
        },
        {"seed": range(5), "epoch": [1, 2, 3]},
    )
    masked = runs.until_bad(history, steps_per_epoch=4)
    assert masked.test_accuracy.count("epoch").values.tolist() == [3, 0, 0, 1, 2]
    assert masked.test_accuracy.dtype == np.float32
    assert masked.first_bad_step.identical(history.first_bad_step)


def test_the_committed_lanes_that_diverged_are_marked(committed):
    for name in ("digits", "mnist"):
        diverged = committed[f"{name}_first_bad_step"] >= 0
        final = committed[f"{name}_test_accuracy"].isel(
            {f"{'' if name == 'digits' else 'mnist_'}epoch": -1}
        )
        np.testing.assert_array_equal(np.isnan(final), diverged)
    texts = [text.get_text() for text in learning_rate.draw(committed).axes[-1].texts]
    counts = int((committed.mnist_first_bad_step >= 0).sel(learning_rate=100.0).sum())
    assert counts > 0
    assert f"{counts} of 10 diverged" in texts
