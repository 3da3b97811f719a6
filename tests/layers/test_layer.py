import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import activations, layers


def a_key():
    return jax.random.key(0)


def network():
    return layers.serial(
        layers.flatten, layers.dense(5), layers.tanh, layers.serial(layers.dense(4), layers.relu),
        layers.dense(3),
    )  # fmt: skip


@pytest.mark.quick
def test_serial_gives_the_composition_of_its_layers():
    model = network()
    params, state, out_shape = model.init(a_key(), (2, 3))
    x = jax.random.normal(a_key(), (7, 2, 3))
    y, _, _ = model.forward(params, state, x, None, False)
    h = jnp.tanh(np.reshape(x, (7, 6)) @ params[1]["kernel"])
    h = jnp.maximum(h @ params[3][0]["kernel"], 0.0)
    np.testing.assert_allclose(y, h @ params[4]["kernel"], rtol=1e-6)
    assert out_shape == (3,)
    assert y.shape == (7, 3)


def test_the_backward_walk_is_the_transposed_jacobian_of_the_forward_pass():
    with jax.enable_x64(True):
        model = network()
        params, state, _ = model.init(a_key(), (2, 3))
        keys = jax.random.split(a_key())
        x, dy = jax.random.normal(keys[0], (7, 2, 3)), jax.random.normal(keys[1], (7, 3))
        _, pullback = jax.vjp(lambda p, x: model.forward(p, state, x, None, True)[0], params, x)
        _, _, saved = model.forward(params, state, x, None, True)
        jax.tree.map(
            lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13),
            model.backward(params, saved, dy),
            pullback(dy),
        )


def test_the_unread_gradient_of_the_input_is_never_computed():
    model = layers.serial(layers.dense(4), layers.relu, layers.dense(3))
    params, state, _ = model.init(a_key(), (6,))
    x, dy = jnp.ones((7, 6)), jnp.ones((7, 3))

    def products(with_input_gradient):
        def gradient(params, x, dy):
            dparams, dx = model.backward(params, model.forward(params, state, x, None, True)[2], dy)
            return (dparams, dx) if with_input_gradient else dparams

        return jax.jit(gradient).lower(params, x, dy).compile().as_text().count(" dot(")

    assert products(with_input_gradient=False) == products(with_input_gradient=True) - 1


def test_nested_serials_draw_their_own_params():
    model = layers.serial(layers.dense(4), layers.serial(layers.dense(4)), layers.dense(4))
    params, _, _ = model.init(a_key(), (4,))
    kernels = [params[0]["kernel"], params[1][0]["kernel"], params[2]["kernel"]]
    assert len({kernel.tobytes() for kernel in map(np.asarray, kernels)}) == 3


def test_an_empty_serial_is_the_identity():
    params, state, out_shape = layers.serial().init(a_key(), (4,))
    assert layers.serial().forward(params, state, jnp.ones((2, 4)), None, True)[0].shape == (2, 4)
    assert out_shape == (4,)


@pytest.mark.quick
def test_a_layer_that_does_not_fit_is_named_with_its_neighbour():
    picky = layers.stateless(
        forward=lambda x: (x, ()), backward=lambda saved, dy: dy, name="picky",
        out_shape=lambda shape: (_ for _ in ()).throw(ValueError(f"wants images, not {shape}")),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"layer 1, picky, does not fit behind dense\(5\): wants"):
        layers.serial(layers.dense(5), picky).init(a_key(), (3,))


@pytest.mark.usefixtures("no_type_checker")
def test_a_plain_function_is_refused_with_the_remedy():
    with pytest.raises(TypeError, match=r"argument 1 is .*layers\.activation"):
        layers.serial(layers.dense(5), activations.relu)
