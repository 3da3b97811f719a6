"""The host's side of a sweep: lanes are handed to the devices and advanced by chunks of epochs."""

import contextlib
import functools
import importlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn.data import Stream
from jaxnn.train.lanes.groups import Group
from jaxnn.train.lanes.layout import MAX_ORDER_BYTES, Layout
from jaxnn.train.program import building, program, samples, streaming
from jaxnn.train.program.building import Places
from jaxnn.train.program.workers import in_parallel
from jaxnn.train.setup.axes import Lane
from jaxnn.train.setup.run import float_dtype

KEEP_SECONDS = 10.0  # within an epoch, between two states that can be saved


class Progress(NamedTuple):
    """What some lanes did in some epochs; in none, where a long one is saved on its way.

    Attributes:
      history: name -> [lanes, epochs], on the host.
      carry: host arrays with an axis of lanes, if they were asked for, and after the last epoch.
    """

    lanes: list[Lane]
    first_epoch: int
    history: dict[str, np.ndarray]
    carry: program.Carry | None

    @property
    def num_epochs(self) -> int:
        """How many."""
        return next(iter(self.history.values())).shape[1]


def train(
    group: Group,
    plan: Layout,
    *,
    first_epoch: int = 0,
    carry: program.Carry | None = None,
    keep_carry: bool = False,
) -> Generator[Progress]:
    """Trains lanes of one structure, and yields after each chunk of epochs.

    Args:
      group: the runs.
      plan: how they are laid out.
      first_epoch: the epochs that all of them have behind them.
      carry: what they carry from there, host arrays with an axis of lanes.
      keep_carry: whether the carry comes with every chunk, and not with the last one only.
    """
    starts = range(first_epoch, group.run.epochs, plan.span)
    kind = _StreamedWork if isinstance(group.dataset, Stream) else _Work
    work = kind(group, plan, starts, carry, keep_carry)
    if plan.how == "map" and plan.at_once > 1:
        yield from in_parallel(work.run, plan.at_once, len(group.lanes))
    else:
        step = plan.at_once if plan.how == "vmap" else 1
        for first_lane in range(0, len(group.lanes), step):
            yield from work.run(first_lane, 0)


class _Work:
    """Some lanes of one structure from one epoch on, and the program that advances them."""

    def __init__(self, group: Group, plan: Layout, starts: range, carry: Any, keep_carry: bool):
        self._group, self._plan, self._starts = group, plan, starts
        self._carry, self._keep_carry = carry, keep_carry
        self._room = plan.at_once if plan.how == "vmap" else None  # for lanes, in one call
        self._drawn = _Drawn(group)
        self._places = Places.of(plan.how, plan.devices)
        arrays = program.arrays_of(group.dataset)
        self._arrays = [jax.device_put(arrays, place) for place in self._places.shared]
        static, in_shape = group.lanes[0].static, group.dataset.train.inputs.shape[1:]
        inputs = self._in_room(_inputs(group, group.lanes[: self._room or 1]))
        self._starts_from: list[Callable] = []
        if carry is None:
            self._starts_from = building.starting(
                group.setup, static, in_shape, inputs, self._places
            )
        self._compile(static, inputs, self._shapes(group.shapes))

    def _compile(self, static: tuple, inputs: program.LaneInputs, carry: Any) -> None:
        group, span, number = self._group, self._plan.span, np.int32(0)
        orders = jax.ShapeDtypeStruct((span, *group.order_shape()), np.int32)
        args = carry, inputs, self._shapes(orders), number, number, self._arrays[0]
        self._advance = building.advancing(group.setup, static, span, args, self._places)

    def _shapes(self, tree: Any) -> Any:
        """Of what a lane has, in a call."""
        axis = () if self._room is None else (self._room,)
        return jax.tree.map(lambda s: jax.ShapeDtypeStruct((*axis, *s.shape), s.dtype), tree)

    def run(self, first_lane: int, worker: int) -> Iterator[Progress]:
        """One call's lanes from there on: one, or under "vmap" as many as there is room for."""
        chosen = slice(first_lane, first_lane + (self._room or 1))
        lanes, place = self._group.lanes[chosen], worker % len(self._arrays)
        inputs = self._inputs(lanes, worker)
        carry = self._first_carry(chosen, inputs, worker)
        orders = self._orders(lanes, self._starts[0])
        for first in self._starts:
            num = self._num_epochs(first)
            carry, history = self._advance[place](
                carry, inputs, orders, np.int32(first), np.int32(num), self._arrays[place]
            )
            _begin_to_load_xarray()  # while the device is at work
            is_last = first == self._starts[-1]
            if not is_last:  # and while it is
                orders = self._orders(lanes, first + self._plan.span)
            history = {
                name: self._on_host(leaf)[: len(lanes), :num] for name, leaf in history.items()
            }
            kept = None
            if is_last or self._keep_carry:
                kept = jax.tree.map(lambda leaf: self._on_host(leaf)[: len(lanes)].copy(), carry)
            yield Progress(lanes, first, history, kept)

    def _num_epochs(self, first: int) -> int:
        return min(self._plan.span, self._group.run.epochs - first)

    def _inputs(self, lanes: list[Lane], worker: int) -> program.LaneInputs:
        return jax.device_put(self._in_room(_inputs(self._group, lanes)), self._place(worker))

    def _first_carry(self, chosen: slice, inputs: program.LaneInputs, worker: int) -> Any:
        if self._carry is None:
            return self._starts_from[worker % len(self._starts_from)](inputs)
        saved = self._in_room(jax.tree.map(lambda leaf: leaf[chosen], self._carry))
        return jax.device_put(saved, self._place(worker))

    def _place(self, worker: int) -> Any:
        return self._places.lanes[worker % len(self._places.lanes)]

    def _orders(self, lanes: list[Lane], first: int) -> np.ndarray:
        epochs = range(first, first + self._num_epochs(first))
        return self._in_room(self._drawn.orders(lanes, self._plan.span, epochs))

    def _in_room(self, tree: Any) -> Any:
        """Filled up with zeros to as many lanes as a call takes, or without the axis of lanes."""
        if self._room is None:
            return jax.tree.map(lambda leaf: leaf[0], tree)

        room = self._room

        def filled(leaf):
            missing = np.zeros((room - len(leaf), *leaf.shape[1:]), leaf.dtype)
            return np.concatenate([leaf, missing])

        return jax.tree.map(filled, tree)

    def _on_host(self, leaf: jax.Array) -> np.ndarray:
        return np.asarray(leaf)[None] if self._room is None else np.asarray(leaf)


