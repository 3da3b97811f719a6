import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import layers


def a_key():
    return jax.random.key(0)


def draw(*shapes, dtype=jnp.float32):
    keys = jax.random.split(a_key(), len(shapes))
    return [jax.random.normal(key, s).astype(dtype) for key, s in zip(keys, shapes, strict=True)]


def loop_convolution(x, kernel, strides, pads, dilation, groups):
    """The sum of the docstring, written as loops."""
    padded = np.pad(np.asarray(x, np.float64), ((0, 0), *pads, (0, 0)))
    rows, columns, channels, features = kernel.shape
    reach = [(k - 1) * d + 1 for k, d in zip((rows, columns), dilation, strict=True)]
    counts = [(n - r) // s + 1 for n, r, s in zip(padded.shape[1:3], reach, strides, strict=True)]
    y = np.zeros((len(x), *counts, features))
    for n, p, q, o in np.ndindex(*y.shape):
        group = o // (features // groups)
        for i, j, c in itertools.product(range(rows), range(columns), range(channels)):
            row, column = p * strides[0] + i * dilation[0], q * strides[1] + j * dilation[1]
            pixel = padded[n, row, column, group * channels + c]
            y[n, p, q, o] += pixel * kernel[i, j, c, o]
    return y


@pytest.mark.parametrize(
    ("image", "kernel", "settings", "pads"),
    [
        ((4, 5, 2), (3, 3, 2, 2), {}, ((1, 1), (1, 1))),
        ((4, 5, 2), (2, 4, 2, 2), {"padding": "SAME"}, ((0, 1), (1, 2))),
        ((5, 6, 2), (3, 2, 2, 3), {"padding": "VALID", "strides": (2, 3)}, ((0, 0), (0, 0))),
        ((5, 6, 2), (3, 2, 2, 3), {"strides": 2}, ((1, 1), (0, 0))),
        ((5, 4, 4), (2, 3, 2, 6), {"groups": 2, "dilation": (2, 1)}, ((1, 1), (1, 1))),
        ((4, 4, 3), (2, 2, 1, 6), {"groups": 3, "padding": ((0, 2), (1, 0))}, ((0, 2), (1, 0))),
        ((5, 5, 1), (2, 2, 1, 1), {"strides": 3, "padding": "VALID"}, ((0, 0), (0, 0))),
        ((3, 4, 2), (3, 4, 2, 3), {"padding": "VALID"}, ((0, 0), (0, 0))),
        ((4, 1, 1), (3, 1, 1, 2), {}, ((1, 1), (0, 0))),
    ],
)
def test_convolution_is_the_sum_over_taps_and_channels(image, kernel, settings, pads):
    x, weights = draw((2, *image), kernel)
    expected = loop_convolution(
        x,
        weights,
        np.broadcast_to(settings.get("strides", 1), 2),
        pads,
        np.broadcast_to(settings.get("dilation", 1), 2),
        settings.get("groups", 1),
    )
    actual = layers.convolve2d(x, weights, **settings)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"strides": 2}, {"strides": 2}),
        (
            {"groups": 2, "dilation": 2, "padding": "VALID"},
            {"feature_group_count": 2, "kernel_dilation": 2, "padding": "VALID"},
        ),
        ({"groups": 4, "use_bias": False}, {"feature_group_count": 4, "use_bias": False}),
        ({"padding": ((1, 2), (0, 1))}, {"padding": ((1, 2), (0, 1))}),
    ],
)
def test_layer_and_its_gradients_are_those_of_flax(ours, theirs):
    with jax.enable_x64(True):
        layer, module = layers.conv2d(8, (3, 2), **ours), nn.Conv(8, (3, 2), **theirs)
        params, state, out_shape = layer.init(a_key(), (6, 7, 4))
        params = jax.tree.map(lambda p: p + 0.1, params)
        (x,) = draw((2, 6, 7, 4), dtype=jnp.float64)

        @jax.jit
        def ours_and_theirs_fn(params, x):
            y, _, saved = layer.forward(params, state, x, None, True)
            expected, pullback = jax.vjp(lambda p, x: module.apply({"params": p}, x), params, x)
            dy = jnp.cos(y)
            return (y, layer.backward(params, saved, dy)), (expected, pullback(dy))

        actual, expected = ours_and_theirs_fn(params, x)
        assert actual[0].shape == (2, *out_shape)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12), actual, expected
        )


@pytest.mark.quick
def test_one_pixel_kernel_is_a_dense_layer_at_every_place():
    x, kernel = draw((2, 3, 3, 4), (4, 5))
    actual = layers.convolve2d(x, kernel[None, None])
    np.testing.assert_allclose(actual, layers.affine(x, kernel, jnp.zeros(5)), rtol=1e-5, atol=1e-6)


