import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import layers

SETTINGS = [
    {},
    {"window": 2, "strides": 1},
    {"window": (3, 2), "strides": (2, 1), "padding": "SAME"},
    {"window": 2, "strides": 3},
    {"window": 3, "strides": 2, "padding": ((1, 2), (0, 1))},
    {"window": (5, 6)},
]


def a_key():
    return jax.random.key(0)


def images(*shape):
    return jax.random.normal(a_key(), shape or (2, 5, 6, 3))


def flax_settings(window=2, strides=None, padding="VALID"):
    pair = (window, window) if isinstance(window, int) else window
    strides = pair if strides is None else strides
    return {
        "window_shape": pair,
        "strides": (strides, strides) if isinstance(strides, int) else strides,
        "padding": padding,
    }


def assert_value_and_gradient_of(reference, function, rule):
    with jax.enable_x64(True):
        x = images()
        expected, pullback = jax.vjp(reference, x)
        dy = jnp.cos(expected)
        y, dx = jax.jit(lambda x, dy: (function(x), rule(x, dy)))(x, dy)
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(dx, *pullback(dy), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_max_pooling_is_that_of_flax(settings):
    assert_value_and_gradient_of(
        lambda x: nn.max_pool(x, **flax_settings(**settings)),
        lambda x: layers.max_of_windows(x, **settings),
        lambda x, dy: layers.max_of_windows_vjp(x, dy, **settings),
    )


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_mean_pooling_is_that_of_flax_without_the_padding(settings):
    assert_value_and_gradient_of(
        lambda x: nn.avg_pool(x, **flax_settings(**settings), count_include_pad=False),
        lambda x: layers.mean_of_windows(x, **settings),
        lambda x, dy: layers.mean_of_windows_vjp(x, dy, **settings),
    )


def test_pooling_is_the_loop_over_windows():
    x = images()
    windows = np.asarray(x)[:, :4].reshape(2, 2, 2, 3, 2, 3)
    np.testing.assert_array_equal(layers.max_of_windows(x), windows.max((2, 4)))
    np.testing.assert_allclose(
        layers.mean_of_windows(x), windows.mean((2, 4)), rtol=1e-5, atol=1e-6
    )


@pytest.mark.quick
def test_global_pooling_is_over_all_places():
    x = images()
    np.testing.assert_array_equal(layers.max_of_image(x), np.asarray(x).max((1, 2)))
    np.testing.assert_allclose(layers.mean_of_image(x), np.asarray(x).mean((1, 2)), rtol=1e-5)
    dy = jnp.cos(layers.max_of_image(x))
    for whole, windowed in (
        (layers.max_of_image_vjp, layers.max_of_windows_vjp),
        (layers.mean_of_image_vjp, layers.mean_of_windows_vjp),
    ):
        over_all = jax.jit(functools.partial(windowed, window=x.shape[1:3]))
        np.testing.assert_allclose(whole(x, dy), over_all(x, dy[:, None, None]), rtol=1e-6)


@pytest.mark.parametrize("ties", [[[1, 1], [1, 1]], [[0, 1], [1, 1]], [[0, 0], [1, 1]]])
def test_of_tied_maxima_the_first_takes_the_gradient(ties):
    x = jnp.asarray(ties, jnp.float32)[None, :, :, None]
    first = np.zeros(4)
    first[np.argmax(ties)] = 7
    edges = jnp.asarray([0, 2], jnp.int32)
    gradients = [
        layers.max_of_windows_vjp(x, jnp.full((1, 1, 1, 1), 7.0)),
        layers.max_of_windows_vjp(x, jnp.full((1, 1, 1, 1), 7.0), window=3, padding="SAME"),
        layers.max_of_image_vjp(x, jnp.full((1, 1), 7.0)),
        layers.max_of_regions_vjp(x, edges, edges, jnp.full((1, 1, 1, 1), 7.0)),
    ]
    for gradient in gradients:
        np.testing.assert_array_equal(gradient.ravel(), first)


@pytest.mark.quick
def test_padding_never_wins():
    x = -1 - jnp.abs(images(1, 3, 3, 1))
    settings = {"window": 2, "padding": ((1, 0), (1, 0))}
    y = layers.max_of_windows(x, **settings)
    assert (y <= -1).all()
    dx = layers.max_of_windows_vjp(x, jnp.ones_like(y), **settings)
    assert dx.sum() == y.size


def test_a_pixel_that_wins_several_windows_takes_all_their_gradients():
    x = jnp.zeros((1, 3, 3, 1)).at[0, 1, 1, 0].set(1)
    dy = jnp.asarray([[1.0, 2], [3, 4]])[None, :, :, None]
    dx = layers.max_of_windows_vjp(x, dy, strides=1)
    np.testing.assert_array_equal(dx, 10 * x)


def test_mean_of_a_constant_image_is_the_constant_at_its_border_too():
    x = jnp.full((1, 3, 3, 1), 5.0)
    np.testing.assert_array_equal(layers.mean_of_windows(x, window=2, padding="SAME"), x[:, :2, :2])


@pytest.mark.parametrize("function", ["max_of_windows", "mean_of_windows"])
def test_windows_of_one_pixel_change_nothing(function):
    x = images()
    np.testing.assert_array_equal(getattr(layers, function)(x, window=1), x)
    np.testing.assert_array_equal(getattr(layers, f"{function}_vjp")(x, x, window=1), x)


POOLS = [
    layers.max_pool2d(2),
    layers.avg_pool2d(2),
    layers.global_max_pool2d,
    layers.global_avg_pool2d,
    layers.fractional_max_pool2d(1.5),
]


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.name)
@pytest.mark.parametrize("batch", [0, 1])
def test_shape_is_as_announced_for_an_empty_batch_too(pool, batch):
    params, state, out_shape = pool.init(a_key(), (5, 6, 3))

    @jax.jit
    def there_and_back_fn(x):
        y, _, saved = pool.forward(params, state, x, a_key(), True)
        return y, pool.backward(params, saved, y)[1]

    y, dx = there_and_back_fn(images(batch, 5, 6, 3))
    assert (y.shape, dx.shape) == ((batch, *out_shape), (batch, 5, 6, 3))


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.name)
def test_what_is_no_image_is_refused(pool):
    with pytest.raises(ValueError, match=r"takes images of \(height, width, channels\).*\(784,\)"):
        pool.init(a_key(), (784,))


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize("pool", [layers.max_pool2d, layers.avg_pool2d])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"strides": 0}, "strides must be at least 1, got 0"),
        ({"padding": "HALF"}, "padding must be .*got 'HALF'"),
    ],
)
def test_setting_out_of_range_is_refused(pool, settings, message):
    with pytest.raises(ValueError, match=message):
        pool(**settings)


