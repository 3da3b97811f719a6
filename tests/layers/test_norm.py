import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import layers
from jaxnn.layers.norm import moments as moments_of


def a_key():
    return jax.random.key(0)


def draw(*shape):
    return 2 * jax.random.normal(a_key(), shape) + 1


def assert_trees_close(actual, expected, tolerance=1e-12):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance),
        actual,
        expected,
    )


@pytest.mark.parametrize("train", [True, False])
def test_batch_norm_is_that_of_flax_with_state_and_gradients(train):
    with jax.enable_x64(True):
        x = draw(4, 3, 2, 5)
        layer = layers.batch_norm(momentum=0.9, epsilon=1e-2)
        params, state, _ = layer.init(a_key(), (3, 2, 5))
        params = {"scale": params["scale"] + 0.3, "bias": params["bias"] - 0.2}
        for step in range(3):  # the running moments are not those of the batch at hand
            _, state, _ = layer.forward(params, state, x + step, None, True)
        module = nn.BatchNorm(
            use_running_average=not train, momentum=0.9, epsilon=1e-2, use_fast_variance=False
        )

        def flax_fn(params, x):
            variables = {
                "params": params,
                "batch_stats": {"mean": state.mean, "var": state.variance},
            }
            with jax.numpy_dtype_promotion("standard"):
                y, updated = module.apply(variables, x, mutable="batch_stats")
            return y, updated["batch_stats"]

        expected, pullback, moments = jax.vjp(flax_fn, params, x, has_aux=True)
        y, after, saved = layer.forward(params, state, x, None, train)
        assert_trees_close(y, expected)
        assert_trees_close(after._asdict(), {"mean": moments["mean"], "variance": moments["var"]})
        assert_trees_close(layer.backward(params, saved, jnp.cos(y)), pullback(jnp.cos(y)))


@pytest.mark.quick
def test_layer_norm_and_its_gradients_are_those_of_flax():
    with jax.enable_x64(True):
        x, layer = draw(4, 3, 5), layers.layer_norm(epsilon=1e-2)
        params, state, _ = layer.init(a_key(), (3, 5))
        params = {"scale": params["scale"] + jnp.arange(5.0), "bias": params["bias"] - 0.2}
        module = nn.LayerNorm(epsilon=1e-2, use_fast_variance=False)
        with jax.numpy_dtype_promotion("standard"):
            expected, pullback = jax.vjp(lambda p, x: module.apply({"params": p}, x), params, x)
        y, _, saved = layer.forward(params, state, x, None, True)
        assert_trees_close(y, expected)
        assert_trees_close(layer.backward(params, saved, jnp.cos(y)), pullback(jnp.cos(y)))


def test_normalised_features_have_mean_0_and_variance_1():
    x = draw(50, 2, 2, 3)
    y = layers.normalize_batch(x, jnp.ones(3), jnp.zeros(3), epsilon=1e-6)
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var((0, 1, 2)), 1, rtol=1e-4)
    y = layers.normalize_features(x, jnp.ones(3), jnp.zeros(3), epsilon=1e-6)
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(-1), 1, rtol=1e-2)


def test_gradient_of_a_batch_norm_ignores_shift_and_scale_of_its_input():
    """Y does not change with x + a and, without epsilon, with a x: dx is orthogonal to both."""
    with jax.enable_x64(True):
        x = draw(6, 3)
        dx, _, _ = layers.normalize_batch_vjp(
            x, jnp.ones(3), jnp.zeros(3), jnp.cos(x), epsilon=1e-12
        )
        np.testing.assert_allclose(dx.sum(0), 0, atol=1e-11)
        np.testing.assert_allclose((dx * x).sum(0), 0, atol=1e-11)


def test_large_mean_does_not_cancel_the_variance():
    x = 10_000 + jnp.asarray([[0.0], [0.5], [1.0], [1.5]])
    mean, variance = moments_of(x)
    np.testing.assert_allclose(mean, [10_000.75])
    np.testing.assert_allclose(variance, [0.3125], rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e8])
