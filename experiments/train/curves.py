"""What the runs came to, drawn: the curves of the best settings, and the files."""

import pathlib
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.pages import style
from experiments.record import results
from experiments.train import outcome

MOST_CURVES = 10
MOST_LOSS = 100.0  # what is above is cut off


def draw(history: xr.Dataset) -> Figure:
    """The training loss and what is measured on the test set; medians and ranges over seeds."""
    metric = outcome.measured(history)
    tested, unit = history[f"test_{metric}"], "nats" if metric == "accuracy" else "squared error"
    figure, (loss_ax, test_ax) = style.subplots(1, 2, size=(14, 5.5))
    order = list(outcome.settings(history))
    means = np.array([float(outcome.final(tested, history).isel(where).mean()) for where in order])
    best = np.argsort(-means if metric == "accuracy" else means, kind="stable")  # NaN comes last
    drawn = sorted(best[:MOST_CURVES].tolist())
    for color, index in zip(style.shades(len(drawn)), drawn, strict=True):
        where = order[index]
        label = " ".join(outcome.typed_values(history, where))
        own = history.isel(where)
        sound = own.first_bad_step < 0  # a run that stopped early is drawn as far as it went
        _draw_curve(loss_ax, own.train_loss.where(sound), label=label, color=color)
        _draw_curve(test_ax, own[tested.name].where(sound), label=label, color=color)
    loss_ax.set(xlabel="epoch", ylabel=f"training loss ({unit})", yscale="log")
    loss_ax.set_ylim(top=min(loss_ax.get_ylim()[1], MOST_LOSS))
    for ax in (loss_ax, test_ax):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    test_ax.set(xlabel="epoch", ylabel=f"test {metric}")
    if metric == "loss":
        test_ax.set(yscale="log", ylabel=f"test loss ({unit})")
    rest = len(order) - len(drawn)
    test_ax.set_title(f"the {len(drawn)} best of {len(order)} settings" if rest else "")
    if len(drawn) > 1:
        title = ", ".join(outcome.setting_names(history))
        test_ax.legend(title=title, loc="best", fontsize="small", title_fontsize="small")
    return figure


def save(folder: pathlib.Path, history: xr.Dataset, record: dict[str, Any]) -> None:
    """Writes results.nc, results.json and curves.png (and .svg)."""
    results.save(folder, history, record)
    with style.applied():
        style.save(draw(history), folder / "curves")


def _draw_curve(ax: Any, metric: xr.DataArray, **line: Any) -> None:
    repeats = [name for name in outcome.REPEATS if name in metric.dims]
    if repeats:
        runs = metric.drop_vars(outcome.REPEATS, errors="ignore").stack(
            run=repeats, create_index=False
        )
        metric = runs.transpose("run", "epoch").rename(run="seed")
    else:
        metric = metric.drop_vars("seed", errors="ignore").expand_dims("seed")
    metric = metric.dropna("epoch", how="all")  # not every epoch is tested
    if metric.size:
        style.band(ax, metric.epoch, metric, whole_lanes=False, **line)
