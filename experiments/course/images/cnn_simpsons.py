"""Does the slides' convolutional network tell the Simpsons apart, and by which loss?

Slides:   cnn_session ("Simpson image classification project"; the network of
          32-32-pool-64-64-pool; binary_crossentropy where there are ten classes)
Run:      python -m experiments run cnn_simpsons
Takes:    about 90 s on two CPU cores
Expects:  (written before the first run, at half of the slides' widths) on 1,000 faces in colour
          the CNN is right for 60 to 75 % of unseen ones, at least ten points above a dense network
          of as many parameters; both cross-entropies end within two points of each other
"""

import dataclasses
import functools
import math

import jax
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, mean_interval
from experiments.course.images.cnn.runs import CLASSES, binary_on_softmax, network
from experiments.pages import style
from jaxnn import data, layers, losses, optimizers, train

SHAPE = (28, 28, 3)
NETWORKS, LOSSES = ("cnn", "dense"), ("categorical", "binary")
COLORS = {"cnn": "C0", "dense": "C1"}


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    seeds: int = 5
    epochs: int = 10
    images: int = 1000
    losses: tuple[str, ...] = LOSSES

    def __post_init__(self):
        if "categorical" not in self.losses:
            raise ValueError(f"losses={self.losses} lack 'categorical', which is drawn: add it")
        if self.images < 25:
            raise ValueError(f"images={self.images} do not fill a batch of 25: take more")


QUICK = Config(seeds=1, epochs=2, losses=("categorical",))
DATA = ("simpsons_mnist",)
TOLERANCES = {
    "train_accuracy": (0.0, 0.1),
    "test_accuracy": (0.0, 0.05),
    "train_loss": (0.5, 0.2),
    "test_loss": (0.3, 0.2),
}
WHOLE_RUN = ("test_accuracy", "test_loss")


def setup(network_kind, loss, epochs):
    is_binary = loss == "binary"
    return train.Run(
        model=network("cnn") if network_kind == "cnn" else dense(),
        loss=binary_on_softmax if is_binary else losses.softmax_cross_entropy,
        targets=functools.partial(jax.nn.one_hot, num_classes=CLASSES) if is_binary else None,
        optimizer=optimizers.adam(0.001),
        epochs=epochs,
        batch_size=25,
        evaluate_every=epochs,
    )


def dense() -> layers.Layer:
    """One hidden layer, so wide that there are as many parameters as in the CNN."""
    inputs = math.prod(SHAPE)
    units = round((num_params(network("cnn")) - CLASSES) / (inputs + 1 + CLASSES))
    return layers.serial(layers.flatten, layers.dense(units), layers.relu, layers.dense(CLASSES))


def num_params(model: layers.Layer) -> int:
    """How many numbers a network learns, on images of SHAPE."""
    params = jax.eval_shape(lambda: model.init(jax.random.key(0), SHAPE)[0])
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def run(config: Config) -> xr.Dataset:
    """Every seed draws its own training images; the networks and losses of a seed share them."""
    history = train.sweep(
        setup, data.load("simpsons_mnist"), train_size=config.images, epochs=config.epochs,
        network_kind=list(NETWORKS), loss=list(config.losses), seed=range(config.seeds),
        progress=True,
    )  # fmt: skip
    kept = history[list(TOLERANCES)]
    for name in WHOLE_RUN:
        kept[name] = kept[name].isel(epoch=-1, drop=True)
    return kept


def draw(results: xr.Dataset) -> Figure:
    """Left: accuracy on 2,000 unseen faces, each seed, mean and 95 % interval. Middle: accuracy on
    the faces seen, while the networks are trained, medians and ranges over seeds. Right:
    differences paired by seed, with 95 % intervals.
    """
    figure, (end_ax, seen_ax, gain_ax) = style.subplots(1, 3, size=(18, 5.5))
    _draw_the_end(end_ax, 100 * results.test_accuracy)
    for kind in NETWORKS:
        curve = 100 * results.train_accuracy.sel(network_kind=kind, loss="categorical")
        style.band(seen_ax, curve.epoch, curve, spread="range", color=COLORS[kind], label=kind)
    seen_ax.set(xlabel="epoch", ylabel="training accuracy (%)", title="Faces that were seen")
    seen_ax.legend(loc="best")
    _draw_the_gains(gain_ax, 100 * results.test_accuracy)
    return figure


def _draw_the_end(ax, accuracy: xr.DataArray) -> None:
    settings = [(kind, loss) for kind in NETWORKS for loss in accuracy.loss.values]
    for place, (kind, loss) in enumerate(settings):
        own = accuracy.sel(network_kind=kind, loss=loss)
        ax.plot(own, np.full(own.size, place), "o", color=COLORS[kind], alpha=0.5)
        style.interval(ax, place, mean_interval(own))
    ax.set_yticks(range(len(settings)), [f"{kind}, {loss}" for kind, loss in settings])
    ax.set(ylim=(len(settings) - 0.5, -0.5), xlabel="test accuracy (%)")
    ax.set_title("Faces that were not seen")


def _draw_the_gains(ax, accuracy: xr.DataArray) -> None:
    right = accuracy.sel(loss="categorical", drop=True)
    gains = {"cnn over dense": right.sel(network_kind="cnn") - right.sel(network_kind="dense")}
    if "binary" in accuracy.loss:
        cnn = accuracy.sel(network_kind="cnn", drop=True)
        gains["binary over\ncategorical, cnn"] = cnn.sel(loss="binary") - cnn.sel(
            loss="categorical"
        )
    for place, gain in enumerate(gains.values()):
        style.interval(ax, place, mean_interval(gain))
    style.reference(ax, "", x=0.0)
    ax.set_yticks(range(len(gains)), list(gains))
    ax.set(ylim=(len(gains) - 0.5, -0.5), xlabel="change of test accuracy (points)")
    ax.set_title("What it is worth, paired by seed")


def judge(results: xr.Dataset) -> list[Verdict]:
    """The slides print no result on the Simpsons: nothing is judged."""
    del results
    return []
