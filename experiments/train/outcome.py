"""What the runs came to: a table, the diverged ones, a figure, and the files."""

import itertools
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments import results, style
from experiments.train.config import as_typed
from experiments.verdicts import mean_interval

MOST_CURVES = 10
MOST_DIVERGED = 20
MOST_LOSS = 100.0  # what is above is cut off in the figure
_REPEATS = ("seed", "fold")  # runs of one setting
_NOT_SETTINGS = (*_REPEATS, "epoch")


def final(metric: xr.DataArray, history: xr.Dataset) -> xr.DataArray:
    """The value of the params that each run kept: its last, or its best; NaN if it diverged."""
    if "best_epoch" in history:
        metric = metric.where(metric.epoch <= history.best_epoch)
    values = metric.transpose(..., "epoch").values
    from_end = np.isfinite(values[..., ::-1])
    last = values.shape[-1] - 1 - from_end.argmax(-1)
    picked = np.take_along_axis(values, last[..., None], -1)[..., 0]
    answer = metric.isel(epoch=0, drop=True).copy(data=picked)
    return answer.where(history.first_bad_step < 0)


def measured(history: xr.Dataset) -> str:
    """By what the settings are compared: the accuracy, or the loss of what classifies nothing."""
    return "accuracy" if "test_accuracy" in history else "loss"


def table(history: xr.Dataset) -> str:
    """A line for each setting: means over seeds and folds of what is measured, and an interval."""
    metric = measured(history)
    splits = [s for s in ("validation", "test") if f"{s}_{metric}" in history]
    heads = [*_setting_names(history), *(f"{s} {metric}" for s in splits), "95 % interval",
             "runs", "diverged"]  # fmt: skip
    rows = []
    for where in _settings(history):
        intervals = [
            mean_interval(final(history[f"{split}_{metric}"], history).isel(where).values.ravel())
            for split in splits
        ]
        last = intervals[-1]
        bounds = f"[{float(last.low):.4f}, {float(last.high):.4f}]"
        runs, diverged = int(last.runs), int(last.diverged)
        means = [f"{float(interval.mean):.4f}" if runs else "-" for interval in intervals]
        rows.append([*_values(history, where), *means, bounds if runs > 1 else "-",
                     str(runs), str(diverged)])  # fmt: skip
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in [heads, *rows]
    )


def diverged(history: xr.Dataset) -> list[str]:
    """A sentence for each run that went bad: at which step, with which loss, in which leaf."""
    steps = history.first_bad_step
    found = np.argwhere(steps.values >= 0)
    told = []
    for position in found[:MOST_DIVERGED]:
        where = dict(zip(steps.dims, map(int, position), strict=True))
        repeats = [name for name in _REPEATS if name in history.coords]
        values = _values(history, where, also=repeats)
        names = [*_setting_names(history), *repeats]
        run = ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
        sentence = f"diverged: {run}: at step {int(steps.isel(where))}"
        if "first_bad_loss" in history:
            sentence += f" with loss {float(history.first_bad_loss.isel(where)):g}"
            leaf = history.first_bad_leaf
            sentence += f", in {leaf.attrs['flag_meanings'].split()[int(leaf.isel(where))]}"
        told.append(sentence)
    if len(found) > MOST_DIVERGED:
        told.append(f"and {len(found) - MOST_DIVERGED} more")
    return told


def draw(history: xr.Dataset) -> Figure:
    """The training loss and what is measured on the test set; medians and ranges over seeds."""
    metric = measured(history)
    tested, unit = history[f"test_{metric}"], "nats" if metric == "accuracy" else "squared error"
    figure, (loss_ax, test_ax) = style.subplots(1, 2, size=(14, 5.5))
    order = list(_settings(history))
    means = np.array([float(final(tested, history).isel(where).mean()) for where in order])
    best = np.argsort(-means if metric == "accuracy" else means, kind="stable")  # NaN comes last
    drawn = sorted(best[:MOST_CURVES].tolist())
    for color, index in zip(style.shades(len(drawn)), drawn, strict=True):
        where = order[index]
        label = " ".join(_values(history, where))
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
        title = ", ".join(_setting_names(history))
        test_ax.legend(title=title, loc="best", fontsize="small", title_fontsize="small")
    return figure


def save(folder: pathlib.Path, history: xr.Dataset, record: dict[str, Any]) -> None:
    """Writes results.nc, results.json and curves.png (and .svg)."""
    results.save(folder, history, record)
    with style.applied():
        style.save(draw(history), folder / "curves")


def _draw_curve(ax: Any, metric: xr.DataArray, **line: Any) -> None:
    repeats = [name for name in _REPEATS if name in metric.dims]
    if repeats:
        runs = metric.drop_vars(_REPEATS, errors="ignore").stack(run=repeats, create_index=False)
        metric = runs.transpose("run", "epoch").rename(run="seed")
    else:
        metric = metric.drop_vars("seed", errors="ignore").expand_dims("seed")
    metric = metric.dropna("epoch", how="all")  # not every epoch is tested
    if metric.size:
        style.band(ax, metric.epoch, metric, whole_lanes=False, **line)


def _settings(history: xr.Dataset) -> Iterator[dict[str, int]]:
    """The position of each setting, whatever its seed."""
    dims = [dim for dim in history.first_bad_step.dims if dim not in _NOT_SETTINGS]
    for position in itertools.product(*(range(history.sizes[dim]) for dim in dims)):
        yield dict(zip(map(str, dims), position, strict=True))


def _setting_names(history: xr.Dataset) -> list[str]:
    """What tells the settings apart: the axes, and the values along the trials of a design."""
    coords = history.coords.items()
    return [str(n) for n, c in coords if c.ndim and n not in (*_NOT_SETTINGS, "trial")]


def _values(history: xr.Dataset, where: dict[str, int], *, also: Sequence[str] = ()) -> list[str]:
    names = [*_setting_names(history), *also]
    own = history.coords.to_dataset().isel(where)
    return [as_typed(own[name].item()) for name in names]
