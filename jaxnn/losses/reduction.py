"""From one value per example to one number."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Real

from jaxnn import checks
from jaxnn.losses.common import times

Weights = Real[Array, "*batch"] | None


def reduce(
    values: Float[Array, "*batch"], *, weights: Weights = None, how: str = "mean"
) -> Float[Array, ""]:
    """r(v) = sum_i w_i v_i, for the mean divided by sum_i w_i.

    Args:
      values: one loss per example, v.
      weights: w, by default 1 each. A weight of 0 leaves an example out, also an infinite one.
      how: "mean" or "sum".

    Returns:
      A scalar; the mean of nothing, no examples or no weight, is 0.

    Raises:
      ValueError: the weights have another shape than the values, or how is something else.
    """
    return times(_shares(values, weights, how), values).sum()


def reduce_vjp(
    values: Float[Array, "*batch"],
    cotangent: Float[Array, ""],
    *,
    weights: Weights = None,
    how: str = "mean",
) -> Float[Array, "*batch"]:
    """d r / d v_i = w_i, for the mean w_i / sum_j w_j: the slides' factor 1/N."""
    return checks.cotangent(cotangent, ()) * _shares(values, weights, how)


def _shares(values: Array, weights: Weights, how: str) -> Array:
    if how not in ("mean", "sum"):
        raise ValueError(f'how must be "mean" or "sum", got {how!r}')
    shares = jnp.ones_like(values) if weights is None else weights.astype(values.dtype)
    if shares.shape != values.shape:
        raise ValueError(f"weights of shape {shares.shape} do not fit values of {values.shape}")
    if how == "sum":
        return shares
    total = shares.sum()
    return shares / jnp.where(total == 0, 1, total)
