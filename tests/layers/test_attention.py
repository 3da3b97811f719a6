"""Attention against NumPy and Flax, its masks, its symmetries, and the Transformer's block."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen
from scipy.special import softmax

from jaxnn import layers


def a_key():
    return jax.random.key(0)


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def loop(q, k, v, mask=None):
    """One query after the other."""
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    for index in np.ndindex(q.shape[:-1]):
        k_, v_ = k[index[:-1]], v[index[:-1]]
        scores = np.array([q[index] @ row / np.sqrt(len(row)) for row in k_])
        allowed = np.ones(len(k_), bool) if mask is None else mask[index]
        if allowed.any():
            y[index] = softmax(scores[allowed]) @ v_[allowed]
    return y


@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_the_loop_over_queries(batch, masked):
    with jax.enable_x64(True):
        q, k, v = draw(*batch, 4, 3), draw(*batch, 5, 3, seed=1), draw(*batch, 5, 2, seed=2)
        mask = np.random.default_rng(3).random((*batch, 4, 5)) < 0.4 if masked else None
        settings = {"mask": jnp.asarray(mask)} if masked else {}
        actual = layers.dot_product_attention(q, k, v, **settings)
        expected = loop(*map(np.asarray, (q, k, v)), mask)
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.quick
def test_attention_is_that_of_jax_nn_and_of_flax():
    with jax.enable_x64(True):
        q, k, v = (draw(2, 5, 3, 4, seed=i) for i in range(3))  # [batch, time, heads, dim]
        mask = layers.causal_mask(5)
        heads_first = (leaf.swapaxes(1, 2) for leaf in (q, k, v))
        actual = layers.dot_product_attention(*heads_first, mask=mask).swapaxes(1, 2)
        flax = linen.dot_product_attention(q, k, v, mask=mask[None, None])
        np.testing.assert_allclose(actual, flax, rtol=1e-12)
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            own = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        # jax.nn takes the softmax in float32
        np.testing.assert_allclose(actual, own, rtol=1e-6, atol=1e-6)


def flax_params(params, heads):
    """Ours in the shapes of Flax's multi-head attention."""
    dim = params["out_kernel"].shape[0] // heads
    kernels, biases = (jnp.split(params[f"in_{n}"], 3, -1) for n in ("kernel", "bias"))
    parts = {
        name: {"kernel": w.reshape(-1, heads, dim), "bias": b.reshape(heads, dim)}
        for name, w, b in zip(("query", "key", "value"), kernels, biases, strict=True)
    }
    out = {"kernel": params["out_kernel"].reshape(heads, dim, -1), "bias": params["out_bias"]}
    return parts | {"out": out}


@pytest.mark.parametrize(("heads", "causal"), [(1, False), (2, True), (4, False)])
def test_self_attention_and_its_gradient_are_those_of_flax(heads, causal):
    with jax.enable_x64(True):
        layer = layers.self_attention(heads, causal=causal)
        params, state, _ = layer.init(a_key(), (5, 4))
        params = jax.tree.map(lambda leaf: leaf + 0.1 * draw(*leaf.shape), params)
        x, dy = draw(3, 5, 4, seed=1), draw(3, 5, 4, seed=2)
        module = linen.MultiHeadDotProductAttention(heads, param_dtype=jnp.float64)
        mask = layers.causal_mask(5)[None, None] if causal else None

        def flax_fn(params, x):
            with jax.numpy_rank_promotion("allow"):
                return module.apply({"params": flax_params(params, heads)}, x, mask=mask)

        y, _, saved = layer.forward(params, state, x, None, True)
        expected, pullback = jax.vjp(flax_fn, params, x)
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-13)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13),
            layer.backward(params, saved, dy),
            pullback(dy),
        )


def test_a_query_that_may_read_nothing_gets_zero_and_no_gradient():
    q, k, v = (draw(2, 4, seed=i) for i in range(3))
    mask = jnp.asarray([[True, False], [False, False]])
    y = layers.dot_product_attention(q, k, v, mask=mask)
    np.testing.assert_allclose(y, np.stack([v[0], np.zeros(4)]), rtol=1e-6)
    dq, dk, dv = layers.dot_product_attention_vjp(q, k, v, jnp.ones((2, 4)), mask=mask)
    assert not dq.any()
    assert not dk.any()
    np.testing.assert_allclose(dv, np.stack([np.ones(4), np.zeros(4)]), rtol=1e-6)


