import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from jaxnn import layers


def a_key():
    return jax.random.key(0)


@pytest.mark.quick
@pytest.mark.parametrize("batch", [(7,), (2, 3), ()])
def test_affine_is_the_weighted_sum_plus_bias(batch):
    x, kernel, bias = (
        np.asarray(jax.random.normal(key, shape), np.float64)
        for key, shape in zip(
            jax.random.split(a_key(), 3), [(*batch, 4), (4, 5), (5,)], strict=True
        )
    )
    expected = np.einsum("...i,io->...o", x, kernel) + bias
    actual = layers.affine(jnp.float32(x), jnp.float32(kernel), jnp.float32(bias))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch", [(7,), (2, 3), (1,)])
def test_affine_vjp_matches_autodiff(batch):
    with jax.enable_x64(True):
        keys = jax.random.split(a_key(), 4)
        x, kernel, bias, cotangent = (
            jax.random.normal(key, shape)
            for key, shape in zip(keys, [(*batch, 4), (4, 4), (4,), (*batch, 4)], strict=True)
        )
        _, pullback = jax.vjp(layers.affine, x, kernel, bias)
        actual = layers.affine_vjp(x, kernel, bias, cotangent)
        for ours, theirs in zip(actual, pullback(cotangent), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_layer_and_its_gradients_are_those_of_flax(use_bias):
    with jax.enable_x64(True):
        layer = layers.dense(3, use_bias=use_bias, bias_init=jax.nn.initializers.normal())
        params, state, _ = layer.init(a_key(), (4,))
        x, dy = jax.random.normal(a_key(), (5, 4)), jax.random.normal(jax.random.key(1), (5, 3))
        module = linen.Dense(3, use_bias=use_bias, param_dtype=float)
        with jax.numpy_rank_promotion("allow"):
            flax_fn = lambda params, x: module.apply({"params": params}, x)  # noqa: E731
            expected, pullback = jax.vjp(flax_fn, params, x)
            y, _, saved = layer.forward(params, state, x, None, True)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13),
            (y, layer.backward(params, saved, dy)),
            (expected, pullback(dy)),
        )


@pytest.mark.usefixtures("no_type_checker")
def test_features_that_do_not_fit_the_kernel_are_named():
    with pytest.raises(ValueError, match=r"\(2, 3\) do not fit a kernel of shape \(4, 5\)"):
        layers.affine(jnp.ones((2, 3)), jnp.ones((4, 5)), jnp.ones(5))
    for bias in (jnp.ones(1), jnp.ones(()), jnp.ones((1, 5))):  # none is broadcast
        with pytest.raises(ValueError, match=r"a bias of shape .* does not fit .* \(4, 5\)"):
            layers.affine(jnp.ones((2, 4)), jnp.ones((4, 5)), bias)


def test_glorots_bound_holds_and_the_bias_starts_at_zero():
    params, state, out_shape = layers.dense(50).init(a_key(), (8, 30))
    bound = np.sqrt(6 / (30 + 50))
    assert bound * 0.9 < np.abs(params["kernel"]).max() <= bound
    assert (params["bias"] == 0).all()
    assert (state, out_shape) == ((), (8, 50))


def test_without_a_bias_there_is_no_bias_gradient():
    layer = layers.dense(3, use_bias=False)
    params, state, _ = layer.init(a_key(), (4,))
    y, _, saved = layer.forward(params, state, jnp.ones((2, 4)), None, True)
    dparams, _ = layer.backward(params, saved, y)
    assert set(params) == set(dparams) == {"kernel"}


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize(("features", "error"), [(0, ValueError), ("ten", TypeError)])
def test_a_width_that_is_none_is_refused(features, error):
    with pytest.raises(error, match=f"features must be .*{features}"):
        layers.dense(features)


def test_a_scalar_input_is_refused():
    with pytest.raises(ValueError, match="at least one axis"):
        layers.dense(3).init(a_key(), ())
