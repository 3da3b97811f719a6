"""Where the referee looks at a function around the point: the directions, how far, what it sees.

A step is a share of each element's own size (of the leaf's where the element is 0), so that 1e-6
and 1e6 are both looked at from near. Differences are taken at several steps and extrapolated; where
they agree with each other best is their answer, and by how much they do not, what it is worth
[Ridders 1982, Advances in Engineering Software 4(2)].
"""

from typing import NamedTuple

import numpy as np

STEPS = 1e-3 * 10.0 ** -np.arange(5)
TAYLOR_STEPS = 1e-3 * 0.5 ** np.arange(5)
ELEMENTS_ALONE = 32  # of a larger leaf, that many are drawn


class Probes(NamedTuple):
    """The directions in which f is followed: drawn ones within each leaf, then elements alone.

    Attributes:
      rows: a direction each; no element moves further than the step, times its own size.
      elements: which ones are moved alone, in the order of the last rows.
      sizes: of the leaves, which lie flat behind one another.
    """

    rows: np.ndarray
    elements: np.ndarray
    sizes: tuple[int, ...]

    @property
    def drawn(self) -> int:
        """How many of the rows are drawn."""
        return len(self.rows) - len(self.elements)

    def shifts(self) -> np.ndarray:
        """Forth and back along all in every step, then in Taylor's steps along the drawn."""
        far = [h * self.rows[: self.drawn] for h in TAYLOR_STEPS]
        both = [sign * h * self.rows for h in STEPS for sign in (1, -1)]
        return np.concatenate([*both, *far])

    def alone(self, elements: np.ndarray, x: np.ndarray) -> "Probes":
        """The same with the first of these elements alone, as many as before: fewer come again."""
        rows, elements = self.rows.copy(), np.resize(elements, len(self.elements))
        rows[self.drawn :] = 0
        rows[self.drawn + np.arange(len(elements)), elements] = own_size(x, self.sizes)[elements]
        return self._replace(rows=rows, elements=elements)


def draw_probes(
    sizes: list[int], x: np.ndarray, random: np.random.Generator, directions: int
) -> Probes:
    """Probes of leaves of these sizes, around the point x, in which they lie behind one another."""
    drawn, alone, start = [], [], 0
    for size in filter(None, sizes):
        alone.append(start + random.permutation(size)[:ELEMENTS_ALONE])
        row = np.zeros((directions, sum(sizes)))
        row[:, start : start + size] = random.normal(size=(directions, size))
        drawn.append(row / np.abs(row).max(axis=1, keepdims=True))
        start += size
    elements = np.concatenate([np.zeros(0, int), *alone])
    rows = np.concatenate([np.zeros((0, sum(sizes))), *drawn, np.eye(sum(sizes))[elements]])
    return Probes(rows * own_size(x, tuple(sizes)), elements, tuple(sizes))


def own_size(x: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """|x|, element by element; where that is 0, the root mean square of the leaf, or 1."""
    size = np.abs(x)
    for part in np.split(size, np.cumsum(sizes)[:-1]):  # views
        whole = np.sqrt(np.mean(part**2)) if part.size else 0.0
        part[part == 0] = whole or 1.0
    return size


def block_diagonal(blocks: list[np.ndarray]) -> np.ndarray:
    """Each block in rows and columns of its own: a shift moves one argument only."""
    whole = np.zeros(np.sum([block.shape for block in blocks], axis=0))
    row = column = 0
    for block in blocks:
        rows, columns = block.shape
        whole[row : row + rows, column : column + columns] = block
        row, column = row + rows, column + columns
    return whole


class Slopes(NamedTuple):
    """What was seen along each row; NaN where f is not finite on both sides.

    Attributes:
      middle: the derivative, by differences; low and high: those of the two sides.
      worth: how far the middle may be off; infinite where nothing was seen.
      kink: whether the two sides stay apart, however small the step.
      near: whether the largest step is small enough for f to be nearly straight there.
    """

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    worth: np.ndarray
    kink: np.ndarray
    near: np.ndarray


def slopes(changes: np.ndarray, noise: np.ndarray, total: float, rows: int) -> Slopes:
    """From <cotangent, f(x + shift) - f(x)> of Probes.shifts.

    Args:
      changes: one for each shift.
      noise: the rounding error of the outputs that this shift moved.
      total: the rounding error of all outputs: one that never moved may have lost its change.
      rows: how many rows the probes have.
    """
    shape = len(STEPS), 2, rows
    each, noise = (a[: np.prod(shape)].reshape(shape) for a in (changes, noise))
    rounding = np.nan_to_num(noise).max(axis=(0, 1))
    steps = STEPS[:, None]
    central = (each[:, 0] - each[:, 1]) / (2 * steps)
    better = (100 * central[1:] - central[:-1]) / 99  # without the term in h^2
    apart = np.abs(better - central[1:]) + rounding / steps[1:] + (total - rounding) / steps[0]
    apart = np.where(np.isfinite(apart), apart, np.inf)
    best = apart.argmin(axis=0)
    at = best, np.arange(rows)
    sides = np.stack([each[:, 0], -each[:, 1]]) / steps  # [forth or back, step, row]
    size = np.abs(sides[:, 1:]).max(axis=0)[at]
    gap, gap_before = (np.abs(np.subtract(*side))[at] for side in (sides[:, 1:], sides[:, :-1]))
    return Slopes(
        middle=np.where(np.isfinite(apart[at]), better[at], np.nan),
        low=sides[:, 1:].min(axis=0)[at],
        high=sides[:, 1:].max(axis=0)[at],
        worth=apart[at],
        kink=(gap > 0.5 * gap_before)
        & (gap > 8 * rounding / STEPS[1:][best])
        & (gap > 1e-4 * size),
        near=np.abs(central[0] - better[at]) <= 0.1 * np.abs(better[at]),
    )
