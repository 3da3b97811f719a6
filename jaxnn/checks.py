"""Checks of hyperparameters: errors that name the value and say what is allowed.

A traced value cannot be looked at: it passes, at no cost at run time.
"""

import math
import numbers
from typing import Any

import jax
import jax.numpy as jnp

Number = Any  # a float, a scalar array or a traced value: what these checks look at


def nonnegative(name: str, value: Any) -> None:
    """Refuses a setting that is not a finite number >= 0."""
    number = _known(name, value)
    if number is not None and not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be finite and at least 0, got {value}")


def positive(name: str, value: Any) -> None:
    """Refuses a setting that is not a finite number > 0."""
    number = _known(name, value)
    if number is not None and not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be finite and above 0, got {value}")


def rate(name: str, value: Any) -> None:
    """Refuses a setting outside [0, 1)."""
    number = _known(name, value)
    if number is not None and not 0 <= number < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value}")


def probability(name: str, value: Any) -> None:
    """Refuses a setting outside [0, 1]."""
    number = _known(name, value)
    if number is not None and not 0 <= number <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}")


def positive_int(name: str, value: Any) -> None:
    """Refuses a setting that is not an int >= 1."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an int, got {value!r} of type {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")


def cotangent(value: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent, if it has the shape of the output that it belongs to: none is broadcast."""
    if jnp.shape(value) != tuple(shape):
        raise ValueError(
            f"the cotangent must have the shape {tuple(shape)} of the output, got"
            f" {jnp.shape(value)}"
        )
    return value


def _known(name: str, value: Any) -> float | None:
    """The number on the host, also where a jit is tracing; None for a traced value."""
    if isinstance(value, jax.core.Tracer):
        return None
    is_number = isinstance(value, numbers.Real) or getattr(value, "shape", None) == ()
    if isinstance(value, bool) or not is_number:
        raise TypeError(f"{name} must be a number, got {value!r} of type {type(value).__name__}")
    return float(value)
