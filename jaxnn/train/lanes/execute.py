"""A sweep is carried out: laid out, run, watched, saved, resumed, and made one result."""

import contextlib
import hashlib
import importlib.metadata
import os
import platform
import time
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import jax
import numpy as np

from jaxnn.data import Dataset, Stream
from jaxnn.train.lanes import lanes
from jaxnn.train.lanes.groups import Group, grouped
from jaxnn.train.lanes.history import History
from jaxnn.train.lanes.hosts import Hosts
from jaxnn.train.lanes.interrupt import Guard, Interrupted
from jaxnn.train.lanes.lanes import Progress
from jaxnn.train.lanes.layout import How, Layout
from jaxnn.train.lanes.progress import Bar
from jaxnn.train.program import building, canonical, program
from jaxnn.train.saving.checkpoint import Checkpoint
from jaxnn.train.saving.part import Part
from jaxnn.train.setup.axes import Grid, Lane, name_of
from jaxnn.train.setup.run import float_dtype

if TYPE_CHECKING:
    import xarray as xr

SHARE_OF_SAVING = 0.1  # of the time, at most
FORM_OF_IDENTITY = 2  # from this number on, an array counts by its values


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


class Options(NamedTuple):
    """How a sweep is carried out; none of it changes the numbers."""

    progress: bool
    keep_trained: bool
    how: How
    num_devices: int | None
    on_chunk: Callable[[Progress], Any] | None
    checkpoint_dir: str | os.PathLike | None
    resume: Literal["auto", "must", "never"]


def execute(setup: Callable, dataset: Dataset, grid: Grid, options: Options) -> Result:
    """Runs every lane of the grid; see `sweep`."""
    started = time.perf_counter()
    groups = grouped(setup, dataset, grid)
    if options.keep_trained and len(groups) > 1:
        raise ValueError(
            "return_params and return_state need runs of one structure, but these axes make"
            f" {len(groups)} (each int, string, bool or tuple is one): sweep over them one by one"
        )
    hosts = Hosts.of(grid.shape, options.how)
    plans = [
        group.layout(hosts, how=options.how, num_devices=options.num_devices) for group in groups
    ]
    history = History(grid, groups)
    kept: dict[int, Any] = {}
    with _checkpoint(groups, grid, options) as checkpoint, Bar(options.progress, groups) as bar:
        for group, plan in zip(groups, plans, strict=True):
            own = group._replace(lanes=hosts.own(group.lanes))
            # closed at once: an error's traceback would hold it, and its workers train on
            with contextlib.closing(_run(own, plan, checkpoint, history, bar)) as chunks:
                for done in chunks:
                    if options.on_chunk is not None and done.num_epochs:
                        options.on_chunk(done)
                    if done.carry is not None and options.keep_trained:
                        kept |= _trained(done)
    history.merge(hosts)
    result = history.dataset(
        setup=name_of(setup),
        dataset=dataset.name,
        programs=len(groups),
        lanes="; ".join(dict.fromkeys(map(str, plans))),
        seconds=time.perf_counter() - started,
    )
    if not options.keep_trained:
        return Result(result, None, None)
    return Result(result, *_by_axes(kept, groups[0], hosts))


def _trained(done: Progress) -> dict[int, Any]:
    """What the lanes answer with, by number."""
    return {
        lane.number: program.outcome(jax.tree.map(lambda leaf: leaf[index], done.carry))  # noqa: B023
        for index, lane in enumerate(done.lanes)
    }


def _run(
    group: Group, plan: Layout, checkpoint: Checkpoint | None, history: History, bar: Bar
) -> Generator[Progress]:
    """Trains what is not trained yet, from where it is; saves on the way."""
    with Guard(checkpoint is not None) as guard, _Saver(checkpoint, history, guard) as saver:
        for epochs, part, carry, past in _segments(group, checkpoint):
            if past is not None:
                history.record(past)
                bar.skip(epochs * len(past.lanes))
                if past.carry is not None:
                    yield past
            if not part.lanes:
                continue
            chunks = lanes.train(
                part, plan, first_epoch=epochs, carry=carry, keep_carry=checkpoint is not None
            )
            with contextlib.closing(chunks):
                for done in chunks:
                    history.record(done)
                    bar.advance(group, done)
                    saver.keep(done)
                    yield done
                    if guard.is_stopping and checkpoint is not None:
                        saver.save()
                        raise Interrupted(
                            f"stopped, and saved in {checkpoint.directory}: the same call with this"
                            " checkpoint_dir goes on from there"
                        )


