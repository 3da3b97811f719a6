"""Losses of real-valued predictions: the mean over the D outputs of an example.

Predictions are [*batch, D]. Targets have the same shape, or [*batch] where D = 1.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Real

from jaxnn import checks
from jaxnn.losses.common import paired, per_example

Setting = float | int | Float[Array, ""]
Predictions = Float[Array, "*batch outputs"]
Targets = Real[Array, "*batch outputs"] | Real[Array, "*batch"]


def absolute_error(predictions: Predictions, targets: Targets) -> Float[Array, "*batch"]:
    """loss(p, t) = (1/D) sum_i |p_i - t_i|, the mean absolute error.

    Erratum: r_tutorial 1.3.2 calls it a mean but prints the sum, D times this value and gradient.
    """
    return jnp.abs(predictions - paired(predictions, targets)).mean(axis=-1)


def absolute_error_vjp(
    predictions: Predictions, targets: Targets, cotangent: Float[Array, "*batch"]
) -> Predictions:
    """d loss / d p_i = sign(p_i - t_i) / D, with sign(0) = 0."""
    sign = jnp.sign(predictions - paired(predictions, targets))
    return per_example(cotangent, sign / predictions.shape[-1])


def squared_error(predictions: Predictions, targets: Targets) -> Float[Array, "*batch"]:
    """loss(p, t) = (1/D) sum_i (p_i - t_i)^2, the mean squared error  [basics, cost of a line].

    Erratum: r_tutorial 1.3.2 calls it a mean but prints the sum, D times this value and gradient;
    cnn_session's E_total is half the sum, D/2 times. `optax.squared_error` leaves out the mean.
    """
    return jnp.square(predictions - paired(predictions, targets)).mean(axis=-1)


def squared_error_vjp(
    predictions: Predictions, targets: Targets, cotangent: Float[Array, "*batch"]
) -> Predictions:
    """d loss / d p_i = 2 (p_i - t_i) / D."""
    residual = predictions - paired(predictions, targets)
    return per_example(cotangent, 2 * residual / predictions.shape[-1])


def huber(
    predictions: Predictions, targets: Targets, *, delta: Setting = 1.0
) -> Float[Array, "*batch"]:
    """loss(p, t) = (1/D) sum_i h(p_i - t_i): quadratic near 0, linear far out  [Huber 1964].

        h(r) = r^2 / 2 if |r| <= delta, else delta (|r| - delta/2)

    Both are c (|r| - c/2) with c = min(|r|, delta). Erratum: r_tutorial 1.3.2 prints the linear
    branch without |.|, by which a residual of -3 costs -3.5 instead of 2.5.

    Raises:
      ValueError: delta is not positive and finite.
    """
    delta = _checked(delta, predictions)
    size = jnp.abs(predictions - paired(predictions, targets))
    clipped = jnp.minimum(size, delta)
    return (clipped * (size - clipped / 2)).mean(axis=-1)


def huber_vjp(
    predictions: Predictions,
    targets: Targets,
    cotangent: Float[Array, "*batch"],
    *,
    delta: Setting = 1.0,
) -> Predictions:
    """d loss / d p_i = min(max(p_i - t_i, -delta), delta) / D: h' = r inside, +-delta outside."""
    delta = _checked(delta, predictions)
    residual = predictions - paired(predictions, targets)
    return per_example(cotangent, jnp.clip(residual, -delta, delta) / predictions.shape[-1])


def _checked(delta: Setting, predictions: Array) -> Array:
    checks.positive("delta", delta)
    return jnp.asarray(delta, predictions.dtype)
