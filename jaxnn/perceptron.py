"""Where it began: a neuron with a threshold, gates made of it, and a line that learns its slope.

A threshold is flat wherever it does not jump, so that no gradient can train it, and the line is
corrected by a rule of its own. Both want what came later: a smooth activation, and a cost.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn import activations, checks

Scalar = Float[Array, ""]
Bits = Float[Array, "*batch 2"]


def weighted_sum(
    x: Float[Array, "*batch n_in"], weights: Float[Array, " n_in"]
) -> Float[Array, "*batch"]:
    """s = x_1 w_1 + ... + x_n w_n, what arrives at a neuron  [ann_session 2.1].

    Raises:
      ValueError: there are not as many weights as inputs.
    """
    if x.shape[-1:] != weights.shape:
        raise ValueError(f"inputs of shape {x.shape} do not fit weights of shape {weights.shape}")
    return x @ weights


def weighted_sum_vjp(
    x: Float[Array, "*batch n_in"],
    weights: Float[Array, " n_in"],
    cotangent: Float[Array, "*batch"],
) -> tuple[Float[Array, "*batch n_in"], Float[Array, " n_in"]]:
    """d s / d x_i = w_i and d s / d w_i = x_i; dw is the sum over all examples."""
    checks.cotangent(cotangent, x.shape[:-1])
    dx = cotangent[..., None] * jnp.broadcast_to(weights, x.shape)
    return dx, (cotangent[..., None] * x).reshape(-1, len(weights)).sum(axis=0)


def perceptron(
    x: Float[Array, "*batch n_in"], weights: Float[Array, " n_in"], threshold: Scalar
) -> Float[Array, "*batch"]:
    """y = 1 if w_1 x_1 + ... + w_n x_n - theta > 0 else 0  [Rosenblatt 1958; basics].

    A tie, a sum equal to the threshold, does not fire.
    """
    total = weighted_sum(x, weights)
    return activations.step(total - jnp.broadcast_to(threshold, total.shape))


def logical_and(x: Bits) -> Float[Array, "*batch"]:
    """1 where both inputs are 1: 0.5 x_1 + 0.5 x_2 - 0.7 > 0."""
    return _gate(x, weight=0.5, threshold=0.7)


def logical_nand(x: Bits) -> Float[Array, "*batch"]:
    """1 unless both inputs are 1: AND with all signs turned round."""
    return _gate(x, weight=-0.5, threshold=-0.7)


def logical_or(x: Bits) -> Float[Array, "*batch"]:
    """1 where at least one input is 1: 0.5 x_1 + 0.5 x_2 - 0.2 > 0."""
    return _gate(x, weight=0.5, threshold=0.2)


def logical_xor(x: Bits) -> Float[Array, "*batch"]:
    """1 where exactly one input is 1: AND of NAND and OR.

    It takes two layers. One neuron would need theta >= 0, w_1 > theta, w_2 > theta and
    w_1 + w_2 <= theta: the middle two add up to w_1 + w_2 > 2 theta >= theta  [Minsky and Papert
    1969; ann_session 3.1].
    """
    return logical_and(jnp.stack([logical_nand(x), logical_or(x)], axis=-1))


def _gate(x: Bits, weight: float, threshold: float) -> Float[Array, "*batch"]:
    return perceptron(x, jnp.full(2, weight, x.dtype), jnp.asarray(threshold, x.dtype))


def line(x: Float[Array, "*shape"], slope: Scalar) -> Float[Array, "*shape"]:
    """y = A x, a neuron of one input without bias or activation  [ann_session 1.3]."""
    return x * jnp.broadcast_to(slope, x.shape)


def line_vjp(
    x: Float[Array, "*shape"], slope: Scalar, cotangent: Float[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], Scalar]:
    """d y / d x = A and d y / d A = x; dA is the sum over all x."""
    checks.cotangent(cotangent, x.shape)
    return cotangent * jnp.broadcast_to(slope, x.shape), (cotangent * x).sum()


def slope_error(slope: Scalar, x: Scalar, target: Scalar) -> Scalar:
    """E = t - y, target minus output; most other places of the slides take output minus target."""
    return target - line(x, slope)


def slope_change(
    slope: Scalar, x: Scalar, target: Scalar, *, learning_rate: checks.Number = 1.0
) -> Scalar:
    """dA = L E / x  [ann_session 1.3].

    With L = 1 the line goes through (x, t) afterwards: (A + E/x) x = A x + E = t. It is a step of
    gradient descent on E^2 / 2, whose slope is -E x, at the rate L / x^2.

    Raises:
      ValueError: learning_rate is negative or not finite.
    """
    checks.nonnegative("learning_rate", learning_rate)
    return learning_rate * slope_error(slope, x, target) / x


def learn_slope(
    slope: Scalar,
    inputs: Float[Array, " samples"],
    targets: Float[Array, " samples"],
    *,
    learning_rate: checks.Number = 1.0,
    num_rounds: int = 1,
) -> Float[Array, "num_rounds samples"]:
    """The slope after each sample, one after the other, round by round.

    With L = 1 the last sample wins: the slope after a round is t_n / x_n, whatever came before.

    Raises:
      TypeError, ValueError: learning_rate as in `slope_change`, or num_rounds is less than 1.
    """
    checks.positive_int("num_rounds", num_rounds)
    change = functools.partial(slope_change, learning_rate=learning_rate)

    def correct(slope, sample):
        slope += change(slope, *sample)
        return slope, slope

    def one_round(slope, _):
        return jax.lax.scan(correct, slope, (inputs, targets))

    return jax.lax.scan(one_round, slope, length=num_rounds)[1]
