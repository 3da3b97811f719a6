"""The examples of a streamed run, fetched ahead by Grain.

They lie in chunks of a fixed number of batches. Which examples are in a chunk is a pure function of
the seed, the epoch and the number of the chunk, so that a run can start anywhere.
"""

import contextlib
import threading
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxnn.data import Examples, Stream
from jaxnn.train.program.samples import DataSettings
from jaxnn.train.setup.run import Run

CHUNK_BYTES = 2**23
IN_USE = 4  # chunks: one that is made, one that is moved to the device, two that lie there


class Chunk(NamedTuple):
    """Batches of an epoch, [steps, batch_size, ...]; those after the last one are zeros."""

    epoch: int
    is_last: bool
    examples: Examples


def check(run: Run, settings: DataSettings, stream: Stream) -> None:
    """Refuses what needs all examples at once.

    Raises:
      ValueError: full batches, folds, label noise.
      ModuleNotFoundError: Grain is not installed.
    """
    needs = {
        "batch_size=None": run.batch_size is None,
        f"folds={run.folds}": run.folds is not None or settings.fold is not None,
        f"label_noise={settings.label_noise}": settings.label_noise is not None,
    }
    for name, is_needed in needs.items():
        if is_needed:
            raise ValueError(
                f"{name} needs all training examples in memory, but those of {stream.name} are"
                " streamed: leave it out, or make a data set by data.from_arrays"
            )
    _grain()


def steps_at_once(batch_size: int, num_batches: int, stream: Stream) -> int:
    """How many batches are in a chunk, so that the chunks of an epoch are about equally long."""
    most = max(1, CHUNK_BYTES // _num_bytes(batch_size, stream))
    num_chunks = -(-num_batches // most)
    return -(-num_batches // num_chunks)


def memory(batch_size: int, num_batches: int, stream: Stream) -> int:
    """Bytes of all chunks of one run that are in memory at the same time."""
    steps = steps_at_once(batch_size, num_batches, stream)
    return (stream.threads + IN_USE) * steps * _num_bytes(batch_size, stream)


def chunks(
    stream: Stream, order: Callable[[int], np.ndarray], num_batches: int, steps: int,
    *, columns: slice, epochs: range, done: int,
) -> Generator[Chunk]:  # fmt: skip
    """The chunks of some epochs, in order.

    Args:
      stream: the examples.
      order: epoch -> the rows of its batches [num_batches, batch_size].
      num_batches: in each epoch.
      steps: in each chunk.
      columns: the part of each batch that is fetched.
      epochs: which.
      done: the steps of the first of them that are not needed any more.
    """
    source = _Chunks(stream, order, num_batches, steps, columns, epochs)
    ahead = _grain().ReadOptions(num_threads=stream.threads, prefetch_buffer_size=stream.threads)
    first = min(done // steps, source.per_epoch - 1)
    iterator = iter(_grain().MapDataset.source(source)[first:].to_iter_dataset(ahead))
    with contextlib.closing(iterator):
        yield from iterator


def columns_of(sharding: NamedSharding, batch_size: int) -> slice:
    """The part of every batch that the devices of this process get."""
    places = sharding.addressable_devices_indices_map((1, batch_size)).values()
    own = [place[1].indices(batch_size) for place in places if place is not None]
    return slice(min(start for start, *_ in own), max(stop for _, stop, _ in own))


def spread(where: NamedSharding) -> NamedSharding:
    """How a chunk lies on the devices of a mesh: each has a part of every batch."""
    return NamedSharding(where.mesh, P(None, *where.mesh.axis_names))


def place(examples: Examples, where: Any, batch_size: int) -> Any:
    """Moves a chunk to a device, or its columns to all that share each batch."""
    if not isinstance(where, NamedSharding):
        return jax.device_put(examples, where)
    over_all = spread(where)
    return jax.tree.map(
        lambda leaf: jax.make_array_from_process_local_data(
            over_all, leaf, (leaf.shape[0], batch_size, *leaf.shape[2:])
        ),
        examples,
    )


class _Chunks:
    """What Grain reads from its threads: chunk after chunk, by number."""

    def __init__(self, stream, order, num_batches, steps, columns, epochs):
        self._stream, self._order, self._columns = stream, order, columns
        self._num_batches, self._steps, self._epochs = num_batches, steps, epochs
        self.per_epoch = -(-num_batches // steps)
        self._lock = threading.Lock()
        self._drawn: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return self.per_epoch * len(self._epochs)

    def __getitem__(self, number: int) -> Chunk:
        index, chunk = divmod(number, self.per_epoch)
        epoch, first = self._epochs[index], chunk * self._steps
        rows = self._rows(epoch)[first : first + self._steps, self._columns]
        examples = self._stream.fetch(rows)
        if missing := self._steps - len(rows):
            examples = jax.tree.map(lambda leaf: _with_zeros(leaf, missing), examples)
        return Chunk(epoch, chunk == self.per_epoch - 1, examples)

    def _rows(self, epoch: int) -> np.ndarray:
        """Drawn once: the threads are in the same epoch, or in two that follow each other."""
        with self._lock:
            if epoch not in self._drawn:
                self._drawn = {e: rows for e, rows in self._drawn.items() if e == epoch - 1}
                self._drawn[epoch] = self._order(epoch)
            return self._drawn[epoch]


def _with_zeros(leaf: np.ndarray, missing: int) -> np.ndarray:
    return np.concatenate([leaf, np.zeros((missing, *leaf.shape[1:]), leaf.dtype)])


def _num_bytes(batch_size: int, stream: Stream) -> int:
    return batch_size * sum(leaf.size // len(leaf) * leaf.dtype.itemsize for leaf in stream.train)


def _grain() -> Any:
    try:
        import grain
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("data that are streamed need Grain: pip install grain") from error
    return grain
