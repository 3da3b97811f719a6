import dataclasses
import functools

import jax
import numpy as np
import pytest
import xarray as xr

from experiments.course.generalization import regularization, strengths
from experiments.course.generalization.regularization import checks, judges, runs
from jaxnn import augment, layers
from tests.experiments.altered import change, statuses

SEEDS, EPOCHS = 10, (50, 100)
RATES = runs.Config().learning_rates
GAP = ("topic-dropout-r", "dropout-experiment")
BATCH_NORM = ("topic-batch-norm-r", "regulariser-batch-normalisation")
ACCURACY = {  # the claim of each method that has to raise the accuracy
    "regulariser-batch-normalisation": "batch norm",
    "regulariser-fractional-max-pooling": "fractional pooling",
    "regulariser-stochastic-depth": "stochastic depth",
    "regulariser-model-simplification": "fewer units",
}


CHECKS = {
    checks.dropout_keeps_the_mean: (layers, "dropout"),
    checks.drop_connect_drops_single_weights: (layers, "drop_connect"),
    checks.batch_norm_normalises: (layers, "batch_norm"),
    checks.fractional_pooling_shrinks_by_any_ratio: (layers, "fractional_max_pool2d"),
    checks.stochastic_depth_skips: (layers, "stochastic_depth"),
    checks.cutout_blanks_a_square: (augment, "cutout"),
    checks.mixup_mixes_labels_as_images: (augment, "mixup"),
}
ONCE = {check.__name__: functools.cache(check) for check in CHECKS}


@pytest.fixture
def once(monkeypatch):
    """The judges ask the library once for all tests what its layers do."""
    for name, check in ONCE.items():
        monkeypatch.setattr(checks, name, check)


@pytest.fixture
def helpful(once):
    """Numbers by which every method helps, by a little more or less from seed to seed."""
    methods = [runs.NONE, *runs.METHODS]
    shape = (len(methods), len(strengths.LEVELS), SEEDS, len(EPOCHS))
    dims = ("kind", "level", "seed", "epoch")
    coords = {"kind": methods, "level": list(strengths.LEVELS), "seed": range(SEEDS)}
    noise = np.random.default_rng(0).uniform(0, 0.001, (SEEDS, len(EPOCHS)))
    helped = np.ones(shape) * (np.arange(len(methods)) > 0)[:, None, None, None] + noise
    strength = np.full(shape[:2], np.nan)
    for row, method in zip(strength, methods, strict=True):
        tried = runs.METHODS.get(method, (0.0,))
        row[: len(tried)] = tried
    there = np.isfinite(strength)[..., None, None]

    def over_runs(none, with_method):
        return dims, np.where(there, none + (with_method - none) * helped, np.nan)

    def over_rates(none, norm):
        """[norm, learning_rate, seed, rate_epoch]"""
        values = np.array([none, norm])[:, :, None, None]
        values = values + np.zeros((2, len(RATES), SEEDS, 9)) + noise[:, :1]
        return ("norm", "learning_rate", "seed", "rate_epoch"), values

    return xr.Dataset(
        {
            "train_loss": over_runs(0.01, 0.1),
            "train_accuracy": over_runs(1.0, 0.95),
            "validation_loss": over_runs(0.6, 0.5),
            "validation_accuracy": over_runs(0.85, 0.9),
            "test_loss": over_runs(0.6, 0.5),
            "test_accuracy": over_runs(0.85, 0.9),
            "test_confidence": over_runs(0.95, 0.92),
            "seen_loss": (dims[:3], over_runs(0.001, 0.01)[1][..., -1]),
            "seen_accuracy": (dims[:3], over_runs(1.0, 1.0)[1][..., -1]),
            "strength": (dims[:2], strength),
            "rate_loss": over_rates([0.9, 0.5, 2.0, 2.3], [0.5, 0.3, 0.1, 1.0]),
            "rate_accuracy": over_rates([1.0, 1.0, 0.5, 0.1], [1.0, 1.0, 1.0, 0.5]),
        },
        {
            **coords,
            "epoch": list(EPOCHS),
            "norm": [runs.NONE, "batch norm"],
            "learning_rate": list(RATES),
            "rate_epoch": range(1, 10),
        },
    )


def test_numbers_by_which_every_method_helps_reproduce_every_claim(helpful):
    assert set(statuses(regularization, helpful).values()) == {"reproduced"}
    assert len(regularization.judge(helpful)) == 9
    regularization.draw(helpful)


@pytest.mark.parametrize(("claim", "method"), ACCURACY.items())
def test_a_method_that_is_worth_nothing_is_contradicted(claim, method, helpful):
    without = helpful.test_accuracy.sel(kind=runs.NONE).isel(level=0).values
    changed = change(helpful, "test_accuracy", lambda old: 0 * old + without, kind=method)
    assert statuses(regularization, changed)[claim] == "contradicted"


