"""Activation functions, each with its hand-derived gradient right under it.

`f_vjp(x, cotangent)` is the chain rule's step back through f: from dy = d L / d f(x) to
dx = d L / d x = f'(x) dy. What f' is at a kink, each function says. An infinite x gives the limits
of f and f', never NaN: where a gate closes, 0 * inf is 0 (`_gated`). NaN stays NaN.

Every function takes floats of any dtype and answers in that dtype. Integers are a TypeError; a
setting out of its range, or a cotangent without the shape of the output, is a ValueError.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.maxima import from_largest

Floats = Float[Array, "*shape"]  # within one signature, all of the same shape
Setting = float | int | Float[Array, ""]

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


def step(x: Floats) -> Floats:
    """f(x) = 1 if x > 0 else 0, the threshold of the perceptron  [Rosenblatt 1958; basics]."""
    return jnp.where(jnp.isnan(x), x, (_floats(x) > 0).astype(x.dtype))  # NaN is not hidden


def step_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = 0, also at the jump: nothing is learned through a step."""
    return jnp.zeros_like(_shaped(cotangent, x))


def identity(x: Floats) -> Floats:
    """f(x) = x, the linear activation."""
    return _floats(x)


def identity_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = 1."""
    return _shaped(cotangent, x)


def sigmoid(x: Floats) -> Floats:
    """f(x) = 1 / (1 + e^-x), in (0, 1)  [Verhulst 1845; ann_session, chapter5 5.3]."""
    e = _decay(_floats(x))
    return jnp.where(x < 0, e, 1) / (1 + e)


def sigmoid_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = e^-x / (1 + e^-x)^2, as (1/u)' = -u' / u^2 with u = 1 + e^-x and u' = -e^-x.

    This is f(x) (1 - f(x)), as the slides write it, but without the cancellation by which 1 - f(40)
    rounds to 0.
    """
    return _shaped(cotangent, x) * _sigmoid_slope(x)


def _sigmoid_slope(x: Array) -> Array:
    e = _decay(x)  # the slope is even
    return e / jnp.square(1 + e)


def _decay(x: Array) -> Array:
    """e^-|x|, which cannot overflow; a program that has f and its slope takes it once.

    The sides are told apart as in f, x < 0 or not, so that autodiff is right at 0 as well.
    """
    return jnp.exp(jnp.where(x < 0, x, -x))


def tanh(x: Floats) -> Floats:
    """f(x) = (e^x - e^-x) / (e^x + e^-x) = 2 sigmoid(2x) - 1, in (-1, 1)  [chapter5 5.3]."""
    return lax.tanh(_floats(x))


def tanh_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = 4 sigmoid'(2x) = 4 / (e^x + e^-x)^2, from f(x) = 2 sigmoid(2x) - 1.

    This is 1 - f(x)^2, which would round to 0 for |x| > 19.
    """
    return _shaped(cotangent, x) * (4 * _sigmoid_slope(2 * x))


def relu(x: Floats) -> Floats:
    """f(x) = max(0, x), in [0, inf)  [Nair and Hinton 2010; chapter5 5.3].

    Erratum: chapter5 prints the range (0, inf); 0 is taken by every x <= 0.
    """
    return jnp.maximum(_floats(x), 0)


def relu_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = 1 if x > 0 else 0; f'(0) = 0."""
    return jnp.where(x > 0, _shaped(cotangent, x), 0)


def leaky_relu(x: Floats, *, negative_slope: Setting = 0.1) -> Floats:
    """f(x) = x if x > 0 else a x, with a = negative_slope  [Maas et al. 2013; basics, a = 0.1].

    For a <= 1 this is the slides' max(a x, x). Many libraries have a = 0.01 by default.

    Raises:
      ValueError: negative_slope is negative or not finite.
    """
    checks.nonnegative("negative_slope", negative_slope)
    return jnp.where(x > 0, x, _gated(_floats(x), jnp.asarray(negative_slope, x.dtype)))


def leaky_relu_vjp(x: Floats, cotangent: Floats, *, negative_slope: Setting = 0.1) -> Floats:
    """f'(x) = 1 if x > 0 else a; f'(0) = a."""
    checks.nonnegative("negative_slope", negative_slope)
    slope = jnp.asarray(negative_slope, x.dtype)
    return jnp.where(x > 0, _shaped(cotangent, x), slope * cotangent)


def elu(x: Floats, *, alpha: Setting = 1.0) -> Floats:
    """f(x) = x if x >= 0 else alpha (e^x - 1)  [Clevert et al. 2016, eq. 15; basics].

    Raises:
      ValueError: alpha is negative or not finite.
    """
    checks.nonnegative("alpha", alpha)
    below = jnp.minimum(_floats(x), 0)  # e^x of the branch not taken would overflow
    return jnp.where(x >= 0, x, jnp.asarray(alpha, x.dtype) * jnp.expm1(below))


