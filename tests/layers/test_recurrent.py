"""Recurrent layers against loops over time, their gradients in time, and the odd shapes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import layers

CELLS = {
    "elman": (layers.elman, layers.elman_cell, layers.elman_cell_vjp),
    "gru": (layers.gru, layers.gru_cell, layers.gru_cell_vjp),
    "lstm": (layers.lstm, layers.lstm_cell, layers.lstm_cell_vjp),
}
each_cell = pytest.mark.parametrize("name", CELLS)


def a_key():
    return jax.random.key(0)


def loop(name, params, x, units):
    """The outputs, one step after the other in Python."""
    h = c = jnp.zeros((len(x), units), x.dtype)
    outputs = []
    for t in range(x.shape[1]):
        projected = layers.affine(x[:, t], params["kernel"], params["bias"])
        if name == "elman":
            h = layers.elman_cell(projected, h, params["recurrent_kernel"])
        elif name == "gru":
            weights = params["recurrent_kernel"], params["recurrent_bias"]
            h = layers.gru_cell(projected, h, *weights)
        else:
            c, h = layers.lstm_cell(projected, (c, h), params["recurrent_kernel"])
        outputs.append(h)
    return jnp.stack(outputs, axis=1)


@each_cell
@pytest.mark.parametrize("shape", [(2, 5, 3), (1, 1, 1), (0, 4, 2)])
def test_a_layer_is_the_loop_over_time_whole_or_its_end(name, shape):
    make = CELLS[name][0]
    x = jax.random.normal(a_key(), shape)
    outputs = {}
    for whole in (True, False):
        layer = make(4, return_sequences=whole)
        params, state, out_shape = layer.init(a_key(), shape[1:])
        outputs[whole], _, saved = layer.forward(params, state, x, None, True)
        assert outputs[whole].shape == (shape[0], *out_shape)
        dparams, dx = layer.backward(params, saved, outputs[whole])
        assert dx.shape == shape
        assert jax.tree.map(jnp.shape, dparams) == jax.tree.map(jnp.shape, params)
    np.testing.assert_allclose(outputs[True], loop(name, params, x, 4), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(outputs[True][:, -1], outputs[False])


@each_cell
def test_an_input_does_not_reach_the_outputs_before_it(name):
    layer = CELLS[name][0](3, return_sequences=True)
    params, state, _ = layer.init(a_key(), (6, 2))
    x = jax.random.normal(a_key(), (1, 6, 2))
    _, _, saved = layer.forward(params, state, x, None, True)
    dy = jnp.zeros((1, 6, 3)).at[:, 3].set(1)
    _, dx = layer.backward(params, saved, dy)
    assert (dx[:, :4] != 0).all()
    assert not dx[:, 4:].any()


@each_cell
def test_unroll_vjp_is_the_cell_rule_walked_back_in_a_python_loop(name):
    _, cell, cell_vjp = CELLS[name]
    random = np.random.default_rng(0)
    gates = {"elman": 1, "gru": 3, "lstm": 4}[name]
    with jax.enable_x64(True):
        projected = jnp.asarray(random.normal(size=(2, 5, 3 * gates)))
        h = jnp.asarray(random.normal(size=(2, 3)))
        start = (h, 2 * h) if name == "lstm" else h
        weights = (jnp.asarray(random.normal(size=(3, 3 * gates))),)
        weights += (h[0],) if name == "gru" else ()
        carries = [start]
        for t in range(5):
            carries.append(cell(projected[:, t], carries[-1], *weights))
        stacked = jax.tree.map(lambda *steps: jnp.stack(steps, 1), *carries[1:])
        actual = layers.unroll(projected, start, weights, cell=cell)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), actual, stacked)

        add = functools.partial(jax.tree.map, jnp.add)
        dcarry, dweights = jax.tree.map(jnp.zeros_like, (start, weights))
        dprojected = []
        for t in reversed(range(5)):
            dcarry = add(dcarry, jax.tree.map(lambda leaf, t=t: leaf[:, t], stacked))
            now, dcarry, *own = cell_vjp(projected[:, t], carries[t], *weights, dcarry)
            dweights = add(dweights, tuple(own))
            dprojected.insert(0, now)
        expected = jnp.stack(dprojected, 1), dcarry, dweights
        actual = layers.unroll_vjp(projected, start, weights, stacked, cell=cell)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13), actual, expected
        )


def leaky_sum(projected, total, decay):
    return decay * total + projected


def leaky_sum_vjp(projected, total, decay, cotangent):
    return cotangent, decay * cotangent, (total * cotangent).sum()


def test_a_cell_of_your_own_is_unrolled_by_its_own_rule():
    with jax.enable_x64(True):
        inputs = (jax.random.normal(a_key(), (2, 5, 3)), jnp.ones((2, 3)), (jnp.asarray(0.5),))
        unroll = functools.partial(layers.unroll, cell=leaky_sum)
        actual, pullback = jax.vjp(unroll, *inputs)
        np.testing.assert_allclose(actual[:, 1], inputs[0][:, 1] + inputs[0][:, 0] / 2 + 1 / 4)
        by_hand = layers.unroll_vjp(*inputs, actual, cell=leaky_sum)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), by_hand, pullback(actual)
        )


@each_cell
def test_the_loop_back_through_time_holds_one_product_and_no_slope(name):
    layer = CELLS[name][0](4)
    params, state, _ = layer.init(a_key(), (5, 3))
    _, _, saved = layer.forward(params, state, jnp.ones((2, 5, 3)), None, True)
    program = jax.jit(layer.backward).lower(params, saved, jnp.ones((2, 4))).compile().as_text()
    lines = [line for line in program.splitlines() if "op_name" in line]
    inside = [line for line in lines if "while/body" in line]
    assert sum(" dot(" in line for line in inside) == 1  # dq U^T
    assert sum(" dot(" in line for line in lines) == 4  # dU, dW and dx are made after the loop
    assert any(" exponential(" in line for line in lines)
    assert not any(" exponential(" in line for line in inside)


def test_lstm_gradient_survives_a_gap_at_which_that_of_the_vanilla_network_vanishes():
    sizes = {}
    for name in ("elman", "lstm"):
        layer = CELLS[name][0](8)
        params, state, _ = layer.init(a_key(), (60, 1))
        params["recurrent_kernel"] *= 0.5
        params["bias"] = params["bias"].at[8:16].multiply(5)  # of the LSTM's forget gates
        _, _, saved = layer.forward(params, state, jnp.ones((1, 60, 1)), None, True)
        _, dx = layer.backward(params, saved, jnp.ones((1, 8)))
        sizes[name] = abs(dx[0, 0, 0] / dx[0, -1, 0])
    assert sizes["elman"] < 1e-12
    assert sizes["lstm"] > 1e-3


@pytest.mark.quick
def test_how_the_weights_start():
    params, _, _ = layers.lstm(4).init(a_key(), (5, 3))
    assert (params["kernel"].shape, params["recurrent_kernel"].shape) == ((3, 16), (4, 16))
    np.testing.assert_array_equal(params["bias"], np.repeat([0, 1, 0, 0], 4))
    for u in np.split(params["recurrent_kernel"], 4, axis=1):
        np.testing.assert_allclose(u.T @ u, np.eye(4), atol=1e-6)
    assert np.abs(params["kernel"]).max() <= np.sqrt(6 / (3 + 4))
    gru_params, _, _ = layers.gru(4).init(a_key(), (5, 3))
    assert not gru_params["bias"].any()
    assert gru_params["recurrent_bias"].shape == (4,)


@each_cell
def test_bad_input_is_refused(name):
    make = CELLS[name][0]
    with pytest.raises(ValueError, match="units must be at least 1, got 0"):
        make(0)
    for shape in ((5,), (0, 3), (2, 2, 2)):
        with pytest.raises(ValueError, match=rf"{name} needs \[time, features\] of at least one"):
            make(3).init(a_key(), shape)
