"""Label smoothing: no network should be asked to be certain."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxnn import checks
from jaxnn.activations import log_softmax, softmax
from jaxnn.losses.classification import softmax_cross_entropy, softmax_cross_entropy_vjp
from jaxnn.losses.common import check_probabilities, per_example, times

Setting = float | int | Float[Array, ""]
Targets = Float[Array, "*batch classes"]


def smooth_labels(targets: Targets, *, alpha: Setting = 0.1) -> Targets:
    """t' = (1 - alpha) t + alpha / K for K classes  [Szegedy et al. 2016, section 7].

    Args:
      targets: t, one-hot or soft.
      alpha: the share that all classes divide among them, in [0, 1].

    Raises:
      ValueError: alpha, or a known target, is outside [0, 1].
    """
    alpha = _checked(alpha, targets)
    check_probabilities(targets=targets)
    return (1 - alpha) * targets + alpha / targets.shape[-1]


def smooth_labels_vjp(targets: Targets, cotangent: Targets, *, alpha: Setting = 0.1) -> Targets:
    """dt = (1 - alpha) dt'."""
    alpha = _checked(alpha, targets)
    return (1 - alpha) * checks.cotangent(cotangent, targets.shape)


def smoothed_softmax_cross_entropy(
    logits: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    *,
    alpha: Setting = 0.1,
) -> Float[Array, "*batch"]:
    """loss(z, y) = -sum_j t'_j log softmax(z)_j, with t' the smoothed one-hot vector of y.

    As t' is a mean, so is the loss: (1 - alpha) times the cross entropy of y, plus alpha times the
    mean of the cross entropies of all K classes. It is least, and not 0, where softmax(z) = t'.

    Args:
      logits: unnormalised log-probabilities z.
      labels: class indices y, as in `softmax_cross_entropy`.
      alpha: in [0, 1]; 0 is `softmax_cross_entropy`.

    Raises:
      ValueError: alpha is outside [0, 1].
    """
    alpha = _checked(alpha, logits)
    every = times(alpha, -log_softmax(logits)).mean(axis=-1)
    return times(1 - alpha, softmax_cross_entropy(logits, labels)) + every


def smoothed_softmax_cross_entropy_vjp(
    logits: Float[Array, "*batch classes"],
    labels: Int[Array, "*batch"],
    cotangent: Float[Array, "*batch"],
    *,
    alpha: Setting = 0.1,
) -> Float[Array, "*batch classes"]:
    """d loss / d z_j = softmax(z)_j - t'_j, the cross entropy's slope, as sum_j t'_j = 1.

    Written as (1 - alpha) (softmax(z)_j - [j = y]) + alpha (softmax(z)_j - 1/K).
    """
    alpha = _checked(alpha, logits)
    own = (1 - alpha) * softmax_cross_entropy_vjp(logits, labels, cotangent)
    return own + alpha * per_example(cotangent, softmax(logits) - 1 / logits.shape[-1])


def _checked(alpha: Setting, like: Array) -> Array:
    checks.probability("alpha", alpha)
    return jnp.asarray(alpha, like.dtype)
