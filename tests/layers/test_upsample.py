import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import layers


def a_key():
    return jax.random.key(0)


@pytest.mark.quick
def test_each_pixel_becomes_a_block():
    x = np.arange(6, dtype=np.float32).reshape(1, 2, 3, 1)
    blocks = np.kron(x[0, :, :, 0], np.ones((2, 3)))
    np.testing.assert_array_equal(
        layers.repeat_pixels(jnp.asarray(x), factor=(2, 3))[0, ..., 0], blocks
    )


def test_mean_pooling_undoes_it():
    x = jax.random.normal(a_key(), (2, 3, 2, 4))
    there = layers.repeat_pixels(x, factor=2)
    np.testing.assert_allclose(layers.mean_of_windows(there, window=2), x, rtol=1e-6)


def test_a_factor_of_one_changes_nothing():
    x = jax.random.normal(a_key(), (2, 3, 2, 4))
    np.testing.assert_array_equal(layers.repeat_pixels(x, factor=1), x)


def test_what_cannot_be_upsampled_is_refused():
    with pytest.raises(ValueError, match="factor must be at least 1, got 0"):
        layers.upsample2d(0)
    with pytest.raises(ValueError, match="takes images of"):
        layers.upsample2d(2).init(a_key(), (4,))
    with pytest.raises(ValueError, match=r"cotangent must have the shape \(1, 4, 4, 1\)"):
        layers.repeat_pixels_vjp(jnp.ones((1, 2, 2, 1)), jnp.ones((1, 2, 2, 1)), factor=2)
