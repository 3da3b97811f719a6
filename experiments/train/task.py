"""What a command asks for, checked against the data and the machine before anything is compiled."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from experiments.process import machine
from experiments.train import axes, setups
from experiments.train.axes import UsageError
from experiments.train.config import AXES, TrainConfig, as_typed
from jaxnn import data, layers, train
from jaxnn.train.setup.axes import Grid

DEFAULTS = TrainConfig()
DRAWINGS = (".png", ".svg")  # of a drawing's file
_OFF_AT_DEFAULT = (
    "train_size", "label_noise", "folds", "fold", "dropout", "l1", "l2", "precision", "patience",
    "evaluate_every", "augment", "schedule",
)  # fmt: skip
ALONE = (
    "evaluate_every",
    "folds",
    "patience",
    "augment",
    "schedule",
)  # hyperparameters that are no axis


class Task(NamedTuple):
    """The arguments of `train.sweep`, and the names of the axes."""

    setup: Callable[..., train.Run]
    dataset: data.Dataset
    design: Any
    hyperparameters: dict[str, Any]
    names: list[str]


def task_of(flags: TrainConfig, given: set[str]) -> Task:
    """The task of the flags, of which `given` were typed.

    Raises:
      UsageError: the flags contradict each other, the data or the machine.
      DataNotFoundError, DataCorruptError: the data set cannot be had.
    """
    names = axes.names_of(flags)
    grid, design = axes.read_grid(flags.sweep), axes.read_design(flags)
    for name in names:
        if name in given:
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"{name} is an axis, so {flag} has nothing to say: leave one out")
    in_trials = design.values if design is not None else {}
    single = {name: getattr(flags, name) for name in (*AXES, *ALONE)}
    values = {**single, **grid, **in_trials}

    def used(name: str) -> Sequence[Any]:
        return values[name] if name in names else [values[name]]

    idle = _idle(used("model"), used("optimizer"))
    for name, reason in idle.items():
        if name in given or name in names:
            raise UsageError(f"{name} means nothing here, {reason}: leave it out")
    for name in ("fold", "patience"):
        if flags.folds is None and (name in names or values[name] is not None):
            raise UsageError(f"{name} needs held-out examples to judge by: add --folds 5")
    _check_folders(flags)
    dataset = _load(flags.dataset)
    _check_kind(used("model"), dataset)
    _check_sizes(used("train_size"), used("batch_size"), dataset)
    hyperparameters = {
        name: value
        for name, value in values.items()
        if name not in (*idle, *in_trials)
        and not (name in _OFF_AT_DEFAULT and value == getattr(DEFAULTS, name))
    }
    num_examples = None
    if flags.schedule != "constant":
        if "train_size" in names or (flags.folds and flags.train_size):
            raise UsageError(
                f"--schedule {flags.schedule} ends with the last update, whose number differs with"
                " train_size: give one --train-size, and no --folds beside it"
            )
        there = len(dataset.train.inputs)
        num_examples = flags.train_size or there - (there // flags.folds if flags.folds else 0)
    if flags.augment is not None and dataset.train.inputs.ndim != 4:
        raise UsageError(f"--augment changes images, and {dataset.name} has none: leave it out")
    setup = setups.setup_for(len(dataset.classes), dataset.train.inputs.shape[1:], num_examples)
    if set(used("model")) & set(setups.AUTOENCODERS):
        if flags.augment is not None:
            raise UsageError("--augment changes what an autoencoder sees, not what it is to draw:"
                             " leave it out")  # fmt: skip
        dataset = data.autoencoding(dataset)
    return Task(setup, dataset, design, hyperparameters, names)


def _check_kind(models: Sequence[str], dataset: data.Dataset) -> None:
    """Refuses two kinds of models in one sweep, and an autoencoder of what is no picture."""
    kinds = [[m for m in models if (m in setups.AUTOENCODERS) == which] for which in (True, False)]
    if all(kinds):
        raise UsageError(
            f"{kinds[0][0]} learns to draw its inputs and has no accuracy, {kinds[1][0]} learns"
            " labels: sweep them in two commands"
        )
    inputs = dataset.train.inputs
    if kinds[0] and (inputs.min() < 0 or inputs.max() > dataset.scale):
        raise UsageError(
            f"{kinds[0][0]} draws values between 0 and 1, but those of {dataset.name} go from"
            f" {inputs.min() / dataset.scale:g} to {inputs.max() / dataset.scale:g}: choose a data"
            " set of images"
        )


def networks_of(task: Task) -> dict[str, layers.Layer]:
    """The networks that the runs train, each once, by its model and what else is swept of it.

    Raises:
      UsageError: a hyperparameter that no run can have.
    """
    networks: dict[str, layers.Layer] = {}
    try:
        for lane in Grid(task.setup, task.hyperparameters, task.design).lanes():
            values = dict(lane.static)
            own = setups.options_of([values["model"]]) & values.keys() & set(task.names)
            name = " ".join([values["model"], *(f"{n}={as_typed(values[n])}" for n in sorted(own))])
            if name not in networks:
                networks[name] = task.setup(**values, **lane.traced).model
    except (TypeError, ValueError) as error:
        raise UsageError(f"cannot train so: {error}") from error
    return networks


def _idle(models: Sequence[str], optimizers: Sequence[str]) -> dict[str, str]:
    """The hyperparameters that none of the models or update rules has, and why."""
    without = setups.options_of(setups.MODELS) - setups.options_of(models)
    idle = {name: f"{' and '.join(models)} has none" for name in without}
    if set(models) <= set(setups.AUTOENCODERS):
        idle["label_noise"] = f"{' and '.join(models)} learns no labels"
    if not set(optimizers) & set(setups.WITH_MOMENTUM):
        idle["momentum"] = f"{' and '.join(optimizers)} has none (--optimizer momentum has)"
    return idle


def _load(name: str) -> data.Dataset:
    try:
        return data.load(name)
    except ValueError as error:  # no such name
        if isinstance(error, data.DataCorruptError):
            raise
        raise UsageError(str(error)) from error


def _check_sizes(train_sizes, batch_sizes, dataset: data.Dataset) -> None:
    there = len(dataset.train.inputs)
    smallest = min(there if size is None else size for size in train_sizes)
    largest = max(0 if size is None else size for size in train_sizes)
    if largest > there:
        raise UsageError(
            f"{dataset.name} has {there:,} training examples, not {largest:,}: lower --train-size"
        )
    batch = max(0 if size is None else size for size in batch_sizes)
    if batch > smallest:
        raise UsageError(
            f"a batch of {batch:,} is more than the {smallest:,} training examples: lower"
            " --batch-size, or take --batch-size full"
        )


def _check_folders(flags: TrainConfig) -> None:
    if flags.resume == "must" and flags.checkpoint_dir is None:
        raise UsageError("--resume must needs the --checkpoint-dir of the run that shall go on")
    if flags.draw is not None and flags.draw.suffix not in DRAWINGS:
        raise UsageError(
            f"--draw {flags.draw} is no file that can be drawn: end its name in"
            f" {' or '.join(DRAWINGS)}"
        )
    folders: list[tuple[str, pathlib.Path | None]] = [
        ("--out", flags.out), ("--log", flags.log), ("--profile", flags.profile),
        ("--draw", flags.draw and flags.draw.parent),
    ]  # fmt: skip
    for flag, folder in folders:
        if folder is not None and not flags.dry_run:
            machine.check_writable(folder, flag)
