"""What each method is worth, over methods, over their strengths, and over learning rates."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import paired_difference
from experiments.course.generalization import strengths
from experiments.course.generalization.regularization.judges import EARLY, best_rates, with_gaps
from experiments.course.generalization.regularization.runs import NONE
from experiments.pages import style

SHOWN_EPOCHS = 15  # of the start of training


def draw(results: xr.Dataset) -> Figure:
    """Top: what each method changes, against the same network without it and paired by seed; means
    and 95 % intervals, at the strength that each seed chose by the others' validation images.
    Bottom left: the same change of accuracy, at every strength that was tried, means and intervals.
    Bottom middle and right: with batch norm and without, the loss early in training over the
    learning rate, and over the epochs at each one's best rate; medians and ranges over the seeds.
    """
    figure, axes = style.subplots(2, 3, size=(17, 10.5))
    at_chosen = with_gaps(strengths.chosen(results))
    methods = [str(method) for method in results.kind.values if method != NONE]
    changes = {
        "test accuracy (points)": 100 * at_chosen.test_accuracy,
        "gap of test and training loss (nats)": at_chosen.gap,
        "over-confidence (points)": 100 * at_chosen.over_confidence,
    }
    titles = ("What it is worth", "The gap it narrows", "The confidence it dampens")
    for ax, (label, values), title in zip(axes[0], changes.items(), titles, strict=True):
        _draw_changes(ax, values, methods)
        ax.set(xlabel=f"change of {label}", title=title)
        if ax is not axes[0, 0]:
            ax.set_yticklabels([])
    _draw_strengths(axes[1, 0], results, methods)
    _draw_rates(axes[1, 1], results)
    _draw_starts(axes[1, 2], results)
    return figure


def _draw_changes(ax, values: xr.DataArray, methods: list[str]) -> None:
    for place, method in enumerate(methods):
        change = strengths.gain(values, method)
        ax.plot([change.low, change.high], [place, place], color="C0", lw=2.5)
        ax.plot([change.mean], [place], marker="o", markersize=8, color="C0")
    ax.set(
        yticks=np.arange(len(methods)), yticklabels=methods, ylim=(max(len(methods), 1) - 0.5, -0.5)
    )
    style.reference(ax, "", x=0.0)


def _draw_strengths(ax, results: xr.Dataset, methods: list[str]) -> None:
    accuracy = 100 * results.test_accuracy.isel(epoch=-1)
    without = accuracy.sel(kind=NONE).isel(level=0, drop=True)
    shown = [m for m in methods if int(results.strength.sel(kind=m).notnull().sum()) > 1]
    places = np.arange(results.sizes["level"])
    markers = "os^Dvp"
    for i, method in enumerate(shown):
        gain = paired_difference(accuracy.sel(kind=method), without.broadcast_like(
            accuracy.sel(kind=method)))  # fmt: skip
        aside = 0.1 * (i - (len(shown) - 1) / 2)
        (line,) = ax.plot(places + aside, gain.mean, marker=markers[i % 6], label=method)
        ax.vlines(places + aside, gain.low, gain.high, color=line.get_color(), lw=1.5)
    style.reference(ax, "", y=0.0)
    ax.set_xticks(places, [str(level) for level in results.level.values])
    ax.set(xlabel="strength", ylabel="change of test accuracy (points)")
    ax.set_title("Over the strength")
    if shown:
        ax.legend(loc="lower left", fontsize="small")


def _draw_rates(ax, results: xr.Dataset) -> None:
    for name, color in _norms(results):
        early = results.rate_loss.sel(norm=name).sel(rate_epoch=EARLY)
        style.band(ax, results.learning_rate, early, whole_lanes=False, color=color, marker="o",
                   label=name if name != NONE else "without")  # fmt: skip
    rates = results.learning_rate.values
    ax.set(xscale="log", xlabel="learning rate", ylabel=f"training loss in epoch {EARLY} (nats)")
    ax.set(ylim=(0, 4))
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.minorticks_off()
    ax.set_title("Batch norm: the rates that work")
    ax.legend(loc="upper left")


def _draw_starts(ax, results: xr.Dataset) -> None:
    best = best_rates(results)
    shown = results.rate_loss.sel(rate_epoch=slice(None, SHOWN_EPOCHS))
    for name, color in _norms(results):
        curve = shown.sel(norm=name, learning_rate=best[name])
        label = f"{name if name != NONE else 'without'}, rate {best[name]:g}"
        style.band(ax, curve.rate_epoch, curve, color=color, label=label)
    ax.set(xlabel="epoch", ylabel="training loss (nats)", ylim=(0, None))
    ax.set_title("Batch norm: at the best rate")
    ax.legend(loc="upper right")


def _norms(results: xr.Dataset) -> list[tuple[str, str]]:
    return list(zip([str(name) for name in results.norm.values], ("C0", "C1"), strict=False))
