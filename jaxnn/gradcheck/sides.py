"""How far the two gradients of one argument are from each other, and from the differences.

An error is relative to its own element, or to the root mean square of its leaf where the element is
smaller: |a_i - b_i| / max(|b_i|, rms(b)). So a tolerance is widened neither by large neighbours, as
in a comparison of norms, nor by absolute size. (A leaf that is 0 beside others, as is the gradient
of a shift that softmax ignores, is measured against 1% of the rms of all leaves.) Differences know
what they are worth: an error within eight times that is none.
"""

from typing import NamedTuple

import numpy as np

from jaxnn.gradcheck.probes import (
    STEPS,
    TAYLOR_STEPS,
    Probes,
    Slopes,
    block_diagonal,
    own_size,
    slopes,
)
from jaxnn.gradcheck.problem import Answer, Problem

_MOST_LOOKS = 64  # at elements in which hand and autodiff differ


class Side:
    """One argument: where it is, and its two gradients, flat.

    Attributes:
      scale: what an error is measured against where the element itself is smaller.
      is_free: the elements on a kink at which both gradients lie between those of the two sides.
    """

    def __init__(self, probes: Probes, x: np.ndarray, hand: np.ndarray, auto: np.ndarray):
        self.probes, self.x, self.hand, self.auto = probes, x, hand, auto
        self.scale = np.zeros(len(x))
        self.is_free = np.zeros(len(x), bool)

    def measure_against(self, floor: float) -> None:
        """Sets the scale: the rms of each leaf; where elements are of very unequal size, theirs."""
        own = own_size(self.x, self.probes.sizes)
        floors, start = np.minimum(floor, 0.01 * rms(self.auto * own) / own), 0
        for size in self.probes.sizes:
            leaf = slice(start, start + size)
            own_rms = rms(self.auto[leaf] * own[leaf]) / own[leaf]
            self.scale[leaf] = np.minimum(rms(self.auto[leaf]), own_rms)
            start += size
        self.scale = np.maximum(self.scale, floors)

    def errors(self) -> np.ndarray:
        """Of hand against autodiff, element by element; none where each may choose its slope."""
        return np.where(self.is_free, 0.0, relative(self.hand, self.auto, self.scale))

    def free(self, seen: Slopes) -> None:
        """Marks the elements on a kink, of those that were looked at alone."""
        alone, elements = slice(self.probes.drawn, None), self.probes.elements
        own = self.probes.rows[alone][np.arange(len(elements)), elements]
        ends = np.stack([seen.low[alone], seen.high[alone]]) / own
        slack = 1e-6 * np.maximum(np.abs(ends).max(axis=0), self.scale[elements])
        lie_between = [
            (ends[0] - slack <= gradient[elements]) & (gradient[elements] <= ends[1] + slack)
            for gradient in (self.hand, self.auto)
        ]
        self.is_free[elements] |= seen.kink[alone] & lie_between[0] & lie_between[1]


class Look(NamedTuple):
    """What was seen of one argument; far: the changes of f in Taylor's steps [step, direction]."""

    seen: Slopes
    far: np.ndarray


def look_at(problem: Problem, answer: Answer, sides: list[Side], limit: float) -> list[Look]:
    """What the differences see; looked at until the element that disagrees most was seen alone."""
    floor = 0.01 * rms(np.concatenate([np.zeros(0), *answer.auto]))
    for side in sides:
        side.measure_against(floor)
    looks = _looks(problem, answer, sides)
    for _ in range(_MOST_LOOKS):
        unseen = False
        for side, look in zip(sides, looks, strict=True):
            side.free(look.seen)
            errors = side.errors()
            wrong = np.flatnonzero(errors > limit)
            wrong = wrong[np.argsort(-errors[wrong], kind="stable")]
            if len(wrong) and wrong[0] not in side.probes.elements:
                side.probes = side.probes.alone(wrong, side.x)
                unseen = True
        if not unseen:
            break
        shifts = block_diagonal([side.probes.shifts() for side in sides])
        looks = _looks(problem, problem.ask(shifts), sides)
    return looks


