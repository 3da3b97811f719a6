"""Trains a network, or many at once, from one command.

    python -m experiments.train --dataset mnist --epochs 30 --learning-rate 0.1
    python -m experiments.train --sweep learning_rate=0.01,0.1,1 seed=0:10 --out build/rates
    python -m experiments.train --model logistic_regression --optimizer adam --learning-rate 0.001
    python -m experiments.train --random 50 learning_rate=loguniform:1e-3:1 l2=uniform:0:0.001
    python -m experiments.train --model autoencoder --optimizer adam --learning-rate 0.003 --code 8

At the end stands a table: for every setting the test accuracy, or what an autoencoder loses, mean
and 95 % interval over seeds.
The exit status is 0, 2 where the command cannot be run as it stands, 130 after Ctrl-C.
"""

import contextlib
import dataclasses
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax

from experiments.process import garbage, machine
from experiments.record import results
from experiments.train import command, watching
from experiments.train.axes import UsageError
from experiments.train.config import TrainConfig
from experiments.train.task import Task, networks_of, task_of
from jaxnn import compilation_cache, data, models, train


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 fine, 2 wrong usage or no data, 130 interrupted."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    typed = shlex.join(["python", "-m", "experiments.train", *words])
    flags, given = command.parse(words, __doc__ or "")
    try:
        if flags.deterministic:
            machine.make_deterministic()
        machine.join_processes(flags.processes)
        machine.use_device(flags.device)
        task = task_of(flags, given)
        if flags.summary or flags.draw is not None:
            _show(task, flags)
        elif flags.dry_run:
            print(_plan(task, flags))
        else:
            _train(task, flags, typed)
    except KeyboardInterrupt:  # train.Interrupted is one
        print(f"\ninterrupted: {_how_to_go_on(flags, typed)}", file=sys.stderr)
        return 130
    except (
        UsageError,
        machine.FolderError,
        machine.DeviceError,
        watching.MissingExtraError,
        data.DataNotFoundError,
        data.DataCorruptError,
        train.CheckpointError,
    ) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _train(task: Task, flags: TrainConfig, typed: str) -> None:
    watch = None
    if flags.out is not None:
        from experiments.train import curves  # were matplotlib missing, better now than at the end
    with contextlib.ExitStack() as stack:
        if flags.log is not None:
            watch = stack.enter_context(watching.tensorboard(flags.log, task.names))
        stack.enter_context(watching.profile(flags.profile))
        history = _sweep(task, flags, watch)
    if jax.process_index() != 0:  # each process has the whole result
        return
    from experiments.train import outcome  # SciPy can wait until there are runs to compare

    print(outcome.table(history))
    for sentence in outcome.diverged(history):
        print(sentence)
    if flags.out is not None:
        curves.save(flags.out, history, _record(flags, typed))
        print(f"wrote {flags.out}")


def _show(task: Task, flags: TrainConfig) -> None:
    """Prints the table of every network of the command, and draws the one there is."""
    from experiments.train import architecture  # matplotlib, which training does without

    networks = networks_of(task)
    in_shape = task.dataset.train.inputs.shape[1:]
    if flags.draw is not None and len(networks) > 1:
        raise UsageError(f"--draw draws one network, but this command has {len(networks)}:"
                         f" {'; '.join(networks)}: leave an axis out")  # fmt: skip
    for name, model in networks.items():
        try:
            table = models.summary(model, in_shape)
        except ValueError as error:
            raise UsageError(f"{name} cannot read {flags.dataset}: {error}") from error
        if flags.summary:
            print("\n".join([f"{name}:", table, ""] if len(networks) > 1 else [table]))
        if flags.draw is not None:
            figure = architecture.draw(model, in_shape, title=f"{name} on {flags.dataset}")
            architecture.save(figure, flags.draw)
            print(f"wrote {flags.draw}")


def _sweep(task: Task, flags: TrainConfig, watch: Callable | None) -> Any:
    try:
        return train.sweep(
            task.setup, task.dataset, task.design,
            progress=not flags.quiet, lanes=flags.lanes, num_devices=flags.devices,
            checkpoint_dir=flags.checkpoint_dir, resume=flags.resume, on_chunk=watch,
            **task.hyperparameters,
        )  # fmt: skip
    except train.CheckpointError:
        raise
    except (TypeError, ValueError):
        _plan(task, flags)  # refuses with a sentence what cannot be trained; the rest is a bug
        raise


def _plan(task: Task, flags: TrainConfig) -> train.Plan:
    try:
        return train.plan(
            task.setup, task.dataset, task.design,
            lanes=flags.lanes, num_devices=flags.devices, **task.hyperparameters,
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise UsageError(f"cannot train so: {error}") from error


def _record(flags: TrainConfig, typed: str) -> dict[str, Any]:
    """Where the result came from, as plain JSON."""
    return {
        "command": typed,
        "flags": json.loads(json.dumps(dataclasses.asdict(flags), default=str)),
        "data": results.identities([flags.dataset]),
        "versions": results.versions(),
        "platform": results.platform_of_run(),
    }


def _how_to_go_on(flags: TrainConfig, typed: str) -> str:
    if flags.checkpoint_dir is None:
        return "nothing was saved; with --checkpoint-dir DIR the same command would go on"
    return f"what is done is saved in {flags.checkpoint_dir}; to go on, run again: {typed}"


if __name__ == "__main__":
    garbage.collect_rarely()
    compilation_cache.enable()
    sys.exit(main())
