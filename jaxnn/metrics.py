"""Metrics: what is reported beside the loss, and has no gradient."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int


def accuracy(
    logits: Float[Array, "..."], labels: Int[Array, "*batch"] | Bool[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """1 for each example that is classified correctly, else 0; the mean is the accuracy.

    Args:
      logits: [*batch, classes], of which the largest wins, the first of tied ones; or, for the two
        classes 0 and 1, a single logit [*batch, 1] or [*batch], where > 0 means class 1. (For
        probabilities p of class 1, hand over p - 0.5.)
      labels: class indices [*batch], also booleans for two classes.

    Returns:
      Zeros and ones in the dtype of the logits. A NaN among the logits of an example makes it 0.

    Raises:
      TypeError: the labels are floats.
      ValueError: the shapes do not fit.
    """
    if not (jnp.issubdtype(labels.dtype, jnp.integer) or labels.dtype == bool):
        raise TypeError(f"labels must be integer class indices, got {labels.dtype}")
    if logits.shape not in (labels.shape, (*labels.shape, *logits.shape[-1:])):
        raise ValueError(
            f"logits of shape {logits.shape} do not fit labels of shape {labels.shape}:"
            f" {labels.shape} or {(*labels.shape, 'classes')} is expected"
        )
    labels = labels.astype(jnp.int32)
    if logits.ndim > labels.ndim and logits.shape[-1] > 1:
        correct = _wins(logits, labels)
    else:
        logits = logits.reshape(labels.shape)
        correct = ((logits > 0).astype(jnp.int32) == labels) & ~jnp.isnan(logits)
    return correct.astype(logits.dtype)


def _wins(logits: Array, labels: Array) -> Array:
    """Whether no score beats that of the label, nor one before it ties with it; NaN beats all.

    The scores are compared with one of them, not with their maximum; `maxima.from_largest` says
    why.
    """
    places = lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1)
    label = labels[..., None]
    own = jnp.where(places == label, logits, -jnp.inf).max(-1, keepdims=True)
    is_below = jnp.where(places < label, logits < own, logits <= own)
    return (is_below | (places == label)).all(-1)