def test_shifted_image_gives_shifted_features():
    x, kernel = draw((1, 6, 6, 1), (3, 3, 1, 2))
    shifted = layers.convolve2d(jnp.roll(x, 1, axis=1), kernel, padding="VALID")
    np.testing.assert_allclose(
        shifted[:, 1:], layers.convolve2d(x, kernel, padding="VALID")[:, :-1], rtol=1e-5, atol=1e-6
    )


def test_pixels_that_no_window_sees_have_no_gradient():
    x, kernel = draw((1, 6, 5, 1), (2, 2, 1, 1))
    y = layers.convolve2d(x, kernel, strides=3, padding="VALID")
    dx, _ = layers.convolve2d_vjp(x, kernel, jnp.ones_like(y), strides=3, padding="VALID")
    seen = np.isin(np.arange(6), [0, 1, 3, 4])
    np.testing.assert_array_equal(np.asarray(dx[0, :, :, 0]) != 0, np.outer(seen, seen[:5]))


@pytest.mark.parametrize("groups", [1, 2])
def test_empty_batch_has_no_images_and_no_gradient(groups):
    kernel = jnp.ones((3, 3, 4 // groups, 2))
    x = jnp.zeros((0, 5, 5, 4))
    y = layers.convolve2d(x, kernel, groups=groups)
    dx, dkernel = layers.convolve2d_vjp(x, kernel, y, groups=groups)
    assert (y.shape, dx.shape) == ((0, 5, 5, 2), x.shape)
    np.testing.assert_array_equal(dkernel, jnp.zeros_like(kernel))


def test_batch_of_one_is_the_first_of_many():
    x, kernel = draw((3, 5, 5, 2), (3, 3, 2, 2))
    np.testing.assert_allclose(
        layers.convolve2d(x[:1], kernel), layers.convolve2d(x, kernel)[:1], rtol=1e-5, atol=1e-6
    )


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kernel_size": 0}, "kernel_size must be at least 1, got 0"),
        ({"kernel_size": (3, 3, 3)}, "kernel_size must be an int, or a pair"),
        ({"strides": 0}, "strides must be at least 1, got 0"),
        ({"strides": (1, -2)}, "strides must be at least 1, got -2"),
        ({"dilation": 0}, "dilation must be at least 1, got 0"),
        ({"groups": 0}, "groups must be at least 1, got 0"),
        ({"groups": 3}, "3 groups do not divide 4 features"),
        ({"padding": "FULL"}, "padding must be .* got 'FULL'"),
        ({"padding": ((1, 1), (-1, 0))}, r"padding must be .* got \(\(1, 1\), \(-1, 0\)\)"),
        ({"padding": 1}, "padding must be .* got 1"),
        ({"padding": ((0.5, 1), (0, 0))}, "padding must be"),
    ],
)
def test_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        layers.conv2d(4, **({"kernel_size": 3} | settings))


@pytest.mark.usefixtures("no_type_checker")
def test_setting_that_is_no_int_is_refused():
    with pytest.raises(TypeError, match=r"strides must be an int, got 1\.5"):
        layers.conv2d(4, 3, strides=1.5)


@pytest.mark.parametrize(
    ("in_shape", "message"),
    [
        ((4, 2, 3), "window of 3 columns does not fit into an image of 2"),
        ((28, 28), r"conv2d takes images of \(height, width, channels\).* got \(28, 28\)"),
        ((0, 5, 1), "each at least 1, got"),
    ],
)
def test_input_that_does_not_fit_is_refused(in_shape, message):
    with pytest.raises(ValueError, match=message):
        layers.conv2d(4, 3, padding="VALID").init(a_key(), in_shape)


def test_channels_that_the_groups_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="2 groups do not divide the 3 channels"):
        layers.conv2d(4, 3, groups=2).init(a_key(), (5, 5, 3))


@pytest.mark.usefixtures("no_type_checker")
def test_kernel_and_cotangent_that_do_not_fit_are_refused():
    x, kernel = jnp.ones((2, 5, 5, 4)), jnp.ones((3, 3, 4, 2))
    with pytest.raises(ValueError, match="images of 4 channels in 2 groups do not fit"):
        layers.convolve2d(x, kernel, groups=2)
    with pytest.raises(ValueError, match=r"convolve2d takes images of .* got \(5, 4\)"):
        layers.convolve2d(x[0], kernel)
    with pytest.raises(ValueError, match=r"cotangent must have the shape \(2, 5, 5, 2\)"):
        layers.convolve2d_vjp(x, kernel, jnp.ones((2, 4, 5, 2)))