@pytest.mark.parametrize("size", [1e4, 1e19])
def test_large_scores_select_one_value_and_have_no_gradient(size):
    q, k = size * jnp.eye(2), jnp.asarray([[1.0, -1.0], [-1.0, 1.0]]) * size
    v = draw(2, 3)
    np.testing.assert_allclose(layers.dot_product_attention(q, k, v), v, rtol=1e-6)
    dq, dk, dv = layers.dot_product_attention_vjp(q, k, v, jnp.ones((2, 3)))
    np.testing.assert_array_equal(dq, np.zeros((2, 2)))
    np.testing.assert_array_equal(dk, np.zeros((2, 2)))
    np.testing.assert_allclose(dv, np.ones((2, 3)), rtol=1e-6)


def test_the_order_of_the_keys_does_not_matter_and_the_queries_carry_theirs_along():
    layer = layers.self_attention(2)
    params, state, _ = layer.init(a_key(), (5, 4))
    x, order = jax.random.normal(a_key(), (1, 5, 4)), jnp.asarray([3, 1, 4, 0, 2])
    y, _, _ = layer.forward(params, state, x, None, False)
    moved, _, _ = layer.forward(params, state, x[:, order], None, False)
    np.testing.assert_allclose(moved, y[:, order], rtol=1e-4, atol=1e-6)
    with_places = layers.serial(layers.positional_encoding(), layer)
    params, state, _ = with_places.init(a_key(), (5, 4))
    y, _, _ = with_places.forward(params, state, x, None, False)
    moved, _, _ = with_places.forward(params, state, x[:, order], None, False)
    assert np.abs(moved - y[:, order]).max() > 0.01


def test_a_causal_step_does_not_read_what_comes_after_it():
    layer = layers.encoder_block(4, 2, 8, norm=layers.identity, causal=True)
    params, state, _ = layer.init(a_key(), (5, 4))
    x = jax.random.normal(a_key(), (1, 5, 4))
    _, _, saved = layer.forward(params, state, x, None, True)
    _, dx = layer.backward(params, saved, jnp.zeros((1, 5, 4)).at[:, 2].set(1))
    assert (dx[:, :3] != 0).all()
    assert not dx[:, 3:].any()


@pytest.mark.parametrize("shape", [(0, 4, 2), (1, 1, 2), (3, 1, 6)])
def test_odd_shapes_keep_theirs(shape):
    layer = layers.serial(layers.positional_encoding(), layers.self_attention(2))
    params, state, out_shape = layer.init(a_key(), shape[1:])
    y, _, saved = layer.forward(params, state, jnp.ones(shape), None, True)
    _, dx = layer.backward(params, saved, y)
    assert y.shape == dx.shape == (shape[0], *out_shape) == shape


def test_the_recomputed_forward_pass_is_made_once_under_jit():
    layer = layers.self_attention(2)
    params, state, _ = layer.init(a_key(), (5, 4))

    def gradient(params, x, dy):
        y, _, saved = layer.forward(params, state, x, None, True)
        return y, layer.backward(params, saved, dy)

    x = jnp.ones((3, 5, 4))
    text = jax.jit(gradient).lower(params, x, x).compile().as_text()
    assert text.count(" dot(") == 3 * 4  # per product, its value and two gradients


# Positions


def test_sinusoidal_encoding_is_the_formula_of_the_paper():
    actual = layers.sinusoidal_encoding(7, 6)
    for t in range(7):
        for i in range(3):
            angle = t / 10000 ** (2 * i / 6)
            np.testing.assert_allclose(actual[t, 2 * i], np.sin(angle), rtol=1e-12)
            np.testing.assert_allclose(actual[t, 2 * i + 1], np.cos(angle), rtol=1e-12)


@pytest.mark.parametrize("features", [1, 5])
def test_an_odd_width_ends_on_a_sine(features):
    encoding = layers.sinusoidal_encoding(4, features)
    angle = np.arange(4) / 10000 ** ((features - 1) / features)
    np.testing.assert_allclose(encoding[:, -1], np.sin(angle))


