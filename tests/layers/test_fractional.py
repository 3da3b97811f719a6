import fractions
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import layers
from jaxnn.layers.fractional import _pseudorandom_edges


def a_key():
    return jax.random.key(0)


def images(*shape):
    return jax.random.normal(a_key(), shape or (2, 5, 6, 3))


def edges_of(layer, in_shape, key):
    x = jnp.zeros((1, *in_shape))
    forward = jax.jit(layer.forward, static_argnums=4)
    _, _, (_, *edges) = forward((), (), x, key, key is not None)
    return [np.asarray(each) for each in edges]


@pytest.mark.parametrize("pseudorandom", [False, True])
@pytest.mark.parametrize("ratio", [1, 1.2, 1.41, 1.9, 2])
def test_fractional_regions_tile_the_image_in_ones_and_twos(ratio, pseudorandom):
    layer = layers.fractional_max_pool2d(ratio, pseudorandom=pseudorandom)
    for key in (None, *jax.random.split(a_key(), 3)):
        for size, edges in zip((24, 25), edges_of(layer, (24, 25, 1), key), strict=True):
            assert len(edges) - 1 == int(size / ratio)
            assert (edges[0], edges[-1]) == (0, size)
            allowed = {1, 2} if ratio < 2 else {2, 3}  # 25 = 11 * 2 + 3
            assert set(np.diff(edges)) <= allowed


@pytest.mark.quick
@pytest.mark.parametrize(("size", "ratio"), [(24, 1.41), (25, 1.2), (7, 1.7), (1000, 1.3)])
def test_pseudorandom_edges_are_those_of_the_formula(size, ratio):
    """a_i = ceil(alpha (i + u)), from a_0 on, for one of the u; and each is drawn."""
    regions = int(size / ratio)
    alpha, i = fractions.Fraction(size, regions), range(regions + 1)
    allowed = set()
    for k in range(size):
        u = fractions.Fraction(2 * k + 1, 2 * size)  # one for each ceil(n u)
        a = [math.ceil(alpha * (j + u)) for j in i]
        allowed.add(tuple(each - a[0] for each in a))
    keys = jax.random.split(a_key(), 8 * size)
    draw_fn = jax.jit(jax.vmap(lambda key: _pseudorandom_edges(key, size, regions)))
    drawn = set(map(tuple, np.asarray(draw_fn(keys)).tolist()))
    assert drawn <= allowed
    assert len(drawn) > 0.9 * len(allowed)


def test_pseudorandom_sizes_are_spread_evenly_and_random_ones_are_not():
    def longest_run_of_twos(pseudorandom):
        layer = layers.fractional_max_pool2d(1.5, pseudorandom=pseudorandom)
        keys = jax.random.split(a_key(), 5)
        sizes = [np.diff(edges_of(layer, (60, 60, 1), key)[0]) for key in keys]
        return max(len(run) for each in sizes for run in "".join(map(str, each)).split("1"))

    assert longest_run_of_twos(pseudorandom=True) == 1
    assert longest_run_of_twos(pseudorandom=False) > 2


@pytest.mark.parametrize("pseudorandom", [False, True])
def test_overlapping_regions_share_their_edges(pseudorandom):
    x = jax.random.permutation(a_key(), jnp.arange(49.0)).reshape(1, 7, 7, 1)
    layer = layers.fractional_max_pool2d(1.7, overlapping=True, pseudorandom=pseudorandom)
    y, _, (_, rows, columns) = layer.forward((), (), x, a_key(), True)
    for p, q in np.ndindex(4, 4):
        region = x[0, rows[p] : rows[p + 1] + 1, columns[q] : columns[q + 1] + 1]
        assert y[0, p, q, 0] == region.max()


@pytest.mark.parametrize("pseudorandom", [False, True])
def test_fractional_regions_are_drawn_by_the_key_and_spread_evenly_without(pseudorandom):
    layer = layers.fractional_max_pool2d(1.41, pseudorandom=pseudorandom)
    rows, columns = edges_of(layer, (24, 24, 1), a_key())
    again, _ = edges_of(layer, (24, 24, 1), a_key())
    others, _ = edges_of(layer, (24, 24, 1), jax.random.key(1))
    np.testing.assert_array_equal(rows, again)
    assert (rows != others).any()
    assert (rows != columns).any()
    np.testing.assert_array_equal(edges_of(layer, (6, 6, 1), None)[0], [0, 1, 3, 4, 6])


@pytest.mark.parametrize("overlapping", [False, True])
def test_regions_are_pooled_as_by_a_loop(overlapping):
    x, rows, columns = images(), [0, 2, 3, 5], [0, 1, 2, 4, 6]
    actual = layers.max_of_regions(
        x, jnp.asarray(rows, jnp.int32), jnp.asarray(columns, jnp.int32), overlapping=overlapping
    )
    assert actual.shape == (2, 3, 4, 3)
    for p, q in np.ndindex(3, 4):
        top, bottom, left, right = rows[p], rows[p + 1], columns[q], columns[q + 1]
        region = x[:, top : bottom + overlapping, left : right + overlapping]
        np.testing.assert_array_equal(actual[:, p, q], region.max((1, 2)))


def test_ratio_2_is_ordinary_pooling_and_ratio_1_changes_nothing():
    x = images(2, 6, 4, 3)
    half = layers.fractional_max_pool2d(2).forward((), (), x, a_key(), True)[0]
    np.testing.assert_array_equal(half, layers.max_of_windows(x))
    np.testing.assert_array_equal(
        layers.fractional_max_pool2d(1).forward((), (), x, a_key(), True)[0], x
    )


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize(
    ("ratio", "error"), [(0.9, ValueError), (2.1, ValueError), ("2", TypeError)]
)
def test_ratio_outside_its_range_is_refused(ratio, error):
    with pytest.raises(error, match=f"ratio must be .*{ratio}"):
        layers.fractional_max_pool2d(ratio)


def test_fractional_pooling_of_one_pixel_or_without_a_key_is_refused():
    layer = layers.fractional_max_pool2d(1.5)
    with pytest.raises(ValueError, match=r"leaves no region of images of shape \(1, 4, 1\)"):
        layer.init(a_key(), (1, 4, 1))
    with pytest.raises(ValueError, match=r"fractional_max_pool2d\(1\.5\) .* needs a key, got None"):
        layer.forward((), (), images(), None, True)
