"""What the losses share: how targets meet predictions, what is refused, and 0 * inf = 0."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn import checks


def times(weight: Array, value: Array) -> Array:
    """weight * value, where a weight of 0 wins over an infinite value."""
    return jnp.where(weight == 0, 0, weight * value)


def paired(predictions: Array, targets: Array) -> Array:
    """The targets in the shape and dtype of the predictions.

    They may lack a last axis of one output: [batch] targets fit [batch, 1] predictions. Nothing is
    broadcast, by which [batch] against [batch, 1] would silently become [batch, batch].
    """
    check_floats(predictions)
    if predictions.shape == (*targets.shape, 1):
        targets = targets[..., None]
    if targets.shape != predictions.shape:
        raise ValueError(
            f"predictions of shape {predictions.shape} do not fit targets of shape {targets.shape}"
        )
    return targets.astype(predictions.dtype)


def per_example(cotangent: Array, gradient: Array) -> Array:
    """The gradient of each example, [*batch, features], times its cotangent, [*batch]."""
    return checks.cotangent(cotangent, gradient.shape[:-1])[..., None] * gradient


def label_mask(labels: Array, scores: Array) -> Array:
    """[j = y] as booleans of the scores' shape; the labels are checked as far as they are known.

    A label that is traced cannot be looked at: one outside [0, classes) is no class in the mask.
    """
    check_floats(scores)
    classes = scores.shape[-1]
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise TypeError(f"labels must be integer class indices, got {labels.dtype}")
    if labels.shape != scores.shape[:-1]:
        raise ValueError(
            f"labels of shape {labels.shape} do not fit scores of shape {scores.shape}:"
            f" {scores.shape[:-1]} is expected"
        )
    refuse("labels", labels, lambda y: (y < 0) | (y >= classes), f"in [0, {classes})")
    return jax.nn.one_hot(labels, classes, dtype=jnp.bool)


def check_probabilities(**named: Array) -> None:
    """Refuses a known value outside [0, 1]; that they add up to 1 is not checked, NaN passes."""
    for name, values in named.items():
        refuse(name, values, lambda p: (p < 0) | (p > 1), "in [0, 1]")


def refuse(name: str, values: Array, is_wrong: Callable, allowed: str) -> None:
    """A ValueError with the first wrong value, as far as the values are known.

    Values that are traced, as in a compiled run, cannot be looked at: they pass, at no cost.
    """
    if isinstance(values, jax.core.Tracer):
        return
    known = np.asarray(values)
    wrong = known[is_wrong(known)]
    if wrong.size:
        raise ValueError(f"{name} must be {allowed}, got {wrong.flat[0]}")


def check_floats(predictions: Array) -> None:
    if not jnp.issubdtype(predictions.dtype, jnp.floating):
        raise TypeError(f"predictions must be floats, got {predictions.dtype}")