def elu_vjp(x: Floats, cotangent: Floats, *, alpha: Setting = 1.0) -> Floats:
    """f'(x) = 1 if x >= 0 else alpha e^x; f'(0) = 1.

    Autodiff before JAX 0.12 writes e^x as expm1(x) + 1, which rounds to 0 for x < -37.
    """
    checks.nonnegative("alpha", alpha)
    slope_below = jnp.asarray(alpha, x.dtype) * jnp.exp(jnp.minimum(x, 0))
    return _shaped(cotangent, x) * jnp.where(x >= 0, 1, slope_below)


def selu(x: Floats) -> Floats:
    """f(x) = s elu(x, alpha): mean 0 and variance 1 are a fixed point.

    [Klambauer et al. 2017, eq. 2], with s = 1.0507 and alpha = 1.6733.
    """
    return SELU_SCALE * elu(x, alpha=SELU_ALPHA)


def selu_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = s elu'(x, alpha); f'(0) = s."""
    return SELU_SCALE * elu_vjp(x, cotangent, alpha=SELU_ALPHA)


def softplus(x: Floats) -> Floats:
    """f(x) = log(1 + e^x), in (0, inf)  [Dugas et al. 2001].

    Written as max(x, 0) + log(1 + e^-|x|): for x > 0, log(1 + e^x) = x + log(e^-x + 1).
    """
    return jnp.where(x < 0, 0, x) + jnp.log1p(_decay(_floats(x)))


def softplus_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = e^x / (1 + e^x) = sigmoid(x), as (log u)' = u' / u with u = 1 + e^x."""
    return _shaped(cotangent, x) * sigmoid(x)


def swish(x: Floats) -> Floats:
    """f(x) = x sigmoid(x), also called SiLU  [Ramachandran et al. 2017; chapter5 5.3].

    Errata: chapter5 prints the range (0, inf) and the lower bound -1.28. The minimum is
    f(-1.2785) = -0.2785: -1.28 is its place, and the range is [-0.2785, inf).
    """
    return _gated(x, sigmoid(x))


def swish_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = s(x) + x s'(x) by the product rule, with s = sigmoid."""
    return _shaped(cotangent, x) * (sigmoid(x) + _gated(x, _sigmoid_slope(x)))


def gelu(x: Floats) -> Floats:
    """f(x) = x Phi(x), with Phi(x) = erfc(-x / sqrt 2) / 2 the normal distribution function.

    [Hendrycks and Gimpel 2016, section 2.] erfc does not cancel for x < 0, where 1 + erf does.
    """
    return _gated(x, 0.5 * lax.erfc(-_floats(x) / math.sqrt(2)))


def gelu_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = Phi(x) + x phi(x), with Phi' = phi(x) = e^(-x^2 / 2) / sqrt(2 pi).

    By the product rule; phi is the density of the normal distribution.
    """
    density = jnp.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return _shaped(cotangent, x) * (0.5 * lax.erfc(-x / math.sqrt(2)) + _gated(x, density))


def gelu_tanh(x: Floats) -> Floats:
    """f(x) = x/2 (1 + tanh u) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3).

    The usual approximation of gelu, within 5e-4 of it  [Hendrycks and Gimpel 2016, section 2].
    """
    return _gated(x, sigmoid(_gelu_exponent(x)))


def gelu_tanh_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = s(v) + x s'(v) v' by the product and the chain rule, with s = sigmoid and v = 2u.

    v = sqrt(8/pi) (x + 0.044715 x^3), so v' = sqrt(8/pi) (1 + 0.134145 x^2).
    """
    v = _gelu_exponent(x)
    slope = math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return _shaped(cotangent, x) * (sigmoid(v) + _gated(x * slope, _sigmoid_slope(v)))


def _gelu_exponent(x: Array) -> Array:
    return math.sqrt(8 / math.pi) * _floats(x) * (1 + 0.044715 * x * x)


def hard_sigmoid(x: Floats) -> Floats:
    """f(x) = min(max(x + 3, 0), 6) / 6  [Howard et al. 2019, section 5.2]."""
    return jnp.clip(_floats(x) + 3, 0, 6) / 6


def hard_sigmoid_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = 1/6 if -3 < x < 3 else 0; 0 at both kinks."""
    return jnp.where(jnp.abs(x) < 3, _shaped(cotangent, x) / 6, 0)


def hard_tanh(x: Floats) -> Floats:
    """f(x) = min(max(x, -1), 1)  [Collobert 2004]."""
    return jnp.clip(_floats(x), -1, 1)


def hard_tanh_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = 1 if -1 < x < 1 else 0; 0 at both kinks."""
    return jnp.where(jnp.abs(x) < 1, _shaped(cotangent, x), 0)