class _Saver:
    """Holds the newest state of every lane, and saves all of them from time to time."""

    def __init__(self, checkpoint: Checkpoint | None, history: History, guard: Guard):
        self._checkpoint, self._history, self._guard = checkpoint, history, guard
        self._unsaved: dict[int, tuple[int, Lane, Any]] = {}  # by number: epochs, lane, carry
        self._last = time.perf_counter()

    def __enter__(self) -> "_Saver":
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        if kind is None:
            self.save()

    def keep(self, done: Progress) -> None:
        """Takes over what some lanes carry, and saves it if it is time."""
        if self._checkpoint is None:
            return
        epochs = done.first_epoch + done.num_epochs
        for index, lane in enumerate(done.lanes):
            own = jax.tree.map(lambda leaf: leaf[index], done.carry)  # noqa: B023
            self._unsaved[lane.number] = epochs, lane, own
        pause = self._checkpoint.last_save_seconds / SHARE_OF_SAVING
        if time.perf_counter() - self._last >= pause:
            self.save()

    def save(self) -> None:
        """Writes what is not on the disk yet, one part for the lanes that are equally far."""
        if self._checkpoint is None:
            return
        by_epochs: dict[int, list[tuple[Lane, Any]]] = {}
        for epochs, lane, carry in self._unsaved.values():
            by_epochs.setdefault(epochs, []).append((lane, carry))
        for epochs, some in by_epochs.items():
            numbers = np.array([lane.number for lane, _ in some])
            carry = jax.tree.map(lambda *leaves: np.stack(leaves), *(own for _, own in some))
            rows = self._history.rows([lane for lane, _ in some], epochs)
            self._checkpoint.save(Part(numbers, epochs, carry, rows))
        self._unsaved = {}
        self._last = time.perf_counter()


def _segments(
    group: Group, checkpoint: Checkpoint | None
) -> Iterator[tuple[int, Group, program.Carry | None, Progress | None]]:
    """(epochs done, lanes, what they carry, what is known of them), those that lie ahead first."""
    by_number = {lane.number: lane for lane in group.lanes}
    if checkpoint is not None and by_number:
        like = jax.tree.map(lambda s: jax.ShapeDtypeStruct((1, *s.shape), s.dtype), group.shapes)
        for saved in checkpoint.newest(like, by_number):
            known = [by_number.pop(int(number)) for number in saved.lanes]
            is_finished = saved.epochs == group.run.epochs
            past = Progress(known, 0, saved.history, saved.carry if is_finished else None)
            part = group._replace(lanes=[] if is_finished else known)
            yield saved.epochs, part, saved.carry, past
    yield 0, group._replace(lanes=list(by_number.values())), None, None


def _by_axes(kept: dict[int, Any], group: Group, hosts: Hosts) -> Any:
    """Params and state with the axes of the sweep in front."""
    shapes = jax.eval_shape(program.outcome, group.shapes)
    empty = jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), shapes)
    ordered = [kept.get(lane.number, empty) for lane in group.lanes]
    return jax.tree.map(
        lambda *leaves: hosts.merge(np.stack(leaves).reshape(hosts.shape + leaves[0].shape)),
        *ordered,
    )


def _checkpoint(groups: list[Group], grid: Grid, options: Options) -> Any:
    if options.checkpoint_dir is None:
        return contextlib.nullcontext()
    return Checkpoint(
        options.checkpoint_dir,
        _identity(groups, grid),
        resume=options.resume,
        process=jax.process_index(),
    )


def _identity(groups: list[Group], grid: Grid) -> dict[str, Any]:
    """What the sweep is, in JSON: what may differ between two that share their checkpoints."""
    dataset = groups[0].dataset
    return {
        "form": FORM_OF_IDENTITY,
        "setup": name_of(groups[0].setup),
        "hyperparameters": {**grid.fixed, **grid.axes},
        "trials": grid.trials,
        "epochs": sorted({group.run.epochs for group in groups}),
        "batch_size": sorted({group.run.batch_size or 0 for group in groups}),  # 0: the whole set
        "data": {"name": dataset.name, "sha256": _digest(dataset)},
        "float": float_dtype().name,
        "program": [_program_digest(group) for group in groups],
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "optax")},
        },
    }


def _digest(dataset: Dataset) -> str:
    sums = hashlib.sha256(repr((dataset.scale, dataset.classes)).encode())
    if isinstance(dataset, Stream):
        sums.update(dataset.fingerprint().encode())
    in_memory = program.arrays_of(dataset)
    for leaf in jax.tree.leaves((in_memory.train, in_memory.test, in_memory.validation)):
        sums.update(repr((leaf.dtype, leaf.shape)).encode())
        sums.update(np.ascontiguousarray(leaf).data)
    return sums.hexdigest()


def _program_digest(group: Group) -> str:
    """Of everything that a run computes, its constants and the code behind the set-up included."""
    lane = group.lanes[0]
    return canonical.digest_of(
        building.whole(group.setup, lane.static, list(lane.traced), group.dataset, group.run)
    )
