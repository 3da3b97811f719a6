"""One step of each cell, against Flax and against the equations in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen
from scipy.special import expit

from jaxnn import layers


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def test_elman_cell_is_tanh_of_the_sum_and_flax_simple_cell():
    with jax.enable_x64(True):
        x, h, w, u, b = (
            draw(*s, seed=i) for i, s in enumerate([(5, 3), (5, 4), (3, 4), (4, 4), (4,)])
        )
        actual = layers.elman_cell(layers.affine(x, w, b), h, u)
        np.testing.assert_allclose(
            actual, np.tanh(np.asarray(x @ w + h @ u) + np.asarray(b)), rtol=1e-12
        )
        params = {"i": {"kernel": w, "bias": b}, "h": {"kernel": u}}
        cell = linen.SimpleCell(4, param_dtype=jnp.float64)
        np.testing.assert_allclose(actual, cell.apply({"params": params}, h, x)[0], rtol=1e-12)


@pytest.mark.quick
def test_gru_cell_is_the_equations_and_flax_gru_cell():
    with jax.enable_x64(True):
        x, h, c = draw(5, 3), draw(5, 4, seed=1), draw(4, seed=2)
        w, u, b = draw(3, 12, seed=3), draw(4, 12, seed=4), draw(12, seed=5)
        actual = layers.gru_cell(layers.affine(x, w, b), h, u, c)
        p = np.split(np.asarray(x @ w) + np.asarray(b), 3, -1)
        q = np.split(np.asarray(h @ u), 3, -1)
        r, z = expit(p[0] + q[0]), expit(p[1] + q[1])
        n = np.tanh(p[2] + r * (q[2] + np.asarray(c)))
        np.testing.assert_allclose(actual, (1 - z) * n + z * np.asarray(h), rtol=1e-12)
        params = {}
        for gate, w_, u_, b_ in zip("rzn", *(jnp.split(a, 3, -1) for a in (w, u, b)), strict=True):
            params |= {f"i{gate}": {"kernel": w_, "bias": b_}, f"h{gate}": {"kernel": u_}}
        params["hn"]["bias"] = c
        cell = linen.GRUCell(4, param_dtype=jnp.float64)
        np.testing.assert_allclose(actual, cell.apply({"params": params}, h, x)[0], rtol=1e-12)


def test_lstm_cell_is_the_equations_and_flax_lstm_cell():
    with jax.enable_x64(True):
        x, c, h = draw(5, 3), draw(5, 4, seed=1), draw(5, 4, seed=2)
        w, u, b = draw(3, 16, seed=3), draw(4, 16, seed=4), draw(16, seed=5)
        actual = layers.lstm_cell(layers.affine(x, w, b), (c, h), u)
        i, f, g, o = np.split(np.asarray(x @ w + h @ u) + np.asarray(b), 4, -1)
        new_c = expit(f) * np.asarray(c) + expit(i) * np.tanh(g)
        expected = new_c, expit(o) * np.tanh(new_c)
        params = {}
        for gate, w_, u_, b_ in zip("ifgo", *(jnp.split(a, 4, -1) for a in (w, u, b)), strict=True):
            params |= {f"i{gate}": {"kernel": w_}, f"h{gate}": {"kernel": u_, "bias": b_}}
        flax, _ = linen.LSTMCell(4, param_dtype=jnp.float64).apply({"params": params}, (c, h), x)
        for reference in (expected, flax):
            jax.tree.map(
                lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), actual, tuple(reference)
            )


@pytest.mark.parametrize("size", [1e4, 3e38, np.inf])
def test_saturated_gates_give_finite_values_and_no_gradient(size):
    a, c, u = jnp.full((1, 4), size), jnp.ones((1, 1)), jnp.zeros((1, 4))
    new_c, h = layers.lstm_cell(a, (c, c), u)
    assert (float(new_c[0, 0]), float(h[0, 0])) == (2, np.tanh(np.float32(2)))
    da, (dc, dh), du = layers.lstm_cell_vjp(a, (c, c), u, (c, c))
    np.testing.assert_array_equal(da, np.zeros((1, 4)))
    np.testing.assert_allclose(dc, 1 + 1 / np.cosh(2) ** 2, rtol=1e-6)
    assert not dh.any()
    assert not du.any()
    h, kernel, bias = jnp.full((1, 1), 0.5), jnp.zeros((1, 3)), jnp.zeros(1)
    for sign, kept in ((1, 0.5), (-1, -1.0)):  # z = 1 keeps h, z = 0 takes n = -1
        a = jnp.asarray([[0.0, sign * size, -size]])
        assert layers.gru_cell(a, h, kernel, bias) == kept
        da, dh, _, _ = layers.gru_cell_vjp(a, h, kernel, bias, jnp.ones((1, 1)))
        np.testing.assert_array_equal(da, np.zeros((1, 3)))
        assert dh == max(sign, 0)


def test_a_long_memory_keeps_its_gradient_where_one_minus_the_gate_rounds_to_zero():
    # with f = sigmoid(40), 1 - f is 0 in float32, but the slope e^-40 is not
    a = jnp.asarray([[0.0, 40.0, 0.0, 0.0]])
    c, u = jnp.ones((1, 1)), jnp.zeros((1, 4))
    da, _, _ = layers.lstm_cell_vjp(a, (c, c), u, (c, 0 * c))
    np.testing.assert_allclose(da[0, 1], np.exp(-40.0), rtol=1e-5)


H, GATE = (2, 3), (2, 1)


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize(
    ("cell", "shapes"),
    [
        (layers.elman_cell, (GATE, H, (3, 3))),
        (layers.elman_cell, (H, H, (3, 1))),
        (layers.gru_cell, ((2, 3), H, (3, 9), (3,))),
        (layers.gru_cell, ((2, 9), H, (3, 9), (1,))),
        (layers.gru_cell, ((2, 8), H, (3, 9), (3,))),
        (layers.lstm_cell, ((2, 11), [H, H], (3, 12))),
        (layers.lstm_cell, ((2, 4), [H, H], (3, 12))),
        (layers.lstm_cell, ((2, 12), [GATE, H], (3, 12))),
        (layers.lstm_cell, ((2, 12), [H, H], (3, 4))),
    ],
)
def test_what_does_not_fit_the_carry_is_refused_and_not_broadcast(cell, shapes):
    inputs = [
        tuple(map(jnp.ones, shape)) if isinstance(shape, list) else jnp.ones(shape)
        for shape in shapes
    ]
    with (
        jax.numpy_rank_promotion("allow"),
        pytest.raises(ValueError, match=r"gates|a carry"),
    ):
        cell(*inputs)
