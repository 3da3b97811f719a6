"""The figure, from the results alone."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.course.training.learning_rate.runs import GUESSING, SLIDE_RATES
from experiments.pages import style

CURVES = (1e-4, 0.002, 0.005, 0.01, 0.1, 1.0, 3.0, 100.0)  # the rates whose curves are drawn


def draw(results: xr.Dataset) -> Figure:
    """Top: the slides' line y = Wx, a single step on digits, and the three rates of r_tutorial over
    the product of rate and epochs. Bottom: the learning curves on digits (one legend for both), and
    where each rate ends. Lines are medians over seeds and bands their range; a cross with a count
    is the number of seeds that diverged to values that are not finite.
    """
    figure, axes = style.subplots(2, 3, size=(17, 9.5))
    results = results.sortby("learning_rate")
    _draw_the_line(axes[0, 0], results)
    _draw_a_step(axes[0, 1], results)
    _draw_the_rescaling(axes[0, 2], results)
    _draw_the_loss_curves(axes[1, 0], results)
    _draw_the_accuracy_curves(axes[1, 1], results)
    _draw_the_outcome(axes[1, 2], results)
    return figure


def _draw_the_line(ax, results) -> None:
    error = np.abs(results.line_w - 1.0)
    for rate in error.line_rate.values:
        is_limit = rate == 3 / 7
        ax.plot(
            error.step,
            error.sel(line_rate=rate),
            label="3/7" if is_limit else f"{rate:g}",
            **({"linestyle": "--", "color": "black", "zorder": 3} if is_limit else {}),
        )
    ax.set(yscale="log", xlabel="step", ylabel="|W − 1|", xlim=(0, 10))
    ax.set_title("The slides' line y = Wx: 3/7 is the limit")
    ax.legend(title="learning rate", loc="lower left")


def _draw_a_step(ax, results) -> None:
    style.band(ax, results.learning_rate, results.delivered, whole_lanes=False)
    style.reference(ax, "what the gradient promises", y=1.0)
    style.reference(ax, "below: the loss rises", y=0.0)
    ax.set(xscale="log", xlabel="learning rate h", ylabel="share of h|∇L|² delivered")
    ax.set(ylim=(-1, 1.15))
    ax.set_title("One step on digits (goes on below)")


def _draw_the_rescaling(ax, results) -> None:
    rates = [rate for rate in SLIDE_RATES if rate in results.learning_rate]
    for rate, dashes, width in zip(rates, ("-", "--", ":"), (5, 3, 3), strict=False):
        loss = results.digits_test_loss.sel(learning_rate=rate)
        style.band(
            ax, rate * loss.epoch, loss, label=f"{rate:g}", linestyle=dashes, linewidth=width
        )
    ax.set(xlabel="learning rate × epoch", ylabel="test loss (nats)", ylim=(0, None))
    ax.set_title("The rates of r_tutorial fall on one curve")
    if rates:
        ax.legend(title="learning rate", loc="lower left")


def _draw_the_loss_curves(ax, results) -> None:
    _draw_curves(ax, results.digits_train_loss)
    style.reference(ax, "", y=GUESSING)
    ax.set(xscale="log", yscale="log", xlabel="epoch", ylabel="training loss (nats)")
    ax.set_ylim(1e-3, 60)
    ax.set_title("Digits, training loss (dashed: guessing)")
    if ax.lines:
        ax.legend(title="learning rate", title_fontsize="small", loc="lower left",
                  fontsize="small", labelspacing=0.2, handlelength=1.2)  # fmt: skip


def _draw_the_accuracy_curves(ax, results) -> None:
    _draw_curves(ax, results.digits_test_accuracy)
    style.reference(ax, "", y=0.1)
    ax.set(xscale="log", xlabel="epoch", ylabel="test accuracy", ylim=(-0.03, 1.03))
    ax.set_title("Digits, test accuracy (colours: left)")


def _draw_curves(ax, metric: xr.DataArray) -> None:
    rates = [rate for rate in CURVES if rate in metric.learning_rate]
    for rate, color in zip(rates, style.shades(len(rates)), strict=True):
        style.band(ax, metric.epoch, metric.sel(learning_rate=rate), color=color, label=f"{rate:g}")


def _draw_the_outcome(ax, results) -> None:
    ax.axvspan(min(SLIDE_RATES), max(SLIDE_RATES), color="#dddddd", zorder=0)
    ax.annotate("rates of\nr_tutorial", (max(SLIDE_RATES), 0.45), xytext=(6, 0),
                textcoords="offset points", color="#555555")  # fmt: skip
    style.reference(ax, "guessing", y=0.1)
    for name, label, epoch in (("digits", "digits", "epoch"), ("mnist", "MNIST", "mnist_epoch")):
        if f"{name}_test_accuracy" not in results:
            continue
        last = results[f"{name}_test_accuracy"].isel({epoch: -1})
        label = f"{label}, {int(last[epoch])} epochs"
        line = style.band(
            ax, results.learning_rate, last, whole_lanes=False, marker="o", label=label
        )
        _mark_diverged(ax, results[f"{name}_first_bad_step"] >= 0, label, line.get_color())
    ax.set(xscale="log", xlabel="learning rate", ylabel="test accuracy", ylim=(-0.03, 1.03))
    ax.set_title("Where it ends")
    ax.legend(loc="lower center", bbox_to_anchor=(0.45, 0.12))


def _mark_diverged(ax, diverged: xr.DataArray, label: str, color: str) -> None:
    """A cross at the foot for every rate at which seeds diverged, and how many of how many."""
    height = 0.0 if label.startswith("digits") else 0.04
    for rate, count in zip(diverged.learning_rate.values, diverged.sum("seed").values, strict=True):
        if count:
            ax.plot(rate, height, "x", color=color, markersize=9, markeredgewidth=2.5)
            ax.annotate(f"{count} of {diverged.sizes['seed']} diverged", (rate, height),
                        xytext=(-8, 0), textcoords="offset points", color=color, fontsize="small",
                        horizontalalignment="right", verticalalignment="center")  # fmt: skip
