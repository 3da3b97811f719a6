"""The host's side of a sweep: lanes are laid over devices and advanced by chunks of epochs."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxnn.data import Dataset
from jaxnn.train import program
from jaxnn.train.axes import Lane
from jaxnn.train.run import Run, float_dtype

MAX_LANES = {"map": 16, "vmap": 64}  # on each device, in one call
MAX_ORDER_BYTES = 2**26  # of the orders of the examples, in one call
MIN_CHUNKS = 10  # a run comes back to report its progress at least so often


class Progress(NamedTuple):
    """What some lanes did in some epochs, or, with `carry`, what they ended with."""

    lanes: list[Lane]
    first_epoch: int
    history: dict[str, np.ndarray]  # name -> [lanes, epochs]
    carry: program.Carry | None


def train(
    setup: Callable[..., Run], dataset: Dataset, run: Run, lanes: list[Lane]
) -> Iterator[Progress]:
    """Trains lanes of one structure, and yields after each chunk of epochs.

    Args:
      setup: the set-up function.
      dataset: what the runs are trained and tested on.
      run: the set-up's answer for one of the lanes.
      lanes: the runs, all with the same static hyperparameters.
    """
    devices = jax.local_devices()[: None if len(lanes) > 1 else 1]
    how = "map" if devices[0].platform == "cpu" else "vmap"
    size = _capacity(len(lanes), len(devices), how) * len(devices)
    mesh = Mesh(np.array(devices), ("lanes",))
    arrays = jax.device_put(program.arrays_of(dataset), NamedSharding(mesh, P()))
    num_examples, in_shape = len(dataset.train.inputs), dataset.train.inputs.shape[1:]
    order_shape = (run.num_batches(num_examples), run.batch_size or 0)
    span = _epochs_at_once(run.epochs, size * order_shape[0] * order_shape[1] * 4)
    static = lanes[0].static
    advance = program.compiled(setup, static, repr(static), mesh, how, span)

    for start in range(0, len(lanes), size):
        chunk = lanes[start : start + size]
        rows, counts = _places(len(chunk), len(devices), size)
        fill = _filler(rows, size)
        traced = {
            name: fill([lane.traced[name] for lane in chunk], float_dtype())
            for name in chunk[0].traced
        }
        seeds = fill([lane.seed for lane in chunk], np.uint32)
        carry = program.empty_carry(run, in_shape, size, mesh)
        for first in range(0, run.epochs, span):
            num = min(span, run.epochs - first)
            orders = np.zeros((size, span, *order_shape), np.int32)
            if run.batch_size is not None:
                _draw_orders(orders, rows, chunk, range(first, first + num), num_examples)
            carry, history = advance(
                carry, traced, seeds, orders, counts, np.int32(first), np.int32(num), arrays
            )
            history = {name: np.asarray(leaf)[rows, :num] for name, leaf in history.items()}
            is_last = first + num == run.epochs
            last = jax.tree.map(lambda leaf: np.asarray(leaf)[rows], carry) if is_last else None  # noqa: B023
            yield Progress(chunk, first, history, last)


def _capacity(num_lanes: int, num_devices: int, how: str) -> int:
    """How many lanes a device takes in one call.

    Room that is not used costs nothing under "map": one size serves any number, and one more lane
    needs no other program. Under "vmap" it costs time, so there the size grows in steps.
    """
    if num_lanes == 1:
        return 1
    each = -(-num_lanes // num_devices)
    return MAX_LANES[how] if how == "map" else min(MAX_LANES[how], 1 << (each - 1).bit_length())


def _epochs_at_once(epochs: int, order_bytes: int) -> int:
    for_progress = -(-epochs // MIN_CHUNKS)
    return max(1, min(for_progress, MAX_ORDER_BYTES // max(order_bytes, 1)))


def _places(num_lanes: int, num_devices: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Spreads lanes evenly: the row of each lane, and how many each device has."""
    shares = np.array_split(np.arange(num_lanes), num_devices)
    per_device = size // num_devices
    rows = [device * per_device + np.arange(len(share)) for device, share in enumerate(shares)]
    return np.concatenate(rows), np.array([len(share) for share in shares], np.int32)


def _filler(rows: np.ndarray, size: int) -> Callable[[Any, Any], np.ndarray]:
    def fill(values, dtype):
        filled = np.zeros(size, dtype)
        filled[rows] = values
        return filled

    return fill


def _draw_orders(orders, rows, lanes, epochs, num_examples):
    """Fills orders [lanes, epochs, batches, batch_size]; lanes with one seed share their order."""
    used = orders[0, 0].size
    by_seed = itertools.groupby(
        sorted(zip(rows, lanes, strict=True), key=lambda pair: pair[1].seed),
        key=lambda pair: pair[1].seed,
    )
    for seed, pairs in by_seed:
        drawn = [program.order_of_examples(seed, epoch, num_examples)[:used] for epoch in epochs]
        orders[[row for row, _ in pairs], : len(drawn)] = np.reshape(
            drawn, (len(drawn), *orders.shape[2:])
        )
