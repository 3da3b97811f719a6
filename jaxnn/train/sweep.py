"""`sweep` maps a run over hyperparameters and seeds; `fit` is a sweep of one."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from jaxnn.data import Dataset
from jaxnn.train import lanes as lanes_
from jaxnn.train import program, samples
from jaxnn.train.axes import Grid, Lane, name_of
from jaxnn.train.designs import Trials
from jaxnn.train.history import History, describe
from jaxnn.train.lanes import Progress
from jaxnn.train.layout import How
from jaxnn.train.progress import Bar
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
    lanes: How = "auto",
    num_devices: int | None = None,
    on_chunk: Callable[[Progress], Any] | None = None,
    **hyperparameters: Any,
) -> Result:
    """Trains one run.

    Args:
      setup: a function of hyperparameters that answers with a `Run`.
      dataset: what it is trained and tested on.
      progress: shows a bar.
      lanes: "data" spreads every batch over the devices; otherwise one of them does it all.
      num_devices: as in `sweep`.
      on_chunk: as in `sweep`.
      **hyperparameters: one value for each, and the settings that every run has: see `sweep`.

    Raises:
      TypeError, ValueError: as `sweep`, or where a hyperparameter is a list.
    """
    grid = Grid(setup, hyperparameters)
    if grid.axes:
        name, values = next(iter(grid.axes.items()))
        raise ValueError(f"fit trains one run, but {name} has the values {values}: use sweep")
    options = _Options(progress, True, lanes, num_devices, on_chunk)
    return _train(setup, dataset, grid, options)


def sweep(
    setup: Callable[..., Run],
    dataset: Dataset,
    design: Trials | None = None,
    /,
    *,
    progress: bool = False,
    return_params: bool = False,
    lanes: How = "auto",
    num_devices: int | None = None,
    on_chunk: Callable[[Progress], Any] | None = None,
    **hyperparameters: Any,
) -> Any:
    """Trains every combination of hyperparameters and seeds, as few compiled programs.

    Floats are traced: they and the seeds can change without a new compilation. Ints, strings,
    tuples and booleans are structure: each combination of them is a program of its own. Runs with
    the same seed start from the same params and see the same batches, so that settings can be
    compared in pairs. One run and many runs are two programs; how many runs there are is free.

    On a CPU the lanes run one after another on each JAX device, and have the bits of the single
    run. (Let JAX have a device per core: `jax.config.update("jax_num_cpu_devices", 2)` before its
    first use.) Elsewhere they are vectorised, and equal up to rounding. In a `jax.distributed`
    program every process runs a part of the lanes, and all of them get the whole result.

    Args:
      setup: a function of hyperparameters that answers with a `Run`.
      dataset: what the runs are trained and tested on.
      design: `train.zipped(...)` or `train.random(...)`: settings that belong together, along the
        dimension "trial", each combined with the axes of the grid.
      progress: shows a bar.
      return_params: also gives the trained params of every run.
      lanes: "map", one after another on each device; "vmap", all of a device at once; "data", one
        after another with every batch spread over all devices; "auto" takes what was measured to be
        fastest: map on a CPU, vmap elsewhere.
      num_devices: how many devices are used; None for all.
      on_chunk: called with what each chunk of lanes did in each chunk of epochs: its `lanes`,
        `first_epoch` and `history`, name -> [lanes, epochs].
      **hyperparameters: a list, a range or an array is an axis; everything else, a tuple too, is
        one value for all runs. The values of an axis label it in the result; tuples, bools and None
        by their text: .sel(hidden="(50, 50)"). `Annotated[float, "1/s"]` in the signature of the
        set-up gives a coordinate its unit. Besides those of the set-up every run has
          seed (default 0): draws the initial params, the order of the examples and all noise,
          fold: which of the run's `folds` is held out for validation,
          train_size: how many of the training examples are used, drawn by the seed,
          label_noise: the share of training labels that another class replaces.

    Returns:
      An `xarray.Dataset` with the dimensions (*axes, epoch), epochs counted from 1, and
        train_loss and train_<metric>: means over the batches of the epoch, each taken before its
          update, the loss without the penalty of a regularizer,
        validation_..., test_loss and test_<metric>: means over the held-out fold and over the test
          set after the epoch,
        the run's monitors, after the epoch,
        and without an epoch
        first_bad_step: the first update whose objective was not finite, counted from 0, or -1,
        first_bad_loss, first_bad_leaf: that objective, and the first of the params that was not
          finite before that update, or, where only the loss overflowed, the largest one,
        best_epoch, last_epoch: where the run stopped early if it was told to.
      A run that went bad ends there, with the params from before that update. Runs are NaN after
      their end. With return_params a pair: the dataset, and the params with the axes in front.

    Raises:
      TypeError: a hyperparameter that the set-up does not have or lacks, or of a kind that cannot
        be one; a set-up that does not answer with a Run.
      ValueError: an axis that is empty, mixed or with duplicates; a value outside its range; data
        that do not fit the model; return_params where the axes change the structure; devices that
        are not there; a run that needs more memory than there is.
    """
    grid = Grid(setup, hyperparameters, design)
    options = _Options(progress, return_params, lanes, num_devices, on_chunk)
    result = _train(setup, dataset, grid, options)
    return (result.history, result.params) if return_params else result.history


class _Options(NamedTuple):
    progress: bool
    keep_params: bool
    how: How
    num_devices: int | None
    on_chunk: Callable[[Progress], Any] | None


def _train(setup: Callable, dataset: Dataset, grid: Grid, options: _Options) -> Result:
    started = time.perf_counter()
    groups = grouped(setup, dataset, grid)
    plans = [group.layout(how=options.how, num_devices=options.num_devices) for group in groups]
    if options.keep_params and len(groups) > 1:
        raise ValueError(
            f"return_params needs runs of one structure, but these axes make {len(groups)}"
            " (each int, string, bool or tuple is one): sweep over them one by one"
        )
    history = History(grid, groups)
    kept: list = [None] * int(np.prod(grid.shape, dtype=int))
    with Bar(options.progress, groups) as bar:
        for group, plan in zip(groups, plans, strict=True):
            for done in lanes_.train(group, plan):
                history.record(done)
                if options.on_chunk is not None:
                    options.on_chunk(done)
                if done.carry is not None and options.keep_params:
                    for index, lane in enumerate(done.lanes):
                        own = jax.tree.map(lambda leaf: leaf[index], done.carry)  # noqa: B023
                        kept[lane.number] = program.outcome(own)
                bar.advance(group, done)
    attrs = describe(grid, groups, setup) | {
        "lanes": "; ".join(dict.fromkeys(map(str, plans))),
        "seconds": time.perf_counter() - started,
    }
    answer = history.dataset(**attrs)
    if not options.keep_params:
        return Result(answer, None, None)
    by_axes = jax.tree.map(
        lambda *leaves: np.stack(leaves).reshape(grid.shape + leaves[0].shape), *kept
    )
    return Result(answer, *by_axes)


def grouped(setup: Callable, dataset: Dataset, grid: Grid) -> list[lanes_.Group]:
    """The lanes of each structure, checked: one program runs a group.

    The set-up is called with the numbers of every lane, so that all are looked at before training.

    Raises:
      TypeError, ValueError: as `sweep`.
    """
    by_structure: dict[tuple, list[Lane]] = {}
    for lane in grid.lanes():
        by_structure.setdefault(lane.static, []).append(lane)
    return [
        group
        for lanes in by_structure.values()
        for group in _groups_of(setup, lanes, dataset, grid.names)
    ]


def _groups_of(setup, lanes, dataset, names) -> Iterator[lanes_.Group]:
    run = _checked_run(setup, lanes, dataset, names)
    settings = {lane.settings for lane in lanes}
    if any(s.label_noise is not None for s in settings) and len(dataset.classes) < 2:
        raise ValueError(f"label_noise needs labels of two classes or more, not {dataset!r}")
    drawn = {s._replace(label_noise=None): None for s in settings}
    rows = {s: samples.rows(run, s, dataset) for s in drawn}
    of_lane = {lane.number: rows[lane.settings._replace(label_noise=None)] for lane in lanes}
    parts: dict[Any, list[Lane]] = {}
    for lane in lanes:  # the batch of a full-batch run has the size of its training set
        key = lane.settings.train_size if run.batch_size is None else None
        parts.setdefault(key, []).append(lane)
    for part in parts.values():
        group = lanes_.Group(setup, run, dataset, part, of_lane)
        for drawn_rows in rows.values():
            group.num_batches(None if drawn_rows.train is None else len(drawn_rows.train))
        yield group


def _checked_run(setup: Callable, lanes: list[Lane], dataset: Dataset, names: set[str]) -> Run:
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
