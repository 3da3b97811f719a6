"""A small convolutional network on two hundred faces, with each kind of augmentation in turn."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from experiments.course.generalization.strengths import LEVELS
from jaxnn import augment, data, layers, losses, metrics, optimizers, train

NONE = "none"
CLASSES, PIXELS = 10, 14  # a side: the images are halved, which makes them four times as fast


@dataclasses.dataclass(frozen=True)
class Kind:
    """One of the slide's augmentations, and the strengths that are tried, weakest first.

    Attributes:
      of: strength -> augmentation; lengths are shares of the image's side.
      claim: the slide's.
    """

    claim: str
    of: Callable
    strengths: tuple[float, ...]


KINDS = {
    "flip": Kind("augment-flip", augment.horizontal_flip, (0.5,)),
    "crop and resize": Kind(
        "augment-crop-resize", lambda s: augment.crop_and_resize(1 - s), (0.1, 0.2, 0.4)
    ),
    "colours": Kind(
        "augment-colour-jitter",
        lambda s: augment.chain(augment.contrast(s), augment.saturation(s)),
        (0.2, 0.4, 0.8),
    ),
    "hue and brightness": Kind(
        "augment-hue-brightness",
        lambda s: augment.chain(augment.brightness(s), augment.hue(s / 4)),
        (0.1, 0.2, 0.4),
    ),
    "translation": Kind(
        "augment-translation",
        lambda s: lambda key, image: augment.translation(s * len(image))(key, image),
        (0.07, 0.14, 0.28),
    ),
    "rotation": Kind("augment-rotation", augment.rotation, (5.0, 15.0, 30.0)),
    "stretching": Kind("augment-stretching", augment.random_stretch, (0.1, 0.2, 0.4)),
    "shearing": Kind("augment-shearing", augment.random_shear, (0.1, 0.2, 0.4)),
    "lens distortion": Kind("augment-lens-distortion", augment.lens_distortion, (0.1, 0.2, 0.3)),
}
EVERY = 20  # epochs from one evaluation to the next
BATCH_SIZE = 20
VALIDATION_SIZE, TRAIN_SIZE = 500, 7_500  # of 8,000; each seed trains on a part of the latter


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    kinds: tuple[str, ...] = tuple(KINDS)
    seeds: int = 20  # ten told hue from nothing on one processor, and not on another
    epochs: int = 40
    train_size: int = 200

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise ValueError(f"no kind is called {kind!r}: there are {', '.join(KINDS)}")
        if self.epochs < EVERY or self.epochs % EVERY:
            raise ValueError(
                f"epochs must be a multiple of {EVERY}, when a run is evaluated, got {self.epochs}"
            )
        if self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, got {self.seeds}")
        if not BATCH_SIZE <= self.train_size <= TRAIN_SIZE:
            raise ValueError(
                f"train_size must be from {BATCH_SIZE} to {TRAIN_SIZE}, got {self.train_size}"
            )


QUICK = Config(kinds=(), seeds=2, epochs=EVERY)
DATA = ("simpsons_mnist",)
WHOLE_RUN = ("seen_loss", "seen_accuracy")  # of the trained network
TOLERANCES = {
    "strength": (0.0, 0.0),
    "train_loss": (0.2, 0.05),
    "train_accuracy": (0.0, 0.1),
    "validation_loss": (0.2, 0.1),
    "validation_accuracy": (0.0, 0.05),
    "test_loss": (0.2, 0.1),
    "test_accuracy": (0.0, 0.05),
    "seen_loss": (0.2, 0.05),
    "seen_accuracy": (0.0, 0.05),
}


def setup(kind, strength, epochs):
    return train.Run(
        model=network(),
        loss=losses.softmax_cross_entropy,
        augment=None if kind == NONE else augment.per_image(KINDS[kind].of(strength)),
        optimizer=optimizers.adam(0.003),
        epochs=epochs,
        batch_size=BATCH_SIZE,
        evaluate_every=EVERY,
    )


def network() -> layers.Layer:
    """From 14x14 to 7x7 to 4x4 pixels, by strides."""
    return layers.serial(
        *(layers.conv2d(16, 3, strides=2), layers.relu),
        *(layers.conv2d(32, 3, strides=2), layers.relu),
        *(layers.flatten, layers.dense(64), layers.relu, layers.dense(CLASSES)),
    )


def run(config: Config) -> xr.Dataset:
    """Every seed draws its own training images, the same for all kinds; nothing without data."""
    try:
        faces = data.load("simpsons_mnist")
    except data.DataNotFoundError:
        return xr.Dataset()
    images = data.hold_out(halved(faces), VALIDATION_SIZE)
    kinds = [NONE, *(kind for kind in KINDS if kind in config.kinds)]
    histories = [_trained(kind, images, config) for kind in kinds]
    results = xr.concat(histories, xr.Variable("kind", kinds), join="outer")
    results = results.reindex(level=list(LEVELS))
    strengths = np.full((len(kinds), len(LEVELS)), np.nan)
    for row, kind in zip(strengths, kinds, strict=True):
        row[: len(_strengths(kind))] = _strengths(kind)
    evaluated = [epoch for epoch in results.epoch.values if epoch % EVERY == 0]
    return results.sel(epoch=evaluated).assign(strength=(("kind", "level"), strengths))


def halved(faces: data.Dataset) -> data.Dataset:
    """Each pixel is the mean of four, rounded."""

    def small(examples):
        count, *_, channels = examples.inputs.shape
        fours = examples.inputs.reshape(count, PIXELS, 2, PIXELS, 2, channels)
        return np.rint(fours.mean(axis=(2, 4))).astype(np.uint8), examples.labels

    return data.from_arrays(
        *small(faces.train), *small(faces.test), name=faces.name, classes=faces.classes,
        scale=faces.scale,
    )  # fmt: skip


def _strengths(kind: str) -> tuple[float, ...]:
    return (0.0,) if kind == NONE else KINDS[kind].strengths


def _trained(kind: str, images: data.Dataset, config: Config) -> xr.Dataset:
    """[level, seed, epoch]"""
    history, params = train.sweep(
        setup, images, kind=kind, strength=list(_strengths(kind)), seed=range(config.seeds),
        epochs=config.epochs, train_size=config.train_size, return_params=True, progress=True,
    )  # fmt: skip
    loss, accuracy = _seen(images, params, config)
    coords = {"strength": history.strength, "seed": history.seed}
    history = history.drop_vars(train.ENDINGS, errors="ignore").reset_coords(drop=True)
    history = history.assign(
        seen_loss=xr.DataArray(loss, coords), seen_accuracy=xr.DataArray(accuracy, coords)
    ).rename(strength="level")
    return history.assign_coords(level=list(LEVELS[: history.sizes["level"]]))


def _seen(images: data.Dataset, params, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """[strength, seed]: loss and accuracy of the trained networks on the very images they were
    trained on, as these are; the history has them augmented.
    """
    model, examples = network(), images.train
    rows = np.stack([
        data.subset_rows(len(examples.labels), size=config.train_size, seed=seed)
        for seed in range(config.seeds)
    ])  # fmt: skip
    inputs = examples.inputs[rows].astype(np.float32) / np.float32(images.scale)
    _, state, _ = model.init(jax.random.key(0), inputs.shape[2:])

    def measured(params, x, y):
        logits, _, _ = model.forward(params, state, x, None, False)
        loss = losses.softmax_cross_entropy(logits, y)
        return loss.mean(), metrics.accuracy(logits, y).mean()

    over_both = jax.jit(jax.vmap(jax.vmap(measured), (0, None, None)))
    loss, accuracy = over_both(params, inputs, jnp.asarray(examples.labels[rows]))
    return np.asarray(loss), np.asarray(accuracy)
