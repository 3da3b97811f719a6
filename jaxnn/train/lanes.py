"""The host's side of a sweep: lanes are laid over devices and advanced by chunks of epochs."""

import itertools
import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxnn.data import Dataset
from jaxnn.train import program, samples
from jaxnn.train.axes import Lane
from jaxnn.train.layout import Layout, layout
from jaxnn.train.run import Run, float_dtype


class Group(NamedTuple):
    """Runs of one structure: their set-up gives `run` for one of them, and layers of one shape."""

    setup: Callable[..., Run]
    run: Run
    dataset: Dataset
    lanes: list[Lane]
    rows: dict[int, samples.Rows]  # by the number of the lane

    def order_shape(self) -> tuple[int, int]:
        """(batches, batch_size) of an epoch; (1, 0) where the whole set is every batch."""
        if self.run.batch_size is not None:
            return self.num_batches(None), self.run.batch_size
        pool = self.rows[self.lanes[0].number].train
        return 1, 0 if pool is None else len(pool)

    def num_batches(self, num_examples: int | None) -> int:
        """Updates per epoch, of so many examples or of all."""
        return self.run.num_batches(
            len(self.dataset.train.inputs) if num_examples is None else num_examples
        )

    def layout(self, **options: Any) -> Layout:
        """How the lanes are run; see `layout`."""
        return layout(self.run, self.dataset, len(self.lanes), self.order_shape(), **options)


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
    wants_carry: Callable[[], bool] = lambda: False,
) -> Iterator[Progress]:
    """Trains lanes of one structure, and yields after each chunk of epochs.

    The next chunk is on its way before one is handed over, so that the host works while the
    devices do; but not where the carry was asked for, since that is what a caller may stop at.

    Args:
      group: the runs.
      plan: how they are laid out.
      first_epoch: the epochs that all of them have behind them.
      carry: what they carry from there, host arrays with an axis of lanes.
      wants_carry: asked after each chunk.
    """
    mesh = Mesh(np.array(plan.devices), ("lanes",))
    arrays = jax.device_put(program.arrays_of(group.dataset), NamedSharding(mesh, P()))
    static, span = group.lanes[0].static, plan.span
    advance = program.compiled(group.setup, static, repr(static), mesh, plan.how, span)
    in_shape = group.dataset.train.inputs.shape[1:]
    shapes = program.carry_shapes(group.run, in_shape)
    num_parts = 1 if plan.how == "data" else len(plan.devices)
    over = NamedSharding(mesh, P() if plan.how == "data" else P("lanes"))

    for start in range(0, len(group.lanes), plan.size):
        chunk = group.lanes[start : start + plan.size]
        rows, counts = _places(len(chunk), num_parts, plan.size)
        filled = _Filler(rows, plan.size)
        own = jax.tree.map(operator.itemgetter(slice(start, start + plan.size)), carry)
        now = jax.device_put(filled.tree(own, shapes), over)
        inputs = _inputs(group, chunk, filled)
        pending = None
        for first in range(first_epoch, group.run.epochs, span):
            num = min(span, group.run.epochs - first)
            orders = _orders(group, chunk, rows, (plan.size, span), range(first, first + num))
            if pending is not None and wants_carry():
                yield pending.fetch(now)
                pending = None
            now, history = advance(
                now, inputs, orders, counts, np.int32(first), np.int32(num), arrays
            )
            if pending is not None:
                yield pending.fetch(None)
            pending = _Pending(chunk, first, num, rows, history)
        if pending is not None:
            yield pending.fetch(now)


class _Pending(NamedTuple):
    """A chunk of epochs on its way."""

    lanes: list[Lane]
    first_epoch: int
    num_epochs: int
    rows: np.ndarray
    history: dict[str, jax.Array]

    def fetch(self, carry: Any) -> Progress:
        """Waits for it."""
        history = {
            name: np.asarray(leaf)[self.rows, : self.num_epochs]
            for name, leaf in self.history.items()
        }
        if carry is not None:
            carry = jax.tree.map(lambda leaf: np.asarray(leaf)[self.rows], carry)
        return Progress(self.lanes, self.first_epoch, history, carry)


class _Filler(NamedTuple):
    """Puts one value per lane into the rows of a call that has more room."""

    rows: np.ndarray
    size: int

    def tree(self, values: Any, shapes: Any) -> Any:
        """Every leaf of a tree; None starts from zeros."""
        if values is None:
            return jax.tree.map(lambda s: np.zeros((self.size, *s.shape), s.dtype), shapes)
        return jax.tree.map(lambda leaf, s: self(leaf, s.dtype), values, shapes)

    def __call__(self, values: Any, dtype: Any) -> np.ndarray:
        values = np.asarray(values, dtype)
        filled = np.zeros((self.size, *values.shape[1:]), dtype)
        filled[self.rows] = values
        return filled


def _inputs(group: Group, chunk: list[Lane], filled: _Filler) -> program.LaneInputs:
    traced = {
        name: filled([lane.traced[name] for lane in chunk], float_dtype())
        for name in chunk[0].traced
    }
    rows = [group.rows[lane.number] for lane in chunk]
    sizes = [None if r.train is None else len(r.train) for r in rows]
    noise = None
    if group.lanes[0].settings.label_noise is not None:
        shares = filled([lane.settings.label_noise for lane in chunk], float_dtype())
        noise = shares, np.full(len(shares), len(group.dataset.classes), np.int32)
    held_out = None
    if group.run.folds is not None:
        held_out = filled([r.validation for r in rows], np.int32)
    return program.LaneInputs(
        traced=traced,
        seed=filled([lane.settings.seed for lane in chunk], np.uint32),
        num_batches=filled([group.num_batches(size) for size in sizes], np.int32),
        label_noise=noise,
        validation=held_out,
    )


def _places(num_lanes: int, num_devices: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Spreads lanes evenly: the row of each lane, and how many each device has."""
    shares = np.array_split(np.arange(num_lanes), num_devices)
    per_device = size // num_devices
    rows = [device * per_device + np.arange(len(share)) for device, share in enumerate(shares)]
    return np.concatenate(rows), np.array([len(share) for share in shares], np.int32)


def _orders(
    group: Group, chunk: list[Lane], rows: np.ndarray, size: tuple[int, int], epochs: range
) -> np.ndarray:
    """Rows of the training set [lanes, epochs, batches, batch_size]; alike lanes share theirs."""
    shape = group.order_shape()
    orders = np.zeros((*size, *shape), np.int32)
    if not shape[1]:
        return orders

    def settings_of(pair):
        s = pair[1].settings
        return s.seed, -1 if s.fold is None else s.fold, s.train_size or 0

    pairs = sorted(zip(rows, chunk, strict=True), key=settings_of)
    for (seed, *_), alike in itertools.groupby(pairs, key=settings_of):
        places, lanes = zip(*alike, strict=True)
        pool = group.rows[lanes[0].number].train
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
