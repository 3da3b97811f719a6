"""How much dropout, and how strong a penalty, does the convolutional network want?

Slides:   cnn_session (Dropout(0.4) behind each pooling), chapter5 5.6 (Ridge)
Run:      python -m experiments run cnn_regularization
Takes:    about 90 s on two CPU cores
Expects:  (written before the first run; that run, with batch norm's momentum at 0.99, told little:
          its running moments were not there after 300 updates) on a sixth of the digits dropout
          of 0.2 to 0.4 gains about a point of test accuracy over none and 0.8 costs more; a penalty
          of 0.001 adds less than half a point to it, and one of 0.03 costs
"""

import dataclasses

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, mean_interval
from experiments.course.images.cnn.runs import network
from experiments.pages import style
from jaxnn import data, losses, optimizers, regularizers, train


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    dropouts: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8)
    strengths: tuple[float, ...] = (0.0, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    seeds: int = 5
    epochs: int = 30
    images: int = 250


QUICK = Config(dropouts=(0.0, 0.4), strengths=(0.0, 1e-3), seeds=1, epochs=3)
DATA = ("digits",)
TOLERANCES = {
    "train_loss": (0.5, 0.1),
    "test_loss": (0.3, 0.1),
    "train_accuracy": (0.0, 0.1),
    "test_accuracy": (0.0, 0.05),
}
WHOLE_RUN = tuple(TOLERANCES)  # only the end of a run is kept


def setup(dropout, l2, epochs):
    return train.Run(
        model=network("cnn", dropout=dropout, filters=(8, 16), units=32),
        loss=losses.softmax_cross_entropy,
        regularizer=regularizers.l2(l2),
        optimizer=optimizers.adam(0.003),
        epochs=epochs,
        batch_size=25,
        evaluate_every=epochs,
    )


def run(config: Config) -> xr.Dataset:
    """Every seed draws its own training images; all settings of a seed share them."""
    history = train.sweep(
        setup, data.load("digits"), train_size=config.images, epochs=config.epochs,
        dropout=list(config.dropouts), l2=list(config.strengths), seed=range(config.seeds),
        progress=True,
    )  # fmt: skip
    return history[list(TOLERANCES)].isel(epoch=-1)


def draw(results: xr.Dataset) -> Figure:
    """Means over seeds at the end. Left: test accuracy for every dropout rate and strength of the
    L2 penalty. Right: along the rates without a penalty, and along the strengths without dropout
    and at the slide's 0.4, with 95 % intervals.
    """
    figure, (grid_ax, rate_ax, strength_ax) = style.subplots(1, 3, size=(18, 5.5))
    accuracy = 100 * results.test_accuracy.sortby(["dropout", "l2"])
    _draw_the_grid(grid_ax, accuracy)
    places = np.arange(accuracy.sizes["dropout"])
    _draw_intervals(rate_ax, places, accuracy.isel(l2=0), "C0", f"λ = {float(accuracy.l2[0]):g}")
    rate_ax.set_xticks(places, [f"{rate:g}" for rate in accuracy.dropout.values])
    rate_ax.set(xlabel="dropout", ylabel="test accuracy (%)", title="Dropout")
    rate_ax.legend(loc="best")
    places = np.arange(accuracy.sizes["l2"])
    for color, rate in zip(("C1", "C0"), (0.0, 0.4), strict=True):
        if rate in accuracy.dropout:
            own = accuracy.sel(dropout=rate)
            _draw_intervals(strength_ax, places, own, color, f"dropout {rate:g}")
    strength_ax.set_xticks(places, [f"{strength:g}" for strength in accuracy.l2.values])
    strength_ax.set(xlabel="strength λ of the penalty", title="Penalty")
    if strength_ax.lines:
        strength_ax.legend(loc="best")
    return figure


def _draw_the_grid(ax, accuracy) -> None:
    mean = accuracy.mean("seed").transpose("dropout", "l2")
    ax.imshow(mean, cmap="viridis", aspect="auto")
    ax.grid(visible=False)
    middle = float(mean.min() + mean.max()) / 2
    for row, column in np.ndindex(mean.shape):
        value = float(mean[row, column])
        color = "black" if value > middle else "white"
        ax.text(column, row, f"{value:.1f}", ha="center", va="center", color=color)
    ax.set_xticks(range(mean.sizes["l2"]), [f"{strength:g}" for strength in mean.l2.values])
    ax.set_yticks(range(mean.sizes["dropout"]), [f"{rate:g}" for rate in mean.dropout.values])
    ax.set(xlabel="strength λ of the penalty", ylabel="dropout")
    ax.set_title("Test accuracy (%), mean over seeds")


def _draw_intervals(ax, places, accuracy, color: str, label: str) -> None:
    mean = mean_interval(accuracy)
    ax.plot(places, mean.mean, marker="o", color=color, label=label)
    ax.fill_between(places, mean.low, mean.high, color=color, alpha=0.2, lw=0)


def judge(results: xr.Dataset) -> list[Verdict]:
    """No claim of the slides names a best rate or strength: nothing is judged."""
    del results
    return []
