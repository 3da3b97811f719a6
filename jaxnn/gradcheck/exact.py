"""The judge of saturated tails, where autodiff and differences in float64 both give 0."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


def exact_slopes(f: Callable[[Any], Any], points: Iterable[float]) -> np.ndarray:
    """f'(x) at each of the points, in so many digits that nothing cancels, rounded to float64.

        gradcheck.exact_slopes(mpmath.tanh, [25.0])     # 7.7e-22, where jax.grad gives 0

    Args:
      f: a function of one number of mpmath, which has to be installed; the definition, not the code
        that is judged.
      points: where.
    """
    import mpmath

    points = list(points)
    with mpmath.workdps(digits_for(points)):
        return np.array([float(mpmath.diff(f, mpmath.mpf(float(x)))) for x in points])


def digits_for(points: Iterable[float]) -> int:
    """1 - tanh(x) begins in digit 0.87 x."""
    return 60 + int(max(map(abs, points)))
