import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import activations, losses, maxima, metrics, private_jax


@pytest.mark.quick
def test_the_first_of_tied_scores_is_found_and_none_among_nan():
    x = jnp.asarray([[1.0, 3.0, 3.0], [-jnp.inf, -jnp.inf, -jnp.inf], [0.0, jnp.nan, 1.0]])
    _, first, _ = maxima.from_largest(x)
    np.testing.assert_array_equal(first[:2], [[1], [0]])
    assert first[2, 0] >= 3
    np.testing.assert_array_equal(maxima.from_largest(x[:2], axis=0)[1], [[0, 0, 0]])


def test_the_others_are_summed_without_the_first_of_the_largest():
    x = jnp.asarray([[2.0, 2.0, 2.0 - jnp.log(4.0)], [0.0, 80.0, 0.0]])
    below, first, rest = maxima.from_largest(x)
    np.testing.assert_allclose(below, x - jnp.asarray([[2.0], [80.0]]))
    np.testing.assert_array_equal(first, [[0], [1]])
    np.testing.assert_allclose(rest, [[1.25], [2 * np.exp(-80.0)]], rtol=1e-6)  # not 1 + ... - 1


def test_the_distance_has_a_slope_at_the_largest_too():
    x = jnp.asarray([1.0, 3.0, 3.0])
    slopes = jax.jacobian(lambda x: maxima.from_largest(x)[0])(x)
    np.testing.assert_array_equal(slopes, np.eye(3))


@pytest.mark.parametrize("factor", [1e10, 1.2e10])
def test_softmax_of_large_products_is_finite_where_they_are_fused(factor, jit_as_users):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(50, 10)), jnp.float32)
    for function in (activations.softmax, lambda x: jnp.exp(activations.log_softmax(x))):
        p = jit_as_users(lambda x, factor, f=function: f(x * factor))(x, jnp.float32(factor))
        np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-6)


@pytest.mark.parametrize("emitters", [True, False])
def test_what_is_computed_twice_and_rounded_otherwise_is_still_one_softmax(emitters):
    rng = np.random.default_rng(0)
    x, labels = jnp.asarray(rng.normal(size=(8, 300, 10)), jnp.float32), rng.integers(0, 10, 300)
    shares = jnp.asarray(rng.uniform(0.3, 1.9, 8), jnp.float32)

    def scores(x, share):  # as contrast is changed; none may equal the maximum of all
        moved = jnp.clip(x + share, -9, 9)
        mean = jnp.broadcast_to(x.mean(0, keepdims=True), x.shape)
        return jnp.clip(moved + (share - 1) * (moved - mean), -9, 9)

    def checked(x, share):
        z = scores(x, share)
        p = activations.softmax(z)
        right = metrics.accuracy(z, p.argmax(-1).astype(jnp.int32))
        rule = losses.softmax_cross_entropy_vjp(z, jnp.asarray(labels), jnp.ones(len(z)))
        return p.sum(-1), right, rule.sum(-1)

    options = {"xla_backend_optimization_level": 2, "xla_cpu_use_fusion_emitters": emitters}
    run = jax.jit(jax.vmap(checked), compiler_options=private_jax.accepted(options))
    total, right, slope = run(x, shares)
    np.testing.assert_allclose(total, 1, rtol=1e-5)
    np.testing.assert_allclose(slope, 0, atol=1e-5)
    assert right.all()