def _looks(problem: Problem, answer: Answer, sides: list[Side]) -> list[Look]:
    looks, start = [], 0
    for side in sides:
        rows, drawn = len(side.probes.rows), side.probes.drawn
        near, far = 2 * len(STEPS) * rows, len(TAYLOR_STEPS) * drawn
        changes, moved = (a[start : start + near] for a in (answer.changes, answer.moved))
        noise = problem.epsilon * moved
        seen = slopes(changes, noise, problem.epsilon * answer.size, rows)
        start += near + far
        looks.append(
            Look(seen, answer.changes[start - far : start].reshape(len(TAYLOR_STEPS), drawn))
        )
    return looks


class Measured(NamedTuple):
    """The errors of one argument; told_apart: whether the differences tell hand from autodiff."""

    autodiff: float
    differences: float
    autodiff_differences: float
    slope: float
    kinks: int
    told_apart: bool


def measure(side: Side, look: Look, noise: float) -> Measured:
    """All errors of one argument; noise is what a Taylor remainder has by rounding."""
    if not side.hand.size:
        return Measured(0.0, 0.0, 0.0, np.nan, 0, False)
    probes, seen = side.probes, look.seen
    rows, drawn = probes.rows, probes.drawn
    is_told = np.isfinite(seen.worth) & ~_bent(side, seen)
    row_scale = np.sqrt(rows**2 @ side.scale**2)

    def error_fn(gradient):
        by_rows = np.where(is_told, rows @ gradient, 0.0)
        middle = np.where(is_told, seen.middle, 0.0)
        away = np.abs(by_rows - middle) - 8 * np.where(is_told, seen.worth, 0.0)
        return _largest(relative(middle + np.maximum(away, 0.0), middle, row_scale))

    apart = np.abs(rows @ (side.hand - side.auto)) > 8 * seen.worth
    straight = is_told[:drawn] & seen.near[:drawn]
    steps = TAYLOR_STEPS[:, None]
    remainders = (look.far - steps * (rows[:drawn] @ side.hand))[:, straight]
    return Measured(
        autodiff=_largest(side.errors()),
        differences=error_fn(side.hand) if np.all(np.isfinite(side.hand)) else np.inf,
        autodiff_differences=error_fn(side.auto) if np.all(np.isfinite(side.auto)) else np.inf,
        slope=_slope(remainders, noise),
        kinks=int(seen.kink[drawn:].sum()),
        told_apart=bool(np.any(apart & is_told)),
    )


def _bent(side: Side, seen: Slopes) -> np.ndarray:
    """The rows that tell nothing of a gradient: they cross a kink at which it may choose."""
    drawn, elements = side.probes.drawn, side.probes.elements
    bent = seen.kink & bool(side.is_free.any())
    bent[drawn:] = side.is_free[elements]
    return bent


def _slope(remainders: np.ndarray, noise: float) -> float:
    """The order in h of the Taylor remainders [steps, directions]; NaN where they are rounding."""
    if not remainders.size:
        return np.nan
    size = np.sqrt(np.mean(remainders**2, axis=1))
    if not np.all(np.isfinite(size)):
        return 0.0
    seen = size > noise
    if seen.sum() < 3:
        return np.nan
    return float(np.polyfit(np.log(TAYLOR_STEPS[seen]), np.log(size[seen]), 1)[0])


def relative(actual: np.ndarray, reference: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """|a_i - b_i| / max(|b_i|, scale_i); inf where either is not finite."""
    error, size = np.abs(actual - reference), np.maximum(np.abs(reference), scale)
    ratio = np.where(error > 0, np.inf, 0.0)
    np.divide(error, size, out=ratio, where=size > 0)
    return np.where(np.isfinite(error), ratio, np.inf)


def _largest(errors: np.ndarray) -> float:
    return float(errors.max(initial=0.0))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if np.size(values) else 0.0