def test_a_shift_in_time_is_a_rotation_of_each_pair():
    encoding = layers.sinusoidal_encoding(50, 8)
    moved, *_ = np.linalg.lstsq(encoding[:-3], encoding[3:], rcond=None)
    np.testing.assert_allclose(encoding[:-3] @ moved, encoding[3:], atol=1e-10)
    np.testing.assert_allclose(moved.T @ moved, np.eye(8), atol=1e-8)


# The block


@pytest.mark.parametrize("norm_first", [True, False])
def test_the_block_is_the_equations_of_its_docstring(norm_first):
    block = layers.encoder_block(4, 2, 8, norm=layers.tanh, norm_first=norm_first)
    params, state, out_shape = block.init(a_key(), (3, 4))
    x = jax.random.normal(a_key(), (2, 3, 4))
    if norm_first:
        (_, own), (_, net) = params
    else:
        own, _, net, _ = params

    def attend(x):
        return layers.self_attention(2).forward(own, (), x, None, True)[0]

    def network(x):
        hidden = layers.affine(x, net[0]["kernel"], net[0]["bias"])
        return layers.affine(jnp.maximum(hidden, 0), net[2]["kernel"], net[2]["bias"])

    if norm_first:
        y = x + attend(jnp.tanh(x))
        expected = y + network(jnp.tanh(y))
    else:
        y = jnp.tanh(x + attend(x))
        expected = jnp.tanh(y + network(y))
    actual, _, _ = block.forward(params, state, x, None, True)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
    assert out_shape == (3, 4)
    assert block.name == "encoder_block(4, 2, 8)"


# Bad input


@pytest.mark.quick
def test_heads_that_do_not_divide_the_features_are_refused():
    with pytest.raises(ValueError, match="3 heads cannot share 4 features"):
        layers.self_attention(3).init(a_key(), (5, 4))
    with pytest.raises(ValueError, match="3 heads cannot share 4 features"):
        layers.encoder_block(4, 3, 8, norm=layers.identity)
    with pytest.raises(ValueError, match="num_heads must be at least 1, got 0"):
        layers.self_attention(0)


@pytest.mark.usefixtures("no_type_checker")
def test_a_mask_that_does_not_fit_is_refused():
    q = jnp.ones((2, 3, 4))
    with pytest.raises(TypeError, match=r"booleans.*got float32"):
        layers.dot_product_attention(q, q, q, mask=jnp.ones((3, 3)))
    for shape in ((3, 4), (1, 3, 3), (3,), (4, 3, 3)):
        with pytest.raises(ValueError, match=r"a mask of shape .* does not fit scores"):
            layers.dot_product_attention(q, q, q, mask=jnp.ones(shape, bool))


@pytest.mark.parametrize("make", [layers.positional_encoding, lambda: layers.self_attention(1)])
def test_an_input_that_is_no_sequence_is_refused(make):
    for shape in ((4,), (0, 4), (2, 3, 4)):
        with pytest.raises(ValueError, match=r"needs \[time, features\]"):
            make().init(a_key(), shape)


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize(
    ("q", "k", "v"),
    [((2, 3, 4), (2, 5, 3), (2, 5, 4)), ((2, 3, 4), (2, 5, 4), (2, 6, 4)),
     ((3, 4), (2, 5, 4), (2, 5, 4)), ((4,), (4,), (4,))],
)  # fmt: skip
def test_queries_keys_and_values_that_do_not_fit_are_refused(q, k, v):
    with pytest.raises(ValueError, match="do not fit together in the shapes"):
        layers.dot_product_attention(*map(jnp.ones, (q, k, v)))


@pytest.mark.usefixtures("no_type_checker")
def test_columns_that_queries_keys_and_values_cannot_share_are_refused():
    x, square = jnp.ones((1, 3, 4)), jnp.ones((4, 4))
    with pytest.raises(ValueError, match="share the columns of in_kernel evenly, but there are 4"):
        layers.multi_head_attention(x, square, jnp.ones(4), square, jnp.ones(4))
