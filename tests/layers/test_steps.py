import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import layers


def a_key():
    return jax.random.key(0)


def test_the_mean_over_steps_knows_no_order():
    x = jax.random.normal(a_key(), (2, 5, 3))
    np.testing.assert_allclose(
        layers.mean_of_steps(x), layers.mean_of_steps(x[:, ::-1]), rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(layers.mean_of_steps(x), np.mean(x, axis=1), rtol=1e-5, atol=1e-7)


@pytest.mark.quick
def test_the_rows_of_an_image_are_its_steps():
    x = jnp.arange(24.0).reshape(1, 4, 3, 2)
    params, state, out_shape = layers.rows_as_steps.init(a_key(), (4, 3, 2))
    y, _, _ = layers.rows_as_steps.forward(params, state, x, None, False)
    assert out_shape == (4, 6)
    np.testing.assert_array_equal(y[0, 1], x[0, 1].reshape(6))


def test_what_has_no_rows_or_steps_is_refused():
    with pytest.raises(ValueError, match=r"rows_as_steps takes images .* got \(4,\)"):
        layers.rows_as_steps.init(a_key(), (4,))
    with pytest.raises(ValueError, match=r"at least one step, got \(4,\)"):
        layers.mean_over_steps.init(a_key(), (4,))


@pytest.mark.usefixtures("no_type_checker")
def test_a_cotangent_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"cotangent must have the shape \(1, 3\)"):
        layers.mean_of_steps_vjp(jnp.ones((1, 2, 3)), jnp.ones((1, 2)))
