"""Costs by size and by rate beside the printed ones, and the accuracies at the end."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import claims
from experiments.course.classifiers.cats_and_dogs.runs import PRINTED_AT
from experiments.pages import style


def draw(results: xr.Dataset) -> Figure:
    """Left: the cost at rate 0.01 for three sizes of the training set, and the ten costs that the
    slide prints. Middle: the three rates at 200 images. Right: accuracies at the end, one dot for
    each draw of the training images, and the slide's. Medians and ranges over the draws.
    """
    if not results:
        return style.note("The images of cats and dogs were not at hand")
    figure, (size_ax, rate_ax, score_ax) = style.subplots(1, 3, size=(18, 6))
    rate = float(results.learning_rate[0])
    lines = [
        style.band(size_ax, results.iteration,
                   results.cost.sel(size=size, learning_rate=rate), dim="draw",
                   label=f"{int(size)} images", color=color)
        for size, color in zip(results["size"].values, style.shades(results.sizes["size"]),
                               strict=True)
    ]  # fmt: skip
    printed = claims()["r-train-costs"].printed_value
    (slide,) = size_ax.plot(PRINTED_AT, printed, "x", color="C1", markersize=9,
                            markeredgewidth=2, label="slide")  # fmt: skip
    style.reference(size_ax, "log 2", y=float(np.log(2)))
    size_ax.legend(handles=[*lines, slide], loc="lower left")
    size_ax.set(xscale="log", yscale="log", xlabel="iteration", ylabel="cost (nats)",
                title=f"Rate {rate:g}")  # fmt: skip
    _draw_the_rates(rate_ax, results)
    _draw_the_scores(score_ax, results)
    return figure


def _middle_size(results) -> int:
    return 200 if 200 in results["size"] else int(results["size"][0])


def _draw_the_rates(ax, results) -> None:
    size = _middle_size(results)
    for place, rate in enumerate(results.learning_rate.values):
        style.band(ax, results.iteration, results.cost.sel(size=size, learning_rate=rate),
                   dim="draw", label=f"rate {rate:g}", color=f"C{place}")  # fmt: skip
    ax.set(xlabel="iteration", ylabel="cost (nats)", ylim=(0, 1))
    ax.set_title(f"The slide's axes, {size} images")
    ax.legend(loc="upper right")


def _draw_the_scores(ax, results) -> None:
    rate = float(results.learning_rate[0])
    places = np.arange(results.sizes["size"])
    for name, color, label in (("train", "C0", "seen"), ("test", "C1", "unseen, 800 images")):
        scores = 100 * results[f"{name}_accuracy"].sel(learning_rate=rate)
        for place, size in zip(places, results["size"].values, strict=True):
            dots = scores.sel(size=size)
            ax.plot(np.full(dots.size, place), dots, "o", color=color, alpha=0.6,
                    label=label if place == 0 else None)  # fmt: skip
    style.reference(ax, "slide: 62 % of the unseen", y=62.0)
    style.reference(ax, "guessing", y=50.0)
    ax.set_xticks(places, [f"{int(size)}" for size in results["size"].values])
    ax.set(xlabel="training images", ylabel="accuracy (%)", ylim=(45, 102))
    ax.set(xlim=(-0.5, len(places) - 0.5), title=f"After {int(results.iteration[-1])} iterations")
    ax.legend(loc="center left")