@pytest.mark.usefixtures("no_type_checker")
def test_images_of_bytes_are_refused():
    with pytest.raises(TypeError, match="images must be floats, got uint8"):
        layers.max_of_windows(jnp.ones((1, 4, 4, 1), jnp.uint8))


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="window of 3 rows does not fit into an image of 2"):
        layers.max_pool2d(3).init(a_key(), (2, 5, 1))
    with pytest.raises(ValueError, match=r"must be less than the window \(2, 2\)"):
        layers.max_pool2d(2, padding=((0, 2), (0, 0))).init(a_key(), (4, 4, 1))
    with pytest.raises(ValueError, match=r"cotangent must have the shape \(2, 2, 3, 3\)"):
        layers.max_of_windows_vjp(images(), jnp.ones((2, 2, 2, 3)))


@pytest.mark.parametrize(
    ("window", "pixels", "before", "after"), [(2, 4, 1, 0), (3, 6, 1, 1), (2, 6, 0, 1)]
)
def test_padded_windows_side_by_side_send_each_gradient_to_the_pixel_of_its_maximum(
    window, pixels, before, after
):
    """Their stride is their size and they are as many as without padding, yet no pixel is a tile.

    The loop is NumPy's: the argmax of each window over the image with -inf around it.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(pixels, pixels)).astype(np.float32)
    pads = ((before, after), (before, after))
    padded = np.pad(x, pads, constant_values=-np.inf)
    number = (len(padded) - window) // window + 1
    dy = rng.normal(size=(number, number)).astype(np.float32)
    expected = np.zeros_like(padded)
    for row in range(number):
        for column in range(number):
            top, left = row * window, column * window
            seen = padded[top : top + window, left : left + window]
            i, j = np.unravel_index(seen.argmax(), seen.shape)
            expected[top + i, left + j] += dy[row, column]
    layer = layers.max_pool2d(window, padding=pads)
    _, _, saved = layer.forward((), (), jnp.asarray(x)[None, :, :, None], None, True)
    _, dx = layer.backward((), saved, jnp.asarray(dy)[None, :, :, None])
    inside = expected[before : before + pixels, before : before + pixels]
    np.testing.assert_allclose(dx[0, :, :, 0], inside, rtol=1e-6)
