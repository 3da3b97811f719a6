"""Normalisation: features of mean 0 and variance 1, over the batch or within each example."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.layers.layer import Layer

Rows = Float[Array, "*batch features"]
Features = Float[Array, " features"]


def normalize_batch(
    x: Rows, scale: Features, bias: Features, *, epsilon: checks.Number = 1e-3
) -> Rows:
    """y = g (x - m) / s + b, with the batch's own mean m and s^2 = variance + epsilon.

    [Ioffe and Szegedy 2015, algorithm 1], for every feature over all other axes: over the batch,
    and over the places of an image. A feature that is constant in the batch becomes b. The variance
    is the mean of (x - m)^2, which does not cancel as E[x^2] - m^2 does.

    Raises:
      ValueError: the batch is empty; epsilon is not above 0, the scale or the bias does not fit.
    """
    return standardize(x, *moments(x), scale, bias, epsilon=epsilon)


def normalize_batch_vjp(
    x: Rows, scale: Features, bias: Features, cotangent: Rows, *, epsilon: checks.Number = 1e-3
) -> tuple[Rows, Features, Features]:
    """dx = (g / s) (dy - db / N - u dg / N), with u = (x - m) / s; dg = sum dy u, db = sum dy.

    The sums are over the N rows, as y = g u + b. dx_n is the sum over k of g dy_k times
    d u_k / d x_n, in three ways. Directly: g dy_n / s. Through m: d u_k / d m = -1 / s and
    d m / d x_n = 1 / N, so -(g / s) db / N. Through s: d u_k / d s = -u_k / s; s^2 = mean
    (x_k - m)^2 + epsilon gives 2 s d s / d x_n = 2 (x_n - m) / N (m may move: sum_k (x_k - m) = 0),
    so d s / d x_n = u_n / N, and -(g / s) u_n dg / N.
    """
    del bias
    checks.cotangent(cotangent, x.shape)
    unit, slope = _units(x, *moments(x), epsilon)
    dscale, dbias = _scale_and_bias_gradients(unit, cotangent)
    rows = x.size // x.shape[-1]
    along_statistics = _like(dbias / rows, x) + unit * _like(dscale / rows, x)
    return _like(scale * slope, x) * (cotangent - along_statistics), dscale, dbias


def standardize(
    x: Rows,
    mean: Features,
    variance: Features,
    scale: Features,
    bias: Features,
    *,
    epsilon: checks.Number = 1e-3,
) -> Rows:
    """y = g (x - m) / s + b with a given mean m and s^2 = variance + epsilon, both constants.

    What batch norm does in evaluation  [Ioffe and Szegedy 2015, algorithm 2].

    Raises:
      ValueError: epsilon is not above 0, the scale or the bias does not fit.
    """
    unit, _ = _units(x, mean, variance, epsilon)
    return _like(scale, x) * unit + _like(bias, x)


def standardize_vjp(
    x: Rows,
    mean: Features,
    variance: Features,
    scale: Features,
    bias: Features,
    cotangent: Rows,
    *,
    epsilon: checks.Number = 1e-3,
) -> tuple[Rows, Features, Features]:
    """dx = g dy / s, dg = sum dy (x - m) / s, db = sum dy; m and s are not differentiated.

    y is linear in x, of slope g / s, in g, of slope (x - m) / s, and in b, of slope 1; every row
    has a part in g and b, hence the sums.
    """
    del bias
    checks.cotangent(cotangent, x.shape)
    unit, slope = _units(x, mean, variance, epsilon)
    return _like(scale * slope, x) * cotangent, *_scale_and_bias_gradients(unit, cotangent)


def normalize_features(
    x: Rows, scale: Features, bias: Features, *, epsilon: checks.Number = 1e-3
) -> Rows:
    """y = g (x - m) / s + b, with each example's own mean m and s^2 = variance + epsilon.

    [Ba et al. 2016, eq. 4], over the features, the last axis; no example, and no place of an image,
    knows of another. Equal features become b.

    Raises:
      ValueError: epsilon is not above 0, the scale or the bias does not fit.
    """
    unit, _ = _units(x, *_own_moments(x), epsilon)
    return _like(scale, x) * unit + _like(bias, x)


def normalize_features_vjp(
    x: Rows, scale: Features, bias: Features, cotangent: Rows, *, epsilon: checks.Number = 1e-3
) -> tuple[Rows, Features, Features]:
    """As in batch norm, dx = (e - mean e - u mean(e u)) / s, but with means over the features.

    u = (x - m) / s, e = g dy; dg = sum dy u and db = sum dy, over the examples. The derivation is
    that of `normalize_batch_vjp`, with the D features of an example in the place of the N examples
    of a feature. The scale differs from feature to feature, so e has to stand inside the means.
    """
    del bias
    checks.cotangent(cotangent, x.shape)
    unit, slope = _units(x, *_own_moments(x), epsilon)
    e = _like(scale, x) * cotangent
    along_mean = e.mean(axis=-1, keepdims=True)
    along_deviation = unit * (e * unit).mean(axis=-1, keepdims=True)
    dx = _like(slope, x) * (e - along_mean - along_deviation)
    return dx, *_scale_and_bias_gradients(unit, cotangent)


def moments(x: Rows) -> tuple[Features, Features]:
    """The mean and the variance of every feature, over all other axes.

    Raises:
      ValueError: there is no example to take them from.
    """
    axes = _all_but_last(x)
    if 0 in [x.shape[axis] for axis in axes]:
        raise ValueError(f"an empty batch, of shape {x.shape}, has no mean and no variance")
    mean = x.mean(axes)
    return mean, jnp.square(x - _like(mean, x)).mean(axes)


def _own_moments(x: Array) -> tuple[Array, Array]:
    mean = x.mean(axis=-1, keepdims=True)
    return mean, jnp.square(x - mean).mean(axis=-1, keepdims=True)


def _units(x: Array, mean: Array, variance: Array, epsilon: checks.Number) -> tuple[Array, Array]:
    """u = (x - m) / s, and 1 / s, by which to multiply is cheaper than to divide every row."""
    checks.positive("epsilon", epsilon)
    slope = 1 / jnp.sqrt(variance + jnp.asarray(epsilon, x.dtype))
    return (x - _like(mean, x)) * _like(slope, x), slope


def _scale_and_bias_gradients(unit: Array, dy: Array) -> tuple[Array, Array]:
    axes = _all_but_last(dy)
    return (dy * unit).sum(axes), dy.sum(axes)


def _all_but_last(x: Array) -> tuple[int, ...]:
    return tuple(range(x.ndim - 1))


def _like(values: Array, x: Array) -> Array:
    """The values of the features, or of the rows, at every element of x."""
    if values.ndim < x.ndim and values.size != x.shape[-1]:
        raise ValueError(f"{values.size} values do not fit the {x.shape[-1]} features of {x.shape}")
    return jnp.broadcast_to(values, x.shape)


class RunningMoments(NamedTuple):
    """The state of a batch norm: what it has seen in training, for use in evaluation."""

    mean: Features
    variance: Features


def batch_norm(*, momentum: checks.Number = 0.99, epsilon: checks.Number = 1e-3) -> Layer:
    """Normalises each feature by the batch in training, by the running moments in evaluation.

    Running moments start at mean 0 and variance 1, and each training step moves them:
    r <- momentum r + (1 - momentum) batch's. The defaults, and the variance without the factor
    N / (N - 1) of [Ioffe and Szegedy 2015, algorithm 2], are Keras'.

    Args:
      momentum: how much of the running moments stays, in [0, 1]; may be traced.
      epsilon: added to the variance, above 0; may be traced.

    Raises:
      TypeError, ValueError: a setting that is not a number or out of its range.
      ValueError: (from forward) training on an empty batch.
    """
    checks.probability("momentum", momentum)
    checks.positive("epsilon", epsilon)

    def init(key, in_shape):
        del key
        params = _scale_and_bias("batch_norm", in_shape)
        return params, RunningMoments(jnp.zeros(in_shape[-1:]), jnp.ones(in_shape[-1:])), in_shape

    def forward(params, state, x, key, train):
        del key
        if not train:
            known = RunningMoments(*(moment.astype(x.dtype) for moment in state))
            return standardize(x, *known, **params, epsilon=epsilon), state, (x, known)
        running = RunningMoments(
            *(_moved(old, new, momentum) for old, new in zip(state, moments(x), strict=True))
        )
        return normalize_batch(x, **params, epsilon=epsilon), running, (x, None)

    def backward(params, saved, dy):
        x, known = saved
        scale, bias = params["scale"], params["bias"]
        if known is None:
            dx, dscale, dbias = normalize_batch_vjp(x, scale, bias, dy, epsilon=epsilon)
        else:
            mean, variance = known
            gradients = standardize_vjp(x, mean, variance, scale, bias, dy, epsilon=epsilon)
            dx, dscale, dbias = gradients
        return {"scale": dscale, "bias": dbias}, dx

    return Layer(init, forward, backward, "batch_norm")


def _moved(old: Array, new: Array, momentum: checks.Number) -> Array:
    share = jnp.asarray(momentum, old.dtype)
    return share * old + (1 - share) * new.astype(old.dtype)


def layer_norm(*, epsilon: checks.Number = 1e-3) -> Layer:
    """Normalises the features of each example, the last axis; the same in evaluation.

    Args:
      epsilon: added to the variance, above 0; may be traced. The default is Keras'.

    Raises:
      TypeError, ValueError: epsilon is not a number above 0.
    """
    checks.positive("epsilon", epsilon)

    def init(key, in_shape):
        del key
        return _scale_and_bias("layer_norm", in_shape), (), in_shape

    def forward(params, state, x, key, train):
        del key, train
        return normalize_features(x, **params, epsilon=epsilon), state, x

    def backward(params, x, dy):
        dx, dscale, dbias = normalize_features_vjp(x, **params, cotangent=dy, epsilon=epsilon)
        return {"scale": dscale, "bias": dbias}, dx

    return Layer(init, forward, backward, "layer_norm")


def _scale_and_bias(name: str, in_shape: tuple[int, ...]) -> dict[str, Array]:
    if not in_shape or not in_shape[-1]:
        raise ValueError(f"{name} needs an axis of features, got shape {in_shape}")
    return {"scale": jnp.ones(in_shape[-1:]), "bias": jnp.zeros(in_shape[-1:])}
