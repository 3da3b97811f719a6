"""Wrong gradients of the image layers, seeded on purpose, are caught."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import layers
from jaxnn.layers.norm import moments
from tests.mistakes import Mistakes, all_judges


def _stride_ignored(rule, x, w, dy):
    """As if the 2 x 3 windows of 3 x 2 pixels lay side by side with stride 1, over 4 x 4 pixels."""
    dx, dw = layers.convolve2d_vjp(x[:, :4, :4], w, dy, padding="VALID")
    return jnp.pad(dx, ((0, 0), (0, 1), (0, 2), (0, 0))), dw


def _other_padding(rule, x, w, dy):
    settings = {"strides": (2, 1), "dilation": (2, 1), "groups": 2}
    return layers.convolve2d_vjp(x, w, dy, padding=((2, 0), (2, 1)), **settings)


def _without_bias(rule, params, x, state, key, dy):
    dparams, dx = rule(params, x, state, key, dy)
    return dparams | {"bias": jnp.zeros_like(dparams["bias"])}, dx


def _bias_of_one_place(rule, params, x, state, key, dy):
    dparams, dx = rule(params, x, state, key, dy)
    return dparams | {"bias": dy.sum(0)[0, 0]}, dx


def _statistics_constant(rule, x, scale, bias, dy):
    return layers.standardize_vjp(x, *moments(x), scale, bias, dy)


def _variance_constant(rule, x, scale, bias, dy):
    dx, dscale, dbias = _statistics_constant(rule, x, scale, bias, dy)
    return dx - jnp.broadcast_to(dx.mean(0), dx.shape), dscale, dbias


def _scale_outside_the_means(rule, x, scale, bias, dy):
    dx, dscale, dbias = rule(x, jnp.ones_like(scale), bias, dy)
    return dx * jnp.broadcast_to(scale, dx.shape), dscale, dbias


def _key_used_anew(rule, params, x, state, key, dy):
    return rule(params, x, state, jax.random.fold_in(key, 1), dy)


def _dropped_weights_learn(rule, params, x, state, key, dy):
    dparams, dx = rule(params, x, state, key, dy)
    return dparams | {"kernel": x.T @ dy / 0.6}, dx


def _back_through_all_weights(rule, params, x, state, key, dy):
    return rule(params, x, state, key, dy)[0], dy @ params["kernel"].T


def _without_shortcut(rule, params, x, state, key, dy):
    dparams, dx = rule(params, x, state, key, dy)
    return dparams, dx - dy


def _survival_probability_forgotten(rule, params, x, state, key, dy):
    dparams, dx = rule(params, x, state, key, dy)
    return jax.tree.map(lambda leaf: leaf / 0.7, dparams), dy + (dx - dy) / 0.7


def _pooled_by(layer, params, x, state, key, dy, train=True):
    """As if another layer had pooled."""
    return layer.backward(params, layer.forward(params, state, x, key, train)[2], dy)


# mistake: (row of the table, wrong rule); the right rule comes in first
WRONG = {
    "kernel not flipped": (
        "convolve2d (SAME)",
        lambda rule, x, w, dy: (rule(x, w[::-1, ::-1], dy)[0], rule(x, w, dy)[1]),
    ),
    "features and channels not exchanged": (
        "convolve2d (VALID, strides 2)",
        lambda rule, x, w, dy: (rule(x, w.swapaxes(2, 3), dy)[0], rule(x, w, dy)[1]),
    ),
    "gradient of the kernel flipped": (
        "convolve2d (SAME)",
        lambda rule, x, w, dy: (rule(x, w, dy)[0], rule(x, w, dy)[1][::-1, ::-1]),
    ),
    "one tap forgotten": (
        "convolve2d (SAME)",
        lambda rule, x, w, dy: (rule(x, w, dy)[0], rule(x, w, dy)[1].at[2, 2].set(0)),
    ),
    "gradient of the kernel averaged over the batch": (
        "convolve2d (kernel as large as the image)",
        lambda rule, x, w, dy: (rule(x, w, dy)[0], rule(x, w, dy)[1] / len(x)),
    ),
    "stride ignored": ("convolve2d (VALID, strides 2)", _stride_ignored),
    "padding on the other side": (
        "convolve2d (padding, strides, dilation, groups)",
        _other_padding,
    ),
    "dilation ignored": (
        "convolve2d (width 1, SAME, dilation 2)",
        lambda rule, x, w, dy: layers.convolve2d_vjp(x, w, dy),
    ),
    "groups mixed up": (
        "convolve2d (strides above the kernel)",
        lambda rule, x, w, dy: (rule(x, w, dy)[0][..., ::-1], rule(x, w, dy)[1]),
    ),
    "groups interleaved": (
        "convolve2d (strides above the kernel)",
        lambda rule, x, w, dy: (rule(x, w, dy)[0], rule(x, w, dy)[1][..., np.array([0, 2, 1, 3])]),
    ),
    "kernel not flipped, as transposed": (
        "fast_convolve2d (transposed)",
        lambda rule, x, w, dy: (rule(x, w[::-1, ::-1], dy)[0], rule(x, w, dy)[1]),
    ),
    "taps in the wrong order": (
        "fast_convolve2d (taps, strides, groups)",
        lambda rule, x, w, dy: (rule(x, w, dy)[0], rule(x, w, dy)[1][::-1, ::-1]),
    ),
    "bias dropped": ("conv2d", _without_bias),
    "bias of one place": ("conv2d", _bias_of_one_place),
    "all pixels win": (
        "max_of_windows",
        lambda rule, x, dy: 4 * layers.mean_of_windows_vjp(x, dy),
    ),
    "maximum split with the runner-up": (
        "max_of_image",
        lambda rule, x, dy: rule(x, dy / 2) + rule(jnp.where(rule(x, dy) == 0, x, -9), dy / 2),
    ),
    "maximum of |x|": ("max_of_windows", lambda rule, x, dy: rule(jnp.abs(x), dy)),
    "winner of another channel": (
        "max_of_windows (overlapping, SAME)",
        lambda rule, x, dy: rule(x[..., ::-1], dy),
    ),
    "padding of zeros wins": (
        "max_of_windows (gaps, padding)",
        lambda rule, x, dy: jnp.where(x > 0, rule(x, dy), 0),
    ),
    "one gradient for a pixel that won twice": (
        "max_of_windows (overlapping, SAME)",
        lambda rule, x, dy: rule(x, dy) / jnp.maximum(rule(x, jnp.ones_like(dy)), 1),
    ),
    "first pixel always wins": (
        "max_of_image",
        lambda rule, x, dy: jnp.zeros_like(x).at[:, 0, 0].set(dy),
    ),
    "missing 1/N": ("mean_of_windows", lambda rule, x, dy: 4 * rule(x, dy)),
    "missing 1/HW": ("mean_of_image", lambda rule, x, dy: 5 * 4 * rule(x, dy)),
    "padding counted": (
        "mean_of_windows (gaps, padding)",
        lambda rule, x, dy: rule(x, dy * jnp.array([[1, 0.5], [0.5, 0.25]])[None, :, :, None]),
    ),
    "regions drawn anew": (
        "max_of_regions",
        lambda rule, x, rows, columns, dy: rule(x, jnp.array([0, 1, 3, 5]), columns, dy),
    ),
    "regions drawn anew by the layer": ("fractional_max_pool2d", _key_used_anew),
    "shifted regions drawn anew": ("fractional_max_pool2d (pseudorandom)", _key_used_anew),
    "regions in a random order instead of shifted": (
        "fractional_max_pool2d (pseudorandom)",
        lambda rule, *arguments: _pooled_by(layers.fractional_max_pool2d(1.3), *arguments),
    ),
    "shifted regions do not overlap": (
        "fractional_max_pool2d (pseudorandom, overlapping)",
        lambda rule, *arguments: _pooled_by(
            layers.fractional_max_pool2d(1.3, pseudorandom=True), *arguments
        ),
    ),
    "regions of the evaluation": (
        "fractional_max_pool2d (overlapping)",
        lambda rule, *arguments: _pooled_by(
            layers.fractional_max_pool2d(1.5, overlapping=True), *arguments, train=False
        ),
    ),
    "kernel moved in its padding": (
        "convolve2d (kernel larger than the image, SAME)",
        lambda rule, x, w, dy: layers.convolve2d_vjp(x, w, dy, padding=((3, 1), (2, 1))),
    ),
    "all taps counted where few see the image": (
        "mean_of_windows (larger than the image, SAME)",
        lambda rule, x, dy: rule(x, dy) * (5 * 4) / (7 * 5),
    ),
    "winner outside the image": (
        "max_of_windows (larger than the image, SAME)",
        lambda rule, x, dy: jnp.where(x > 0, 0, rule(x, dy)),
    ),
    "regions do not overlap": (
        "max_of_regions (overlapping=True)",
        lambda rule, x, rows, columns, dy: layers.max_of_regions_vjp(x, rows, columns, dy),
    ),
    "pixel of each block alone": (
        "repeat_pixels",
        lambda rule, x, dy: dy[:, ::2, ::2],
    ),
    "block averaged": ("repeat_pixels (factor=(3, 2))", lambda rule, x, dy: rule(x, dy) / 6),
    "rows and columns exchanged": (
        "upsample2d (columns only)",
        lambda rule, params, x, state, key, dy: (
            params,
            dy.reshape(2, 2, 3, 3, 2).sum(2),  # as if every third column were of one pixel
        ),
    ),
    "batch statistics as constants": ("normalize_batch", _statistics_constant),
    "batch variance as a constant": ("normalize_batch", _variance_constant),
    "scale forgotten": (
        "normalize_batch",
        lambda rule, x, g, b, dy: (rule(x, g / g, b, dy)[0], *rule(x, g, b, dy)[1:]),
    ),
    "gradient of the scale by x": (
        "normalize_batch",
        lambda rule, x, g, b, dy: (rule(x, g, b, dy)[0], (dy * x).sum(0), dy.sum(0)),
    ),
    "gradient of the bias averaged": (
        "normalize_batch (images)",
        lambda rule, x, g, b, dy: (*rule(x, g, b, dy)[:2], dy.mean((0, 1, 2))),
    ),
    "running moments taken for the batch's": (
        "batch_norm",
        lambda rule, params, x, state, key, dy: layers.batch_norm(epsilon=0.1).backward(
            params, (x, state), dy
        ),
    ),
    "epsilon of another layer": (
        "standardize (epsilon=0.1)",
        lambda rule, *arguments: layers.standardize_vjp(*arguments, epsilon=1e-3),
    ),
    "scale outside the means": ("normalize_features", _scale_outside_the_means),
    "over the batch": (
        "normalize_features",
        lambda rule, *arguments: layers.normalize_batch_vjp(*arguments),
    ),
    "another mask": (
        "drop_elements (rate=0.4)",
        lambda rule, x, kept, dy: rule(x, kept[::-1], dy),
    ),
    "mask drawn anew": ("dropout", _key_used_anew),
    "mask forgotten": ("drop_elements (rate=0.4)", lambda rule, x, kept, dy: dy / 0.6),
    "not divided by 1 - rate": (
        "drop_elements (rate=0.4)",
        lambda rule, x, kept, dy: jnp.where(kept, dy, 0),
    ),
    "dropped weights learn": ("drop_connect", _dropped_weights_learn),
    "back through all weights": ("drop_connect", _back_through_all_weights),
    "shortcut forgotten": ("residual (dense, tanh)", _without_shortcut),
    "survival probability forgotten": (
        "stochastic_depth (evaluation)",
        _survival_probability_forgotten,
    ),
    "gate ignored": ("add_branch", lambda rule, x, f, gate, dy: (dy, dy)),
    "axes exchanged": (
        "reshape",
        lambda rule, params, x, state, key, dy: (params, dy.swapaxes(1, 2)),
    ),
}


MISTAKES = Mistakes(all_judges(WRONG), "images")


@MISTAKES.each
def test_wrong_gradient_is_caught_by_all_judges(mistake):
    MISTAKES.assert_caught(mistake)
