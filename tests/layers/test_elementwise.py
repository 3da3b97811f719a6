import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import activations, layers


@pytest.mark.parametrize("name", ["identity", "sigmoid", "tanh", "relu"])
def test_activation_layers_are_the_functions_and_their_rules(name):
    layer, function = getattr(layers, name), getattr(activations, name)
    x, dy = jax.random.normal(jax.random.key(0), (2, 5, 3))
    params, state, out_shape = layer.init(jax.random.key(0), (3,))
    y, _, saved = layer.forward(params, state, x, None, True)
    np.testing.assert_array_equal(y, function(x))
    rule = getattr(activations, f"{name}_vjp")
    np.testing.assert_array_equal(layer.backward(params, saved, dy)[1], rule(x, dy))
    assert (layer.name, out_shape, params) == (name, (3,), ())


def test_a_setting_is_bound_by_partial():
    layer = layers.activation(functools.partial(activations.leaky_relu, negative_slope=0.5))
    x = jnp.asarray([[-2.0, 2.0]])
    y, _, saved = layer.forward((), (), x, None, True)
    np.testing.assert_array_equal(y, [[-1.0, 2.0]])
    np.testing.assert_array_equal(layer.backward((), saved, jnp.ones((1, 2)))[1], [[0.5, 1.0]])
    assert layer.name == "leaky_relu"


def test_an_activation_without_a_rule_is_refused():
    with pytest.raises(LookupError, match="no hand-derived gradient for square"):
        layers.activation(jnp.square)


def test_flatten_keeps_the_batch_and_its_backward_undoes_it():
    x = jnp.arange(24.0).reshape(2, 3, 4, 1)
    _, _, out_shape = layers.flatten.init(jax.random.key(0), (3, 4, 1))
    y, _, saved = layers.flatten.forward((), (), x, None, True)
    assert y.shape == (2, 12) == (2, *out_shape)
    np.testing.assert_array_equal(layers.flatten.backward((), saved, y)[1], x)


@pytest.mark.parametrize("layer", [layers.flatten, layers.reshape((12,))])
def test_empty_batch_keeps_its_features(layer):
    y, _, saved = layer.forward((), (), jnp.zeros((0, 3, 4)), None, True)
    assert y.shape == (0, 12)
    assert layer.backward((), saved, y)[1].shape == (0, 3, 4)


def test_reshape_keeps_the_order_and_its_backward_undoes_it():
    x, layer = jnp.arange(24.0).reshape(2, 12), layers.reshape((2, 3, 2))
    _, _, out_shape = layer.init(jax.random.key(0), (12,))
    y, _, saved = layer.forward((), (), x, None, True)
    assert y.shape == (2, *out_shape) == (2, 2, 3, 2)
    np.testing.assert_array_equal(y.ravel(), x.ravel())
    np.testing.assert_array_equal(layer.backward((), saved, y)[1], x)


@pytest.mark.usefixtures("no_type_checker")
def test_reshape_into_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"\(5,\), of 5 elements, cannot become \(2, 3\)"):
        layers.reshape((2, 3)).init(jax.random.key(0), (5,))
    with pytest.raises(ValueError, match="an axis of the shape must be at least 1, got -1"):
        layers.reshape((2, -1))
    with pytest.raises(TypeError, match="shape must be a tuple"):
        layers.reshape(6)
