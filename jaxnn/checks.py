"""Checks of hyperparameters: errors that name the value and say what is allowed."""

import math
import numbers
from typing import Any

import jax

Number = Any  # a float, a scalar array or a traced value: what `nonnegative` looks at


def nonnegative(name: str, value: Any) -> None:
    """Refuses a setting that is not a finite number >= 0; a traced value cannot be looked at."""
    if isinstance(value, jax.core.Tracer):
        return
    if isinstance(value, bool) or not _is_real_scalar(value):
        raise TypeError(f"{name} must be a number, got {value!r} of type {type(value).__name__}")
    if not (math.isfinite(value) and float(value) >= 0):  # float: no operation of a trace around us
        raise ValueError(f"{name} must be finite and at least 0, got {value}")


def positive_int(name: str, value: Any) -> None:
    """Refuses a setting that is not an int >= 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an int, got {value!r} of type {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


def _is_real_scalar(value: Any) -> bool:
    return isinstance(value, numbers.Real) or getattr(value, "shape", None) == ()
