"""Divergences between two discrete distributions, given as probabilities over the last axis."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Real

from jaxnn.losses.classification import categorical_cross_entropy_vjp
from jaxnn.losses.common import check_probabilities, paired, per_example, times


def kl_divergence(
    predictions: Float[Array, "*batch classes"], targets: Real[Array, "*batch classes"]
) -> Float[Array, "*batch"]:
    """KL(t || p) = sum_c t_c log(t_c / p_c)  [Kullback and Leibler 1951, eq. 2.5].

    The cross entropy of p less the entropy of t, so it has the gradient of the cross entropy.
    Erratum: r_tutorial 1.3.2 prints KL(p || t), which is infinite for one-hot targets; for that
    direction hand over the two in the other order.

    Returns:
      A value >= 0 in nats for two distributions; inf where some t > 0 has p = 0.

    Raises:
      ValueError: the shapes do not fit, or a known p or t is outside [0, 1].
    """
    check_probabilities(predictions=predictions, targets=targets)
    t = paired(predictions, targets)
    return times(t, jnp.log(t) - jnp.log(predictions)).sum(axis=-1)


def kl_divergence_vjp(
    predictions: Float[Array, "*batch classes"],
    targets: Real[Array, "*batch classes"],
    cotangent: Float[Array, "*batch"],
) -> Float[Array, "*batch classes"]:
    """d KL / d p_c = -t_c / p_c, that of the cross entropy: the entropy of t does not know p."""
    check_probabilities(predictions=predictions, targets=targets)
    return categorical_cross_entropy_vjp(predictions, targets, cotangent)


def js_divergence(
    predictions: Float[Array, "*batch classes"], targets: Real[Array, "*batch classes"]
) -> Float[Array, "*batch"]:
    """JS = KL(p || m)/2 + KL(t || m)/2, with m = (p + t)/2  [Lin 1991, eq. 3.1].

    With r = (p - t)/(p + t): p/m = 1 + r and t/m = 1 - r, so
    JS = sum_c (p log(1 + r) + t log(1 - r)) / 2.

    Returns:
      A value in [0, log 2] nats, symmetric in p and t; log 2 for disjoint distributions.

    Raises:
      ValueError: the shapes do not fit, or a known p or t is outside [0, 1].
    """
    check_probabilities(predictions=predictions, targets=targets)
    t = paired(predictions, targets)
    r = _contrast(predictions, t)
    total = times(predictions, jnp.log1p(r)) + times(t, jnp.log1p(-r))
    return total.sum(axis=-1) / 2


def js_divergence_vjp(
    predictions: Float[Array, "*batch classes"],
    targets: Real[Array, "*batch classes"],
    cotangent: Float[Array, "*batch"],
) -> Float[Array, "*batch classes"]:
    """d JS / d p_c = log(p_c / m_c) / 2 = log(1 + r_c) / 2.

    d (p log p/m) / dp = log(p/m) + 1 - p/2m and d (t log t/m) / dp = -t/2m; as p + t = 2m, the last
    three terms add up to 0. It is -inf where p = 0 < t, and log(2)/2 where t = 0.
    """
    check_probabilities(predictions=predictions, targets=targets)
    r = _contrast(predictions, paired(predictions, targets))
    return per_example(cotangent, jnp.log1p(r) / 2)


def _contrast(p: Array, t: Array) -> Array:
    return jnp.where(t == 0, 1, (p - t) / (p + t))
