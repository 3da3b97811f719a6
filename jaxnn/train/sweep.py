"""`sweep` maps a run over hyperparameters and seeds; `fit` is a sweep of one."""

import itertools
import os
from collections.abc import Callable
from typing import Any, Literal

from jaxnn.data import Dataset
from jaxnn.train.lanes.execute import Options, Result, execute
from jaxnn.train.lanes.lanes import Progress
from jaxnn.train.lanes.layout import How
from jaxnn.train.setup.axes import Grid
from jaxnn.train.setup.designs import Trials
from jaxnn.train.setup.run import Run


def fit(
    setup: Callable[..., Run],
    dataset: Dataset,
    /,
    *,
    progress: bool = False,
    lanes: How = "auto",
    num_devices: int | None = None,
    on_chunk: Callable[[Progress], Any] | None = None,
    checkpoint_dir: str | os.PathLike | None = None,
    resume: Literal["auto", "must", "never"] = "auto",
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
      checkpoint_dir: as in `sweep`.
      resume: as in `sweep`.
      **hyperparameters: one value for each, and the settings that every run has: see `sweep`.

    Raises:
      TypeError, ValueError: as `sweep`, or where a hyperparameter is a list.
    """
    grid = Grid(setup, hyperparameters)
    if grid.axes:
        name, values = next(iter(grid.axes.items()))
        raise ValueError(f"fit trains one run, but {name} has the values {values}: use sweep")
    options = Options(progress, True, lanes, num_devices, on_chunk, checkpoint_dir, resume)
    return execute(setup, dataset, grid, options)


def sweep(
    setup: Callable[..., Run],
    dataset: Dataset,
    design: Trials | None = None,
    /,
    *,
    progress: bool = False,
    return_params: bool = False,
    return_state: bool = False,
    lanes: How = "auto",
    num_devices: int | None = None,
    on_chunk: Callable[[Progress], Any] | None = None,
    checkpoint_dir: str | os.PathLike | None = None,
    resume: Literal["auto", "must", "never"] = "auto",
    **hyperparameters: Any,
) -> Any:
    """Trains every combination of hyperparameters and seeds, as few compiled programs.

    Floats are traced: they and the seeds can change without a new compilation. Ints, strings,
    tuples and booleans are structure: each combination of them is a program of its own. Runs with
    the same seed start from the same params and see the same batches, so that settings can be
    compared in pairs. How many runs there are is free.

    On a CPU the lanes run one after another in a worker for each core, and have the bits of the
    single run. Elsewhere they are vectorised, and equal up to rounding. In a `jax.distributed`
    program every process runs a part of the lanes, and all of them get the whole result.

    The training examples of a `data.Stream` are fetched while the runs are at work, one lane or, in
    several workers, a few at a time; with a checkpoint_dir its state is also kept within epochs.

    Args:
      setup: a function of hyperparameters that answers with a `Run`.
      dataset: what the runs are trained and tested on.
      design: `train.zipped(...)` or `train.random(...)`: settings that belong together, along the
        dimension "trial", each combined with the axes of the grid.
      progress: shows a bar.
      return_params: also gives the trained params of every run.
      return_state: also gives the layers' state of every run after training, such as the running
        statistics of batch norm.
      lanes: "map", one after another in a worker for each core, or for each device of another
        kind; "vmap", all of a device at once; "data", one after another with every batch spread
        over all devices; "auto" takes what was measured to be fastest: map on a CPU, else vmap.
      num_devices: how many devices are used, or, by "map" on a CPU, workers; None for all.
      on_chunk: called with what each chunk of lanes did in each chunk of epochs: its `lanes`,
        `first_epoch` and `history`, name -> [lanes, epochs].
      checkpoint_dir: a directory, made where it is not there, in which the state is kept at the
        borders of chunks, for at most a tenth of the time. The same call goes on from there, to
        the same bits, also on another number of devices; what is finished does not run again.
        Ctrl-C and SIGTERM save first, and raise `train.Interrupted`.
      resume: "auto" goes on with what the directory holds; "must" refuses one that holds nothing,
        "never" one that holds something.
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
          finite before that update, or, where only the loss overflowed, the largest one: its place
          among the words of .attrs["flag_meanings"], or -1,
        best_epoch, last_epoch: if the run was told to stop early, the epoch of the params that it
          answers with, 0 for none, and the last that was run, also where it went bad.
      A run that went bad ends there, with the params from before that update. Runs are NaN after
      their end. With return_params, return_state or both a tuple: the dataset, and the params, the
      state or both, with the axes in front.

    Raises:
      TypeError: a hyperparameter that the set-up does not have or lacks, or of a kind that cannot
        be one; a set-up that does not answer with a Run.
      ValueError: an axis that is empty, mixed or with duplicates; a value outside its range; data
        that do not fit the model; return_params or return_state where the axes change the
        structure; devices that are not there; a run that needs more memory than there is.
      CheckpointError: the directory belongs to another sweep (the message lists the differences),
        is in use by another process, or cannot be written.
    """
    grid = Grid(setup, hyperparameters, design)
    keep = return_params or return_state
    options = Options(progress, keep, lanes, num_devices, on_chunk, checkpoint_dir, resume)
    result = execute(setup, dataset, grid, options)
    if not keep:
        return result.history
    return tuple(itertools.compress(result, (True, return_params, return_state)))
