import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import regularizers


def the_weights():
    """The example of the claims l1-penalty and l2-penalty."""
    return jnp.asarray([[1.0, -2.0], [0.5, 0.0]])


def the_params():
    bias = jnp.ones(2)
    return {"kernel": the_weights(), "bias": bias}, (), {"kernel": 2 * the_weights()}


@pytest.mark.quick
def test_the_penalties_have_the_values_of_the_slides_formulas():
    np.testing.assert_allclose(
        regularizers.l1_penalty(the_weights(), strength=0.1), 0.35, rtol=1e-6
    )
    np.testing.assert_allclose(
        regularizers.l2_penalty(the_weights(), strength=0.1), 0.525, rtol=1e-6
    )
    both = regularizers.elastic_net_penalty(the_weights(), l1=0.1, l2=0.01)
    np.testing.assert_allclose(both, 0.4025, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("l1_penalty", {"strength": 0.3}),
        ("l2_penalty", {"strength": 0.3}),
        ("elastic_net_penalty", {"l1": 0.3, "l2": 0.7}),
    ],
)
def test_the_rules_match_autodiff(name, settings):
    with jax.enable_x64(True):
        weights = jax.random.normal(jax.random.key(0), (3, 4))
        function, rule = getattr(regularizers, name), getattr(regularizers, f"{name}_vjp")
        _, pullback = jax.vjp(lambda w: function(w, **settings), weights)
        cotangent = jnp.asarray(1.7)
        actual = rule(weights, cotangent, **settings)
        np.testing.assert_allclose(actual, *pullback(cotangent), rtol=1e-12)


@pytest.mark.parametrize(
    "regularizer", [regularizers.l1(0.1), regularizers.l2(0.1), regularizers.elastic_net(0.1, 0.2)]
)
def test_the_gradient_of_a_tree_matches_autodiff_and_leaves_biases_free(regularizer):
    params = jax.tree.map(lambda leaf: leaf + 0.3, the_params())
    actual, expected = regularizer.gradient(params), jax.grad(regularizer.penalty)(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), actual, expected)
    assert (actual[0]["bias"] == 0).all()


def test_the_penalties_are_the_norms_of_optax():
    l1, l2 = (optax.tree.norm([the_weights(), 2 * the_weights()], ord=order) for order in (1, 2))
    np.testing.assert_allclose(regularizers.l1(0.3).penalty(the_params()), 0.3 * l1, rtol=1e-6)
    np.testing.assert_allclose(regularizers.l2(0.3).penalty(the_params()), 0.3 * l2**2, rtol=1e-6)
    both = regularizers.elastic_net(0.3, 0.2).penalty(the_params())
    np.testing.assert_allclose(both, 0.3 * l1 + 0.2 * l2**2, rtol=1e-6)


def test_the_subgradient_of_the_lasso_at_zero_is_zero():
    assert regularizers.l1_penalty_vjp(jnp.zeros(1), jnp.ones(()), strength=1.0) == 0


def test_the_norm_is_that_of_the_kernels_alone():
    expected = np.sqrt(5 * (np.asarray(the_weights()) ** 2).sum())
    np.testing.assert_allclose(regularizers.kernel_norm(the_params()), expected, rtol=1e-6)


@pytest.mark.parametrize("make", [regularizers.l1, regularizers.l2])
def test_a_negative_strength_is_refused(make):
    with pytest.raises(ValueError, match=r"strength of l. must be finite and at least 0, got -1"):
        make(-1)
    with pytest.raises(ValueError, match=r"l2 of elastic_net .* got -0\.5"):
        regularizers.elastic_net(0.1, -0.5)
