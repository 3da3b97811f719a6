"""The network, the right fit, and that of the slide on unscaled pixels."""

import dataclasses
from typing import Any

import numpy as np
import xarray as xr

from jaxnn import data, layers, losses, optimizers, train
from jaxnn.data.published import catalog, idx, release

WIDTHS = (784, 128, 64, 10)
SPLITS = {"train": "training", "validation": "validation", "test": "test"}


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    seeds: int = 10
    epochs: int = 30
    unscaled_epochs: int = 3


QUICK = Config(seeds=2, epochs=2, unscaled_epochs=1)
DATA = ("mnist",)
TOLERANCES = {
    f"{fit}_{split}_{name}": tolerance
    for fit, loosened in (("right", 1.0), ("unscaled", 10.0))
    for split in SPLITS
    for name, tolerance in (("loss", (0.1 * loosened, 0.02)), ("accuracy", (0.0, 0.02 * loosened)))
}


def setup(epochs):
    return train.Run(
        model=layers.serial(
            layers.flatten, layers.dense(128), layers.relu, layers.dense(64), layers.relu,
            layers.dense(10),
        ),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.gradient_descent(0.01),
        epochs=epochs,
        batch_size=64,
        folds=5,  # a fifth is held out, as by validation_split=0.2
    )  # fmt: skip


def run(config: Config) -> xr.Dataset:
    """Both fits of a seed start alike and see the same batches."""
    try:
        mnist = data.load("mnist")
    except data.DataNotFoundError:
        return xr.Dataset()
    seeds = range(config.seeds)
    fits = {
        "right": (mnist, config.epochs),
        "unscaled": (unscaled(mnist), config.unscaled_epochs),
    }
    histories = []
    for name, (dataset, epochs) in fits.items():
        history = train.sweep(setup, dataset, epochs=epochs, seed=seeds, progress=True)
        history = history.drop_vars(["epochs", *train.ENDINGS], errors="ignore")
        renamed = {variable: f"{name}_{variable}" for variable in history.data_vars}
        histories.append(history.rename(renamed).rename(epoch=f"{name}_epoch"))
    return xr.merge(histories).assign(first_image())


def first_image() -> dict[str, Any]:
    """The first of the publisher's training file and its label, where that file is at hand;
    tensorflow-datasets keeps another order.
    """
    folder = release.raw_folder(catalog.PUBLISHED["mnist"], release.data_root())
    images, labels = (folder / f"train-{what}-ubyte.gz" for what in ("images-idx3", "labels-idx1"))
    if not (images.exists() and labels.exists()):
        return {}
    return {
        "first_image": (("row", "column"), idx.read(images)[0]),
        "first_label": idx.read(labels)[0].astype(np.int32),
    }


def unscaled(mnist: data.Dataset) -> data.Dataset:
    """Training pixels from 0 to 255 as the slide fits them, test pixels from 0 to 1."""
    assert mnist.test is not None
    return data.from_arrays(
        mnist.train.inputs.astype(np.float32),
        mnist.train.labels,
        mnist.test.inputs.astype(np.float32) / np.float32(mnist.scale),
        mnist.test.labels,
        name="mnist, trained on unscaled",
        classes=mnist.classes,
    )
