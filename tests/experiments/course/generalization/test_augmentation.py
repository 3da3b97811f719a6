import dataclasses

import numpy as np
import pytest
import xarray as xr

from experiments.course.generalization import augmentation, strengths
from experiments.course.generalization.augmentation import checks, figure, runs
from jaxnn import augment, data, layers
from tests.experiments.altered import change, statuses

SEEDS, EPOCHS = 6, (10, 20)
CLAIMS = {kind.claim: name for name, kind in runs.KINDS.items()}


@pytest.fixture
def helpful():
    """Numbers by which every kind helps, by a little more or less from seed to seed."""
    kinds = [runs.NONE, *runs.KINDS]
    shape = (len(kinds), len(strengths.LEVELS), SEEDS, len(EPOCHS))
    dims = ("kind", "level", "seed", "epoch")
    noise = np.random.default_rng(0).uniform(0, 0.001, (SEEDS, len(EPOCHS)))
    helped = np.ones(shape) * (np.arange(len(kinds)) > 0)[:, None, None, None] + noise
    strength = np.full(shape[:2], np.nan)
    for row, kind in zip(strength, kinds, strict=True):
        tried = runs.KINDS[kind].strengths if kind != runs.NONE else (0.0,)
        row[: len(tried)] = tried
    there = np.isfinite(strength)[..., None, None]

    def over_runs(none, with_kind):
        return dims, np.where(there, none + (with_kind - none) * helped, np.nan)

    return xr.Dataset(
        {
            "validation_accuracy": over_runs(0.4, 0.5),
            "test_loss": over_runs(2.0, 1.5),
            "test_accuracy": over_runs(0.4, 0.5),
            "seen_loss": (dims[:3], over_runs(0.01, 0.1)[1][..., -1]),
            "strength": (dims[:2], strength),
        },
        {"kind": kinds, "level": list(strengths.LEVELS), "seed": range(SEEDS), "epoch": [10, 20]},
    )


def test_numbers_by_which_every_kind_helps_reproduce_every_claim(helpful):
    found = statuses(augmentation, helpful)
    assert found == dict.fromkeys(CLAIMS, "reproduced")
    assert len(found) == 9


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("test_loss", lambda old: old + 1),  # the gap is no narrower
        ("seen_loss", lambda old: old - 1),
        ("test_accuracy", lambda old: old - 0.3),  # it is, but fewer images are told
    ],
)
def test_a_kind_that_does_not_help_is_contradicted(claim, variable, value, helpful, monkeypatch):
    monkeypatch.setattr(checks, "DOES", dict.fromkeys(checks.DOES, _yes))
    changed = change(helpful, variable, value, kind=CLAIMS[claim])
    found = statuses(augmentation, changed)
    assert found.pop(claim) == "contradicted"
    assert set(found.values()) == {"reproduced"}


def _yes() -> bool:
    """It does."""
    return True


@pytest.mark.parametrize("name", checks.DOES)
def test_a_kind_that_does_something_else_is_contradicted(name, helpful, monkeypatch):
    monkeypatch.setattr(checks, "DOES", dict.fromkeys(checks.DOES, _yes) | {name: lambda: False})
    assert statuses(augmentation, helpful)[runs.KINDS[name].claim] == "contradicted"


CHANGES = {
    "flip": "horizontal_flip",
    "crop and resize": "crop_and_resize",
    "colours": "contrast",
    "hue and brightness": "adjust_hue",
    "translation": "translate",
    "rotation": "rotate",
    "stretching": "stretch",
    "shearing": "shear",
    "lens distortion": "distort",
}


@pytest.mark.parametrize("name", checks.DOES)
def test_the_checks_hold_of_the_library_and_not_of_what_mirrors(name, monkeypatch):
    assert checks.DOES[name]()
    right = getattr(augment, CHANGES[name])

    def upside_down(*args):
        made = right(*args)
        return (lambda *values: made(*values)[::-1]) if callable(made) else 1 - made[::-1]

    monkeypatch.setattr(augment, CHANGES[name], upside_down)
    assert not checks.DOES[name]()


@pytest.mark.quick
def test_without_data_nothing_is_judged_and_the_figure_says_so(monkeypatch):
    def absent(name):
        raise data.DataNotFoundError(name)

    monkeypatch.setattr(runs.data, "load", absent)
    nothing = runs.run(runs.Config())
    assert statuses(augmentation, nothing) == dict.fromkeys(CLAIMS, "not judged")
    augmentation.draw(nothing)


@pytest.mark.parametrize(
    ("part", "judged"), [({"kind": [runs.NONE, "flip"]}, {"augment-flip"}), ({"seed": [0]}, set())]
)
def test_what_was_not_run_is_not_judged_and_still_drawn(part, judged, helpful, monkeypatch):
    monkeypatch.setattr(figure, "DRAWS", 1)
    shown = {name: runs.KINDS[name] for name in ("flip", "rotation")}
    monkeypatch.setattr(figure, "KINDS", shown)
    few = helpful.sel(part)
    found = statuses(augmentation, few)
    assert {claim for claim, status in found.items() if status != "not judged"} == judged
    augmentation.draw(few)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kinds": ("flop",)}, "no kind is called 'flop'"),
        ({"epochs": 30}, "epochs must be a multiple of 20"),
        ({"train_size": 10}, "train_size must be from 20 to 7500, got 10"),
        ({"train_size": 7501}, "train_size must be from 20 to 7500, got 7501"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        runs.Config(**settings)


@pytest.fixture
def faces(monkeypatch):
    """As the Simpsons, but fewer, and each class with a brightness of its own."""

    def made(count, seed):
        labels = np.arange(count) % 10
        noise = np.random.default_rng(seed).integers(0, 20, (count, 28, 28, 3))
        return (20 * labels[:, None, None, None] + noise).astype(np.uint8), labels

    few = data.from_arrays(*made(600, 0), *made(100, 1), name="faces", scale=255.0)
    monkeypatch.setattr(runs.data, "load", lambda name: few)
    return few


@pytest.mark.quick
def test_the_images_are_halved(faces):
    small = runs.halved(faces)
    assert small.train.inputs.shape == (600, 14, 14, 3)
    of_four = faces.test.inputs[7, 4:6, 8:10, 1]
    assert small.test.inputs[7, 2, 4, 1] == np.rint(of_four.mean())
    np.testing.assert_array_equal(small.test.labels, faces.test.labels)


def test_a_short_run_can_be_judged_and_trains_on_augmented_images(faces, monkeypatch):
    small = layers.serial(
        *(layers.conv2d(4, 3, strides=2), layers.relu, layers.conv2d(8, 3, strides=2)),
        *(layers.relu, layers.flatten, layers.dense(32), layers.relu, layers.dense(runs.CLASSES)),
    )
    monkeypatch.setattr(runs, "network", lambda: small)
    config = dataclasses.replace(runs.QUICK, kinds=("hue and brightness",), train_size=100)
    found = runs.run(config)
    final = found.isel(epoch=-1).mean("seed")
    assert final.seen_accuracy.sel(kind=runs.NONE, level="weak") > 0.3
    noisier = final.train_loss.sel(kind="hue and brightness")
    assert noisier.sel(level="strong") > noisier.sel(level="weak")
    assert set(statuses(augmentation, found).values()) == {"not judged"}
