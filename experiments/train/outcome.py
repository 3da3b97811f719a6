"""What the runs came to, in words: a table, and the diverged ones."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from experiments.claims.verdicts import mean_interval
from experiments.train.config import as_typed

MOST_DIVERGED = 20
REPEATS = ("seed", "fold")  # runs of one setting
_NOT_SETTINGS = (*REPEATS, "epoch")


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
    heads = [*setting_names(history), *(f"{s} {metric}" for s in splits), "95 % interval",
             "runs", "diverged"]  # fmt: skip
    rows = []
    for where in settings(history):
        intervals = [
            mean_interval(final(history[f"{split}_{metric}"], history).isel(where).values.ravel())
            for split in splits
        ]
        last = intervals[-1]
        bounds = f"[{float(last.low):.4f}, {float(last.high):.4f}]"
        runs, diverged = int(last.runs), int(last.diverged)
        means = [f"{float(interval.mean):.4f}" if runs else "-" for interval in intervals]
        rows.append([*typed_values(history, where), *means, bounds if runs > 1 else "-",
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
        repeats = [name for name in REPEATS if name in history.coords]
        values = typed_values(history, where, also=repeats)
        names = [*setting_names(history), *repeats]
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


def settings(history: xr.Dataset) -> Iterator[dict[str, int]]:
    """The position of each setting, whatever its seed."""
    dims = [dim for dim in history.first_bad_step.dims if dim not in _NOT_SETTINGS]
    for position in itertools.product(*(range(history.sizes[dim]) for dim in dims)):
        yield dict(zip(map(str, dims), position, strict=True))


def setting_names(history: xr.Dataset) -> list[str]:
    """What tells the settings apart: the axes, and the values along the trials of a design."""
    coords = history.coords.items()
    return [str(n) for n, c in coords if c.ndim and n not in (*_NOT_SETTINGS, "trial")]


def typed_values(
    history: xr.Dataset, where: dict[str, int], *, also: Sequence[str] = ()
) -> list[str]:
    """The names' values there, as one types them; also those of others, after them."""
    names = [*setting_names(history), *also]
    own = history.coords.to_dataset().isel(where)
    return [as_typed(own[name].item()) for name in names]
