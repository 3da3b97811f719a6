"""`sweep` maps a run over hyperparameters and seeds; `fit` is a sweep of one."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from jaxnn.data import Dataset
from jaxnn.train import lanes as lanes_
from jaxnn.train.axes import Grid, Lane, name_of
from jaxnn.train.run import Run

if TYPE_CHECKING:
    import xarray as xr


class Result(NamedTuple):
    """What `fit` answers.

    Attributes:
      history: losses and metrics by epoch.
      params: the trained params.
      state: the layers' state after training.
    """

    history: "xr.Dataset"
    params: Any
    state: Any


def fit(
    setup: Callable[..., Run],
    dataset: Dataset,
    /,
    *,
    progress: bool = False,
    **hyperparameters: Any,
) -> Result:
    """Trains one run.

    Args:
      setup: a function of hyperparameters that answers with a `Run`.
      dataset: what it is trained and tested on.
      progress: shows a bar.
      **hyperparameters: one value for each; `seed` (default 0) draws the initial params and the
        order of the examples.

    Raises:
      TypeError, ValueError: as `sweep`, or where a hyperparameter is a list.
    """
    grid = Grid(setup, hyperparameters)
    if grid.axes:
        name, values = next(iter(grid.axes.items()))
        raise ValueError(f"fit trains one run, but {name} has the values {values}: use sweep")
    return _train(setup, dataset, grid, progress=progress, keep_params=True)


def sweep(
    setup: Callable[..., Run],
    dataset: Dataset,
    /,
    *,
    progress: bool = False,
    return_params: bool = False,
    **hyperparameters: Any,
) -> Any:
    """Trains every combination of hyperparameters and seeds, as few compiled programs.

    Floats are traced: they and the seeds can change without a new compilation. Ints, strings,
    tuples and booleans are structure: each combination of them is a program of its own. Runs with
    the same seed start from the same params and see the same batches, so that settings can be
    compared in pairs. One run and many runs are two programs; how many runs there are is free.

    On a CPU the lanes run one after another on each JAX device, and have the bits of the single
    run. (Let JAX have a device per core: `jax.config.update("jax_num_cpu_devices", 2)` before its
    first use.) Elsewhere they are vectorised, and equal up to rounding.

    Args:
      setup: a function of hyperparameters that answers with a `Run`.
      dataset: what the runs are trained and tested on.
      progress: shows a bar.
      return_params: also gives the trained params of every run.
      **hyperparameters: a list, a range or an array is an axis; everything else, a tuple too, is
        one value for all runs. `seed` (default 0) is one of them. The values of an axis label it
        in the result; tuples, bools and None by their text: .sel(hidden="(50, 50)").

    Returns:
      An `xarray.Dataset` with the dimensions (*axes, epoch), epochs counted from 1, and
        train_loss and train_<metric>: means over the batches of the epoch, each taken before its
          update, the loss without the penalty of a regularizer,
        test_loss and test_<metric>: means over the test set after the epoch,
        the run's monitors, after the epoch,
        first_bad_step: without an epoch; the first update whose objective was not finite, counted
          from 0, or -1.
      Runs of fewer epochs than the longest are NaN after their end. With return_params a pair: the
      dataset, and the params with the axes in front.

    Raises:
      TypeError: a hyperparameter that the set-up does not have or lacks, or of a kind that cannot
        be one; a set-up that does not answer with a Run.
      ValueError: an axis that is empty, mixed or with duplicates; a value outside its range; data
        that do not fit the model; return_params where the axes change the structure.
    """
    grid = Grid(setup, hyperparameters)
    result = _train(setup, dataset, grid, progress=progress, keep_params=return_params)
    return (result.history, result.params) if return_params else result.history


def _train(setup, dataset, grid, *, progress, keep_params) -> Result:
    started = time.perf_counter()
    groups = [
        (_checked_run(setup, group, dataset, grid.names), group)
        for group in _by_structure(list(grid.lanes()))
    ]
    if keep_params and len(groups) > 1:
        raise ValueError(
            f"return_params needs runs of one structure, but these axes make {len(groups)}"
            " (each int, string, bool or tuple is one): sweep over them one by one"
        )
    longest = max(run.epochs for run, _ in groups)
    table: dict[str, np.ndarray] = {"first_bad_step": np.full(grid.shape, -1)}
    kept = []
    with _bar(progress, sum(run.epochs * len(group) for run, group in groups)) as bar:
        for run, group in groups:
            for done in lanes_.train(setup, dataset, run, group):
                for name, values in done.history.items():
                    unfilled = np.full((*grid.shape, longest), np.nan, _with_nan(values.dtype))
                    column = table.setdefault(name, unfilled)
                    end = done.first_epoch + values.shape[1]
                    for lane, row in zip(done.lanes, values, strict=True):
                        column[lane.position][done.first_epoch : end] = row
                if done.carry is not None:
                    for lane, step in zip(done.lanes, done.carry.first_bad_step, strict=True):
                        table["first_bad_step"][lane.position] = step
                    kept += [(done.carry.params, done.carry.state)] if keep_params else []
                bar.update(len(done.lanes) * values.shape[1])
    history = _to_dataset(
        table, grid, longest, setup=name_of(setup),
        dataset=dataset.name, programs=len(groups), seconds=time.perf_counter() - started,
    )  # fmt: skip
    if not keep_params:
        return Result(history, None, None)
    by_axes = jax.tree.map(
        lambda *parts: np.concatenate(parts).reshape(grid.shape + parts[0].shape[1:]), *kept
    )
    return Result(history, *by_axes)


def _with_nan(dtype: np.dtype) -> np.dtype:
    return dtype if np.issubdtype(dtype, np.floating) else np.dtype(float)


def _by_structure(lanes: list[Lane]) -> list[list[Lane]]:
    groups: dict[tuple, list[Lane]] = {}
    for lane in lanes:
        groups.setdefault(lane.static, []).append(lane)
    return list(groups.values())


def _checked_run(setup: Callable, lanes: list[Lane], dataset: Dataset, names: set[str]) -> Run:
    """Calls the set-up with the numbers of every lane, so that all are checked before training."""
    runs = {}
    for traced in {tuple(lane.traced.items()) for lane in lanes}:
        run = setup(**dict(lanes[0].static), **dict(traced))
        if not isinstance(run, Run):
            raise TypeError(f"{name_of(setup)} must answer with a train.Run, got {run!r}")
        runs[run.epochs, run.batch_size] = run
    if len(runs) > 1:
        raise ValueError(
            f"{name_of(setup)} gives the (epochs, batch_size) {sorted(runs)} for different floats:"
            " let them depend on ints, strings or tuples, which split into programs"
        )
    run.check_against(dataset, sorted(names))
    return run


def _to_dataset(table, grid: Grid, epochs: int, **attrs: Any) -> "xr.Dataset":
    import xarray as xr  # slow to import: only where a result is made

    def label(value):
        return str(value) if isinstance(value, tuple | bool | None) else value

    coords = {name: [label(value) for value in values] for name, values in grid.axes.items()}
    fixed = {name: label(value) for name, value in grid.fixed.items()}
    variables = {
        name: ((*coords, "epoch") if values.ndim > len(coords) else tuple(coords), values)
        for name, values in sorted(table.items())
    }
    return xr.Dataset(
        variables, {**coords, **fixed, "epoch": np.arange(1, epochs + 1)}, attrs=attrs
    )


def _bar(shown: bool, total: int) -> Any:
    from tqdm import tqdm

    hidden = None if shown else True  # None: hidden unless a terminal shows it
    return tqdm(total=total, unit="epoch", disable=hidden, leave=False, dynamic_ncols=True)