@pytest.mark.parametrize(
    ("claim", "variable", "value", "where"),
    [
        *[(claim, "test_loss", lambda old: old + 1, {"kind": "dropout"}) for claim in GAP],
        ("regulariser-dropconnect", "test_loss", lambda old: old + 1, {"kind": "DropConnect"}),
        ("regulariser-dropconnect", "seen_loss", lambda old: old + 1, {"kind": "DropConnect"}),
        ("regulariser-model-simplification", "seen_loss", np.zeros_like, {"kind": "fewer units"}),
        ("regulariser-cutout-mixup", "test_confidence", np.ones_like, {"kind": "Cutout"}),
        ("regulariser-cutout-mixup", "test_confidence", np.ones_like, {"kind": "Mixup"}),
        *[(claim, "rate_accuracy", np.zeros_like, {"norm": "batch norm", "learning_rate": 0.08})
          for claim in BATCH_NORM],
        ("topic-batch-norm-r", "rate_loss", np.zeros_like, {"norm": runs.NONE}),
    ],
)  # fmt: skip
def test_numbers_that_speak_against_a_claim_contradict_it(claim, variable, value, where, helpful):
    changed = change(helpful, variable, value, **where)
    assert statuses(regularization, changed)[claim] == "contradicted"


@pytest.mark.quick
def test_one_seed_that_fails_makes_a_rate_unusable(helpful):
    where = {"norm": "batch norm", "learning_rate": 0.08, "seed": 2}
    assert judges.largest_usable(helpful, "batch norm") == 0.08
    assert judges.largest_usable(change(helpful, "rate_accuracy", np.zeros_like, **where),
                                 "batch norm") == 0.02  # fmt: skip


@pytest.mark.parametrize(
    ("part", "judged"),
    [
        ({"kind": [runs.NONE, "dropout"], "norm": [runs.NONE]}, GAP),
        ({"seed": [0, 1]}, ()),
        ({"seed": [0]}, ()),
    ],
)
def test_what_was_not_run_is_not_judged_and_still_drawn(part, judged, helpful):
    few = helpful.sel(part)
    found = statuses(regularization, few)
    assert {claim for claim, status in found.items() if status != "not judged"} == set(judged)
    regularization.draw(few)


def _wrong(right, module):
    """A layer that doubles its outputs, or an augmentation that does so to its images."""

    def made(*args, **settings):
        if module is layers:
            layer = right(*args, **settings)

            def forward(*inputs):
                y, state, saved = layer.forward(*inputs)
                return 2 * y, state, saved

            return layer._replace(forward=forward, init=functools.partial(_cut, layer.init))
        return lambda key, *values: jax.tree.map(lambda x: 1 - x, right(*args)(key, *values))

    return made


def _cut(init, key, in_shape):
    """One row less than there should be."""
    params, state, (rows, *others) = init(key, in_shape)
    return params, state, (rows - 1, *others)


@pytest.mark.parametrize("check", CHECKS)
def test_the_checks_hold_of_the_library_and_not_of_a_wrong_layer(check, monkeypatch):
    assert check()
    module, name = CHECKS[check]
    monkeypatch.setattr(module, name, _wrong(getattr(module, name), module))
    assert not check()


@pytest.mark.quick
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"methods": ("dropuot",)}, "no method is called 'dropuot'"),
        ({"learning_rates": (0.1,)}, "must contain 0.02"),
        ({"epochs": 30}, "epochs must be a multiple of 50"),
        ({"epochs": 0}, "epochs must be a multiple of 50"),
        ({"train_size": 10}, "train_size must be from 20 to 597, got 10"),
        ({"train_size": 600}, "train_size must be from 20 to 597, got 600"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        runs.Config(**settings)


def test_every_method_starts_from_the_same_weights():
    def kernels(method):
        network = runs.network(method, runs.METHODS[method][0] if method != runs.NONE else 0.0)
        params, _, _ = network.init(jax.random.key(0), (8, 8, 1))
        return [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]

    plain = kernels(runs.NONE)
    for method in runs.METHODS:
        if method != "fewer units":
            jax.tree.map(np.testing.assert_array_equal, kernels(method), plain)


@pytest.mark.usefixtures("once")
def test_a_short_run_can_be_judged_and_drawn_and_learns(monkeypatch):
    monkeypatch.setattr(runs, "BLOCKS", 1)
    monkeypatch.setattr(runs, "CHANNELS", 2)
    monkeypatch.setattr(runs, "UNITS", 32)
    config = dataclasses.replace(runs.QUICK, methods=("dropout",), train_size=40)
    found = runs.run(config)
    assert found.seen_accuracy.sel(kind=runs.NONE, level="weak").min() > 0.9
    dropped = found.sel(kind="dropout")
    assert dropped.train_loss.isel(epoch=-1).mean("seed").diff("level").min() > 0
    assert set(statuses(regularization, found).values()) == {"not judged"}
    regularization.draw(found)
