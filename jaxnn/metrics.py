"""Metrics: what is reported beside the loss, and has no gradient."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Real

from jaxnn import checks
from jaxnn.losses import common


def accuracy(
    logits: Float[Array, "..."],
    labels: Int[Array, "*batch"] | Bool[Array, "*batch"],
    *,
    threshold: checks.Number = 0.0,
) -> Float[Array, "*batch"]:
    """1 for each example that is classified correctly, else 0; the mean is the accuracy.

    Args:
      logits: [*batch, classes], of which the largest wins, the first of tied ones; or, for the two
        classes 0 and 1, a single logit [*batch, 1] or [*batch].
      labels: class indices [*batch], also booleans for two classes.
      threshold: above which a single output means class 1: 0 for a logit, 1/2 for a probability.

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
        correct = (_exceeds(logits, threshold).astype(jnp.int32) == labels) & ~jnp.isnan(logits)
    return correct.astype(logits.dtype)


def _exceeds(outputs: Array, threshold: checks.Number) -> Array:
    return outputs > jnp.asarray(threshold, outputs.dtype)


def binary_accuracy(
    outputs: Float[Array, "..."], targets: Real[Array, "batch ..."], *, threshold: checks.Number
) -> Float[Array, " batch"]:
    """The share of an example's outputs that are on the side of their targets.

    Args:
      outputs: one for each target, of the same shape or with a last axis of one besides.
      targets: of several independent labels, or one: on the upper side above 1/2, so that 0 and 1
        as well as -1 and +1 are told apart.
      threshold: above which an output is on the upper side.

    Returns:
      Between 0 and 1 in the dtype of the outputs; an output that is NaN is on no side.
    """
    targets = common.paired(outputs, targets)
    agree = (_exceeds(outputs, threshold) == _exceeds(targets, 0.5)) & ~jnp.isnan(outputs)
    return agree.astype(outputs.dtype).reshape(len(outputs), -1).mean(-1)


def categorical_accuracy(
    scores: Float[Array, "*batch classes"], targets: Real[Array, "*batch classes"]
) -> Float[Array, "*batch"]:
    """`accuracy` for one-hot or soft targets: the class of each is that of its largest target."""
    return accuracy(scores, common.paired(scores, targets).argmax(-1), threshold=jnp.inf)


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
