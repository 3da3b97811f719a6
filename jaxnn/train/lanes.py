"""The host's side of a sweep: lanes are handed to the devices and advanced by chunks of epochs."""

import contextlib
import functools
import itertools
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxnn.train import program, samples
from jaxnn.train.axes import Lane
from jaxnn.train.groups import Group
from jaxnn.train.layout import Layout
from jaxnn.train.run import float_dtype


class Progress(NamedTuple):
    """What some lanes did in some epochs.

    Attributes:
      history: name -> [lanes, epochs], on the host.
      carry: host arrays with an axis of lanes, if they were asked for, and after the last epoch.
    """

    lanes: list[Lane]
    first_epoch: int
    history: dict[str, np.ndarray]
    carry: program.Carry | None


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
    work = _Work(group, plan, starts, carry, keep_carry)
    if plan.how == "map" and plan.at_once > 1:
        yield from _in_parallel(work, plan.at_once, len(group.lanes))
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
        mesh = None if plan.how == "map" else Mesh(np.array(plan.devices), ("lanes",))
        everywhere: Any = plan.devices if mesh is None else [NamedSharding(mesh, P())]
        over_lanes = NamedSharding(mesh, P("lanes")) if mesh and plan.how == "vmap" else None
        self._carry_places = [over_lanes] if over_lanes else everywhere
        arrays = program.arrays_of(group.dataset)
        self._arrays = [jax.device_put(arrays, place) for place in everywhere]
        shapes = [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(arrays)]
        static = group.lanes[0].static
        self._advance = program.compiled(
            group.setup, static, repr((static, shapes)), mesh, plan.how, plan.span
        )
        self._shapes = program.carry_shapes(group.run, group.dataset.train.inputs.shape[1:])

    def run(self, first_lane: int, worker: int) -> Iterator[Progress]:
        """One call's lanes from there on: one, or under "vmap" as many as there is room for."""
        chosen = slice(first_lane, first_lane + (self._room or 1))
        lanes, place = self._group.lanes[chosen], worker % len(self._arrays)
        carry = jax.device_put(self._first_carry(chosen), self._carry_places[place])
        inputs = self._in_room(_inputs(self._group, lanes))
        orders = self._orders(lanes, self._starts[0])
        for first in self._starts:
            num = self._num_epochs(first)
            carry, history = self._advance(
                carry, inputs, orders, np.int32(first), np.int32(num), self._arrays[place]
            )
            is_last = first == self._starts[-1]
            if not is_last:  # while the device is at work
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

    def _first_carry(self, chosen: slice) -> Any:
        if self._carry is None:
            shape = () if self._room is None else (self._room,)
            return jax.tree.map(lambda s: np.zeros(shape + s.shape, s.dtype), self._shapes)
        return self._in_room(jax.tree.map(lambda leaf: leaf[chosen], self._carry))

    def _orders(self, lanes: list[Lane], first: int) -> np.ndarray:
        epochs = range(first, first + self._num_epochs(first))
        return self._in_room(_orders(self._group, lanes, self._plan.span, epochs))

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


def _in_parallel(work: _Work, num_workers: int, num_lanes: int) -> Iterator[Progress]:
    """Each worker takes the next lane; threads are enough, since the device does the work.

    JAX runs the calls of one thread one after another, those of several at the same time.
    """
    results: queue.SimpleQueue = queue.SimpleQueue()
    is_stopping = threading.Event()
    todo, states = iter(range(num_lanes)), _jax_states()
    lock = threading.Lock()

    def worker(number):
        try:
            with contextlib.ExitStack() as stack:
                for state in states:
                    stack.enter_context(state())
                while True:
                    with lock:
                        index = next(todo, None)
                    if index is None:
                        return results.put(None)
                    for done in work.run(index, number):
                        results.put(done)
                        if is_stopping.is_set():
                            return None
        except BaseException as error:  # is raised where the results are taken
            results.put(error)

    threads = [
        threading.Thread(target=worker, args=(number,), daemon=True)
        for number in range(num_workers)
    ]
    try:
        for thread in threads:
            thread.start()
        for _ in threads:
            while (done := results.get()) is not None:
                if isinstance(done, BaseException):
                    raise done
                yield done
    finally:
        is_stopping.set()
        for thread in threads:
            thread.join()


def _jax_states() -> list[Callable[[], Any]]:
    """Those settings of JAX that a `with` may have changed for this thread alone."""
    config: Any = jax.config
    return [
        functools.partial(jax.enable_x64, config.jax_enable_x64),
        functools.partial(jax.default_matmul_precision, config.jax_default_matmul_precision),
        functools.partial(jax.numpy_dtype_promotion, config.jax_numpy_dtype_promotion),
        functools.partial(jax.numpy_rank_promotion, config.jax_numpy_rank_promotion),
        functools.partial(jax.debug_nans, config.jax_debug_nans),
        functools.partial(jax.disable_jit, config.jax_disable_jit),
    ]


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


def _orders(group: Group, lanes: list[Lane], span: int, epochs: range) -> np.ndarray:
    """Rows of the training set [lanes, epochs, batches, batch_size]; alike lanes share theirs."""
    shape = group.order_shape()
    orders = np.zeros((len(lanes), span, *shape), np.int32)
    if not shape[1]:
        return orders

    def settings_of(pair):
        s = pair[1].settings
        return s.seed, -1 if s.fold is None else s.fold, s.train_size or 0

    pairs = sorted(enumerate(lanes), key=settings_of)
    for (seed, *_), alike in itertools.groupby(pairs, key=settings_of):
        places, same = zip(*alike, strict=True)
        pool = group.rows[same[0].number].train
        drawn = np.stack([_order(group, seed, epoch, pool) for epoch in epochs])
        orders[list(places), : len(drawn), : drawn.shape[1]] = drawn
    return orders


def _order(group: Group, seed: int, epoch: int, pool: np.ndarray | None) -> np.ndarray:
    if group.run.batch_size is None:
        assert pool is not None  # without one the whole set is taken as it lies
        return pool[None]
    num = len(group.dataset.train.inputs) if pool is None else len(pool)
    used = group.num_batches(num) * group.run.batch_size
    order = samples.order_of_examples(seed, epoch, num)
    batches = order[:used].reshape(-1, group.run.batch_size)
    return batches if pool is None else pool[batches]
