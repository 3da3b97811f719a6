import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import activations, layers


def a_key():
    return jax.random.key(0)


@pytest.mark.quick
def test_the_gradient_goes_past_the_layer_and_through_it():
    layer = layers.residual(layers.tanh)
    x, dy = jnp.asarray([[0.5, -2.0]]), jnp.asarray([[1.0, 3.0]])
    params, state, out_shape = layer.init(a_key(), (2,))
    y, _, saved = layer.forward(params, state, x, None, True)
    np.testing.assert_allclose(y, x + np.tanh(x), rtol=1e-6)
    _, dx = layer.backward(params, saved, dy)
    np.testing.assert_allclose(dx, dy * (2 - np.tanh(x) ** 2), rtol=1e-6)
    assert out_shape == (2,)


def test_a_layer_that_changes_the_shape_is_refused():
    with pytest.raises(ValueError, match=r"dense\(3\) makes \(3,\) of \(4,\)"):
        layers.residual(layers.dense(3)).init(a_key(), (4,))


@pytest.mark.usefixtures("no_type_checker")
def test_a_function_is_refused():
    with pytest.raises(TypeError, match="residual takes a layer"):
        layers.residual(activations.tanh)
