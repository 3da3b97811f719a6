"""The largest score, and how far the others lie below it.

Softmax, its losses and their gradients share this, and in one program XLA computes it once.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

Floats = Float[Array, "*shape"]


def from_largest(x: Floats, *, axis: int = -1) -> tuple[Floats, Int[Array, "..."], Array]:
    """What softmax, its logarithm and their gradients have in common.

    Where scores are products and sums, XLA may compute them once for the maximum and once more to
    compare, and round otherwise, so that none equals the maximum: no largest is found.

    Returns:
      (x - m, first, rest), with m = max x, where inf - inf = 0. The others keep the axis, with
      length 1. first is the place of the largest score, the first of tied ones; past all of them if
      one is NaN, or none is found. rest = sum_j e^(x_j - m) - 1, where the term of the largest, 1,
      is left out if it is found, as subtracting it would cancel.
    """
    m = lax.stop_gradient(x.max(axis, keepdims=True))  # softmax ignores shifts
    below = jnp.where(x == m, _zero(x), jnp.where(jnp.isinf(m), -jnp.inf, x - m))
    # two plain reductions: on a CPU they take less time than argmax's one over pairs
    places = lax.broadcasted_iota(jnp.int32, x.shape, axis % x.ndim)
    first = jnp.where(x == m, places, jnp.iinfo(jnp.int32).max).min(axis, keepdims=True)
    is_first = places == first
    # of the first of the largest, e^0 - 1 is 0 exactly, and has every derivative of e^(x - m)
    rest = (jnp.exp(below) - is_first.astype(x.dtype)).sum(axis, keepdims=True)
    is_lost = first >= x.shape[axis]
    return below, first, rest - is_lost.astype(x.dtype)


@jax.custom_jvp
def _zero(x: Floats) -> Floats:
    """x - m, where x = m: its value, 0, and its slope, 1.

    The difference itself may not be 0. Where x is a product, XLA rounds product and difference in
    one, which leaves the rounding error of x: in float32 at x = 1e10 up to 512, and e^512 is inf.
    """
    return jnp.zeros_like(x)


@_zero.defjvp
def _zero_jvp(primals: tuple[Floats], tangents: tuple[Floats]) -> tuple[Floats, Floats]:
    return _zero(*primals), *tangents
