"""Designs of a sweep besides the grid: settings in pairs, and settings drawn at random."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from jaxnn import checks


class Trials(NamedTuple):
    """Settings that belong together: the i-th value of every name makes the i-th trial."""

    values: dict[str, list]

    @property
    def size(self) -> int:
        """The number of trials."""
        return len(next(iter(self.values.values())))


class Range(NamedTuple):
    """An interval from which a hyperparameter is drawn."""

    low: float
    high: float
    is_log: bool

    def draw(self, rng: np.random.Generator, size: int) -> list[float]:
        if self.is_log:
            drawn = np.exp(rng.uniform(math.log(self.low), math.log(self.high), size))
            return np.clip(drawn, self.low, self.high).tolist()
        return rng.uniform(self.low, self.high, size).tolist()


def zipped(**axes: Any) -> Trials:
    """Trials that walk along several axes at once, as `zip` does.

    Raises:
      ValueError: no axis, an empty one, or axes of different lengths.
    """
    values = {name: list(axis) for name, axis in _named(axes).items()}
    lengths = {name: len(axis) for name, axis in values.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"zipped axes need one length, got {lengths}")
    if not min(lengths.values()):
        raise ValueError(f"zipped axes need at least one value, got {lengths}")
    return Trials(values)


def random(num_trials: int, *, seed: int = 0, **ranges: Any) -> Trials:
    """Trials drawn at random [Bergstra and Bengio 2012], each name from a range or a list.

    A name's values depend on the seed and the name, not on what else is drawn; the first of 100
    trials are those of a search of 10.

    Raises:
      TypeError, ValueError: no name, or what is given for it is neither a range nor a list.
    """
    checks.positive_int("num_trials", num_trials)
    values = {}
    for name, choices in _named(ranges).items():
        rng = np.random.default_rng([seed, *name.encode()])
        if isinstance(choices, Range):
            values[name] = choices.draw(rng, num_trials)
        elif isinstance(choices, list | range | np.ndarray) and len(choices):
            values[name] = [choices[i] for i in rng.integers(len(choices), size=num_trials)]
        else:
            raise TypeError(
                f"{name} must be drawn from train.uniform(low, high), train.log_uniform(low, high)"
                f" or a list with values, got {choices!r}"
            )
    return Trials(values)


def uniform(low: float, high: float) -> Range:
    """Every value of [low, high) is equally likely."""
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"a range needs finite low < high, got ({low}, {high})")
    return Range(float(low), float(high), is_log=False)


def log_uniform(low: float, high: float) -> Range:
    """Every factor within [low, high) is equally likely; both are above 0."""
    if not low > 0:
        raise ValueError(f"a log-uniform range needs low above 0, got {low}")
    return uniform(low, high)._replace(is_log=True)


def _named(axes: dict[str, Iterable]) -> dict[str, Any]:
    if not axes:
        raise ValueError("a design needs at least one hyperparameter, got none")
    return axes