def hard_swish(x: Floats) -> Floats:
    """f(x) = x hard_sigmoid(x)  [Howard et al. 2019, eq. 2]."""
    return _gated(x, hard_sigmoid(x))


def hard_swish_vjp(x: Floats, cotangent: Floats) -> Floats:
    """f'(x) = hard_sigmoid(x) + x hard_sigmoid'(x), so 0, x/3 + 1/2, 1; f'(-3) = 0, f'(3) = 1."""
    slope = hard_sigmoid(x) + jnp.where(jnp.abs(x) < 3, x / 6, 0)
    return _shaped(cotangent, x) * slope


def maxout(x: Float[Array, "*batch features"], *, pieces: int = 2) -> Float[Array, "*batch units"]:
    """f(x)_i = max_k x_ik over `pieces` neighbouring features  [Goodfellow et al. 2013; basics].

    Behind a dense layer of units * pieces features it is the slides' max(w1 x + b1, w2 x + b2).

    Raises:
      ValueError: pieces is not a divisor, at least 1, of the last axis.
    """
    return _pieces(x, pieces).max(axis=-1)


def maxout_vjp(
    x: Float[Array, "*batch features"], cotangent: Float[Array, "*batch units"], *, pieces: int = 2
) -> Float[Array, "*batch features"]:
    """dx_ik = dy_i for the winner k = argmax_k x_ik, else 0; of tied pieces the first wins."""
    split = _pieces(x, pieces)  # [*batch, units, pieces]
    won = jax.nn.one_hot(split.argmax(axis=-1), pieces, dtype=jnp.bool)
    dy = _shaped(cotangent, split[..., 0])[..., None]
    return jnp.where(won, dy, 0).reshape(x.shape)


def _pieces(x: Array, pieces: int) -> Array:
    checks.positive_int("pieces", pieces)
    if x.shape[-1] % pieces:
        raise ValueError(f"maxout of {pieces} pieces cannot divide {x.shape[-1]} features")
    return _floats(x).reshape(*x.shape[:-1], x.shape[-1] // pieces, pieces)


def softmax(x: Floats, *, axis: int = -1) -> Floats:
    """f(x)_i = e^x_i / sum_j e^x_j  [Bridle 1990; r_tutorial 1.3.1].

    Scores of +inf share the whole between them; if all scores are -inf, all share it.
    """
    below, _, rest = from_largest(_floats(x), axis=axis)
    return jnp.exp(below) / (1 + rest)


def softmax_vjp(x: Floats, cotangent: Floats, *, axis: int = -1) -> Floats:
    """dx_i = f_i (dy_i - sum_j f_j dy_j).

    With e_j = e^x_j and s = sum_k e_k, f_j = e_j / s, so by the quotient rule d f_j / d x_i =
    ([i = j] e_j s - e_j e_i) / s^2 = f_j ([i = j] - f_i), and dx_i = sum_j dy_j d f_j / d x_i. As
    sum_j f_j = 1, a constant may be taken from all dy: that of the largest score, so that a
    dominant f_i does not cancel.
    """
    f = softmax(x, axis=axis)
    largest = f == f.max(axis, keepdims=True)
    leader = jnp.where(largest, _shaped(cotangent, x), -jnp.inf).max(axis, keepdims=True)
    dy = cotangent - leader
    return f * (dy - (f * dy).sum(axis, keepdims=True))


def log_softmax(x: Floats, *, axis: int = -1) -> Floats:
    """f(x)_i = log softmax(x)_i = x_i - log sum_j e^x_j.

    With m = max x: sum_j e^x_j = e^m (1 + rest), so f_i = (x_i - m) - log(1 + rest). Infinite
    scores as in softmax: log 0 is -inf.
    """
    below, _, rest = from_largest(_floats(x), axis=axis)
    return below - jnp.log1p(rest)


def log_softmax_vjp(x: Floats, cotangent: Floats, *, axis: int = -1) -> Floats:
    """dx_i = dy_i - softmax(x)_i sum_j dy_j, from d f_j / d x_i = [i = j] - softmax(x)_i.

    The second term is that of the logarithm: d log(sum_k e^x_k) / d x_i = e^x_i / sum_k e^x_k.
    """
    dy = _shaped(cotangent, x)
    return dy - softmax(x, axis=axis) * dy.sum(axis, keepdims=True)


def _gated(x: Array, gate: Array | Setting) -> Array:
    """x times gate, where a closed gate wins: 0 * inf = 0, since the gates close exponentially."""
    return jnp.where(gate == 0, 0, x * gate)


def _floats(x: Array) -> Array:
    if not jnp.issubdtype(jnp.result_type(x), jnp.floating):
        raise TypeError(f"an activation takes floats, got {jnp.result_type(x)}")
    return x


def _shaped(cotangent: Array, y: Array) -> Array:
    return checks.cotangent(cotangent, jnp.shape(y))
