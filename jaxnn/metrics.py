"""Metrics: what is reported beside the loss, and has no gradient."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxnn.maxima import first_largest


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
        first = first_largest(logits).squeeze(-1)
        correct = first == labels
    else:
        logits = logits.reshape(labels.shape)
        correct = ((logits > 0).astype(jnp.int32) == labels) & ~jnp.isnan(logits)
    return correct.astype(logits.dtype)
