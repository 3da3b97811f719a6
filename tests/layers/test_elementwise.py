import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import activations, layers

SETTINGS = {  # name -> (those of the layer, those of the function)
    "leaky_relu": ((0.3,), {"negative_slope": 0.3}),
    "elu": ((0.5,), {"alpha": 0.5}),
    "maxout": ((3,), {"pieces": 3}),
}
ACTIVATIONS = [name for name in vars(activations) if f"{name}_vjp" in vars(activations)]


@pytest.mark.parametrize("name", sorted({*ACTIVATIONS} - {*SETTINGS}))
def test_activation_layers_are_the_functions_and_their_rules(name):
    layer, function = getattr(layers, name), getattr(activations, name)
    x, dy = jax.random.normal(jax.random.key(0), (2, 5, 3))
    params, state, out_shape = layer.init(jax.random.key(0), (3,))
    y, _, saved = layer.forward(params, state, x, None, True)
    np.testing.assert_array_equal(y, function(x))
    rule = getattr(activations, f"{name}_vjp")
    np.testing.assert_array_equal(layer.backward(params, saved, dy)[1], rule(x, dy))
    assert (layer.name, out_shape, params) == (name, (3,), ())


@pytest.mark.parametrize("name", SETTINGS)
def test_activation_layers_with_settings_hand_them_to_the_function_and_its_rule(name):
    of_layer, of_function = SETTINGS[name]
    layer = getattr(layers, name)(*of_layer)
    x = jax.random.normal(jax.random.key(0), (5, 6))
    params, state, out_shape = layer.init(jax.random.key(0), (6,))
    y, _, saved = layer.forward(params, state, x, None, True)
    np.testing.assert_array_equal(y, getattr(activations, name)(x, **of_function))
    assert y.shape == (5, *out_shape)
    dy = jnp.cos(y)
    expected = getattr(activations, f"{name}_vjp")(x, dy, **of_function)
    np.testing.assert_array_equal(layer.backward(params, saved, dy)[1], expected)


@pytest.mark.quick
def test_nothing_is_learned_through_a_step_layer():
    y, _, saved = layers.step.forward((), (), jnp.asarray([[-1.0, 0.0, 2.0]]), None, True)
    np.testing.assert_array_equal(y, [[0, 0, 1]])
    assert not layers.step.backward((), saved, jnp.ones((1, 3)))[1].any()


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize(
    ("make", "setting", "error", "message"),
    [
        (layers.leaky_relu, -0.1, ValueError, "negative_slope must be finite and at least 0, got"),
        (layers.leaky_relu, "0.1", TypeError, "negative_slope must be a number, got '0.1'"),
        (layers.elu, -1.0, ValueError, r"alpha must be finite and at least 0, got -1\.0"),
        (layers.elu, np.inf, ValueError, "alpha must be finite and at least 0, got inf"),
        (layers.maxout, 0, ValueError, "num_pieces must be at least 1, got 0"),
        (layers.maxout, 2.0, TypeError, r"num_pieces must be an int, got 2\.0"),
    ],
)
def test_bad_setting_is_refused_when_the_layer_is_made(make, setting, error, message):
    with pytest.raises(error, match=message):
        make(setting)


def test_a_slope_may_be_traced():
    def mean(slope):
        return layers.leaky_relu(slope).forward((), (), -jnp.ones((1, 2)), None, True)[0].mean()

    np.testing.assert_allclose(jax.vmap(mean)(jnp.asarray([0.1, 0.5])), [-0.1, -0.5])


def test_maxout_changes_the_width_and_refuses_what_it_cannot_divide():
    network = layers.serial(layers.dense(6), layers.maxout(3), layers.dense(1))
    params, _, _ = network.init(jax.random.key(0), (4,))
    assert params[2]["kernel"].shape == (2, 1)
    for in_shape in ((5,), ()):
        with pytest.raises(ValueError, match=r"maxout of 2 pieces cannot divide the shape \("):
            layers.maxout(2).init(jax.random.key(0), in_shape)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_single_numbers_would_mix_the_examples_and_is_refused(name):
    with pytest.raises(ValueError, match=r"needs an axis of features, got shape \(\)"):
        getattr(layers, name).init(jax.random.key(0), ())


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


@pytest.mark.quick
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
