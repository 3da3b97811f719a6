"""Where the referee looks at a function around the point: the directions, and how far."""

from typing import NamedTuple

import numpy as np

DIFFERENCE_STEP = 6e-6  # the cube root of the rounding error: truncation and rounding balance
TAYLOR_STEPS = 1e-3 * 0.5 ** np.arange(5)
ELEMENTS_ALONE = 32  # of a larger leaf, that many are drawn


class Probes(NamedTuple):
    """The directions in which f is followed: drawn ones within each leaf, then elements alone."""

    rows: np.ndarray
    drawn: int  # how many of the rows are drawn

    def peaks(self) -> np.ndarray:
        """The drawn ones, scaled so that no element moves further than the step."""
        drawn = self.rows[: self.drawn]
        return drawn / np.abs(drawn).max(axis=1, keepdims=True, initial=0)

    def shifts(self) -> np.ndarray:
        """Forth and back along all, then in the steps of the Taylor remainder along the drawn."""
        step, peaks = DIFFERENCE_STEP * self.rows, self.peaks()
        return np.concatenate([step, -step, *(h * peaks for h in TAYLOR_STEPS)])


def draw_probes(sizes: list[int], random: np.random.Generator, directions: int) -> Probes:
    drawn, alone, start = [], [], 0
    for size in filter(None, sizes):
        elements = start + random.permutation(size)[:ELEMENTS_ALONE]
        drawn.append(np.zeros((directions, sum(sizes))))
        drawn[-1][:, start : start + size] = random.normal(size=(directions, size))
        alone.append(np.zeros((len(elements), sum(sizes))))
        alone[-1][np.arange(len(elements)), elements] = 1.0
        start += size
    rows = np.concatenate([np.zeros((0, sum(sizes))), *drawn, *alone])
    return Probes(rows, directions * len(drawn))


def block_diagonal(blocks: list[np.ndarray]) -> np.ndarray:
    """Each block in rows and columns of its own: a shift moves one argument only."""
    whole = np.zeros(np.sum([block.shape for block in blocks], axis=0))
    row = column = 0
    for block in blocks:
        rows, columns = block.shape
        whole[row : row + rows, column : column + columns] = block
        row, column = row + rows, column + columns
    return whole
