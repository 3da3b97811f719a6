"""The processes of a multi-host run: each runs a part of the lanes, and all get the result."""

import dataclasses

import jax
import numpy as np

from jaxnn import private_jax
from jaxnn.train.setup.axes import Lane


@dataclasses.dataclass(frozen=True)
class Hosts:
    """Which process runs what.

    Attributes:
      index: the number of this process.
      count: how many there are.
      shape: that of the sweep, its number of values along each axis.
    """

    index: int
    count: int
    shape: tuple[int, ...]

    @classmethod
    def of(cls, shape: tuple[int, ...], how: str) -> "Hosts":
        """Lanes are dealt out; but where a batch is spread over devices, all have a part of it."""
        if how == "data":
            return cls(0, 1, shape)
        return cls(jax.process_index(), jax.process_count(), shape)

    def own(self, lanes: list[Lane]) -> list[Lane]:
        """Those of the lanes that this process runs."""
        return [lane for lane in lanes if lane.number % self.count == self.index]

    def merge(self, column: np.ndarray) -> np.ndarray:
        """An array with the axes of the sweep in front, each lane from the process that ran it."""
        if self.count == 1:
            return column
        as_bytes = np.frombuffer(np.ascontiguousarray(column).tobytes(), np.uint8)  # as JAX would
        gathered = np.asarray(private_jax.gathered(as_bytes))  # round float64
        owner = np.arange(np.prod(self.shape, dtype=int)) % self.count
        by_lane = gathered.reshape(self.count, len(owner), -1)
        own = by_lane[owner, np.arange(len(owner))]
        return np.frombuffer(own.tobytes(), column.dtype).reshape(column.shape)