def test_constant_feature_becomes_the_bias_with_a_finite_gradient(value):
    x = jnp.full((4, 2), value)
    scale, bias = jnp.asarray([2.0, 3.0]), jnp.asarray([5.0, 7.0])
    for function, rule in (
        (layers.normalize_batch, layers.normalize_batch_vjp),
        (layers.normalize_features, layers.normalize_features_vjp),
    ):
        np.testing.assert_array_equal(function(x, scale, bias), [bias] * 4)
        dx, dscale, dbias = rule(x, scale, bias, jnp.ones((4, 2)))
        assert np.isfinite(dx).all()
        np.testing.assert_array_equal(dscale, 0)
        np.testing.assert_array_equal(dbias, 4)


def test_batch_of_one_becomes_the_bias_and_has_no_gradient():
    x, scale, bias = draw(1, 3), jnp.ones(3), jnp.arange(3.0)
    np.testing.assert_array_equal(layers.normalize_batch(x, scale, bias)[0], bias)
    dx, _, _ = layers.normalize_batch_vjp(x, scale, bias, jnp.ones((1, 3)))
    np.testing.assert_array_equal(dx, 0)


def test_one_feature_becomes_the_bias_of_a_layer_norm():
    x = draw(4, 1)
    np.testing.assert_array_equal(layers.normalize_features(x, jnp.ones(1), jnp.full(1, 5.0)), 5)


def test_empty_batch_is_refused_in_training_and_passes_otherwise():
    x = jnp.zeros((0, 3))
    params, state, _ = layers.batch_norm().init(a_key(), (3,))
    with pytest.raises(ValueError, match=r"empty batch, of shape \(0, 3\), has no mean"):
        layers.batch_norm().forward(params, state, x, None, True)
    for layer, train in ((layers.batch_norm(), False), (layers.layer_norm(), True)):
        y, _, saved = layer.forward(params, state, x, None, train)
        dparams, dx = layer.backward(params, saved, y)
        assert y.shape == dx.shape == (0, 3)
        np.testing.assert_array_equal(dparams["scale"], np.zeros(3))


def test_running_moments_start_at_0_and_1_and_move_by_the_momentum():
    layer = layers.batch_norm(momentum=0.75)
    params, state, out_shape = layer.init(a_key(), (2,))
    assert out_shape == (2,)
    x = jnp.asarray([[1.0, 0.0], [5.0, 0.0]])
    _, state, _ = layer.forward(params, state, x, None, True)
    np.testing.assert_allclose(state.mean, [0.25 * 3, 0])
    np.testing.assert_allclose(state.variance, [0.75 + 0.25 * 4, 0.75])
    _, same, _ = layer.forward(params, state, x, None, False)
    assert_trees_close(same, state, 0)


def test_momentum_may_be_traced():
    params, state, _ = layers.batch_norm().init(a_key(), (2,))
    x = draw(3, 2)

    @jax.jit
    def moved(momentum):
        return layers.batch_norm(momentum=momentum).forward(params, state, x, None, True)[1]

    assert_trees_close(moved(1.0), state, 0)
    np.testing.assert_allclose(moved(0.0).mean, x.mean(0), rtol=1e-6)


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.batch_norm(epsilon=0), ValueError, "epsilon must be finite and above 0"),
        (lambda: layers.layer_norm(epsilon=-1e-3), ValueError, r"epsilon must .* got -0\.001"),
        (lambda: layers.batch_norm(momentum=1.5), ValueError, r"in \[0, 1\], got 1\.5"),
        (lambda: layers.batch_norm(momentum="0.9"), TypeError, "momentum must be a number"),
        (lambda: layers.layer_norm().init(a_key(), ()), ValueError, "needs an axis of features"),
        (
            lambda: layers.normalize_batch(jnp.ones((2, 3)), jnp.ones(4), jnp.ones(3)),
            ValueError,
            "4 values do not fit the 3 features",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