class _StreamedWork(_Work):
    """Lanes of which the examples come chunk by chunk, while the device is at work."""

    def _compile(self, static: tuple, inputs: program.LaneInputs, carry: Any) -> None:
        group, stream = self._group, self._group.dataset
        assert isinstance(stream, Stream)
        num_batches, batch_size = group.order_shape()
        self._steps = streaming.steps_at_once(batch_size, num_batches, stream)
        self._columns, where = slice(None), None
        if self._places.how == "data":
            where = streaming.spread(self._places.shared[0])
            self._columns = streaming.columns_of(where, batch_size)
        chunk = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(
                (self._steps, batch_size, *leaf.shape[1:]), leaf.dtype
            ),
            stream.train,
        )
        number, arrays = np.int32(0), self._arrays[0]
        self._advance_and_finish = building.streaming(
            group.setup, static, (carry, inputs, chunk, number, arrays.scale),
            (carry, inputs, number, arrays), where, self._places,
        )  # fmt: skip

    def run(self, first_lane: int, worker: int) -> Iterator[Progress]:
        """One lane, epoch by epoch; where it is to be kept, also within an epoch that is long."""
        group, lane = self._group, self._group.lanes[first_lane]
        where, arrays = self._place(worker), self._arrays[worker % len(self._arrays)]
        inputs = self._inputs([lane], worker)
        advance, finish = self._advance_and_finish[worker % len(self._advance_and_finish)]
        carry = self._first_carry(slice(first_lane, first_lane + 1), inputs, worker)
        before, last_time = None, time.perf_counter()
        with contextlib.closing(self._chunks(lane, inputs, carry)) as chunks:
            for epoch, is_last, examples in chunks:
                chunk = streaming.place(examples, where, group.order_shape()[1])
                number = np.int32(epoch)
                carry, num_steps = advance(carry, inputs, chunk, number, arrays.scale)
                _begin_to_load_xarray()
                if before is not None:
                    jax.block_until_ready(before)  # the host is one chunk ahead, not all of them
                before = num_steps
                if is_last:
                    carry, row = finish(carry, inputs, number, arrays)
                    done = self._progress(lane, epoch, carry, row)
                    yield done
                    if epoch + done.num_epochs == group.run.epochs:
                        return
                elif self._keep_carry and time.perf_counter() - last_time >= KEEP_SECONDS:
                    yield self._progress(lane, epoch, carry, {})
                else:
                    continue
                last_time = time.perf_counter()

    def _progress(self, lane: Lane, epoch: int, carry: Any, row: dict[str, Any]) -> Progress:
        """What the epoch added; all epochs that were left, where the run is over."""
        left, num_epochs = self._group.run.epochs - epoch, 0
        if row:
            num_epochs = left if _is_over(carry) else 1
        names = self._group.run.recorded(self._group.dataset)
        history = {name: np.full((1, num_epochs), np.nan, float_dtype()) for name in names}
        for name, value in row.items():
            history[name][0, :1] = np.asarray(value)
        kept = None
        if self._keep_carry or num_epochs == left:
            kept = jax.tree.map(lambda leaf: np.array(leaf)[None], carry)
        return Progress([lane], epoch, history, kept)

    def _chunks(self, lane: Lane, inputs: Any, carry: Any) -> Generator[streaming.Chunk]:
        pool = self._group.rows[lane.number].train
        order = functools.partial(_order, self._group, lane.settings.seed, pool=pool)
        stream = self._group.dataset
        assert isinstance(stream, Stream)
        return streaming.chunks(
            stream, order, int(inputs.num_batches), self._steps,
            columns=self._columns, done=int(carry.sums.num_steps),
            epochs=range(self._starts[0], self._group.run.epochs),
        )  # fmt: skip


@functools.cache
def _begin_to_load_xarray() -> None:
    """Of which the result is made: it takes 0.4 s."""
    threading.Thread(target=importlib.import_module, args=("xarray",)).start()


def _is_over(carry: program.Carry) -> bool:
    """Whether the run ended, maybe before its last epoch."""
    ends = [carry.bad.step] if carry.watch is None else [carry.bad.step, carry.watch.last_epoch]
    return any(int(end) >= 0 for end in ends)


def _inputs(group: Group, lanes: list[Lane]) -> program.LaneInputs:
    """With an axis of lanes."""
    names, settings = lanes[0].traced, [lane.settings for lane in lanes]
    rows = [group.rows[lane.number] for lane in lanes]
    sizes = [None if r.train is None else len(r.train) for r in rows]
    noise = None
    if settings[0].label_noise is not None:
        shares = np.array([s.label_noise for s in settings], float_dtype())
        noise = shares, np.full(len(lanes), len(group.dataset.classes), np.int32)
    held_out = None
    if group.run.folds is not None:
        held_out = np.stack([r.validation for r in rows if r.validation is not None])
    return program.LaneInputs(
        traced={n: np.array([lane.traced[n] for lane in lanes], float_dtype()) for n in names},
        seed=np.array([s.seed for s in settings], np.uint32),
        num_batches=np.array([group.num_batches(size) for size in sizes], np.int32),
        label_noise=noise,
        validation=held_out,
    )


class _Drawn:
    """The orders of the examples; lanes that differ in hyperparameters alone share theirs."""

    def __init__(self, group: Group):
        self._group = group
        self._kept: dict[tuple, np.ndarray] = {}
        self._free = MAX_ORDER_BYTES if len(group.lanes) > 1 else 0

    def orders(self, lanes: list[Lane], span: int, epochs: range) -> np.ndarray:
        """Rows of the training set [lanes, epochs, batches, batch_size]."""
        orders = np.zeros((len(lanes), span, *self._group.order_shape()), np.int32)
        if orders.size:
            for row, lane in zip(orders, lanes, strict=True):
                drawn = self._of(lane, epochs)
                row[: len(drawn), : drawn.shape[1]] = drawn
        return orders

    def _of(self, lane: Lane, epochs: range) -> np.ndarray:
        settings = lane.settings
        key = settings.seed, settings.fold, settings.train_size, epochs
        drawn = self._kept.get(key)
        if drawn is None:
            pool = self._group.rows[lane.number].train
            drawn = np.stack([_order(self._group, settings.seed, epoch, pool) for epoch in epochs])
            if drawn.nbytes <= self._free:
                self._free -= drawn.nbytes
                self._kept[key] = drawn
        return drawn


def _order(group: Group, seed: int, epoch: int, pool: np.ndarray | None) -> np.ndarray:
    if group.run.batch_size is None:
        assert pool is not None  # without one the whole set is taken as it lies
        return pool[None]
    num = len(group.dataset.train.inputs) if pool is None else len(pool)
    used = group.num_batches(num) * group.run.batch_size
    order = samples.order_of_examples(seed, epoch, num)
    batches = order[:used].reshape(-1, group.run.batch_size)
    return batches if pool is None else pool[batches]
