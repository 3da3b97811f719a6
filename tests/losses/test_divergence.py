"""Divergences: their relation to the cross entropy, bounds, certain predictions."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial.distance

from jaxnn import losses
from tests.losses.table import draw

inf = np.inf


def test_cross_entropy_and_kl_divergence_have_one_gradient():
    with jax.enable_x64(True):
        p, t = draw("kl_divergence", (7,))
        entropy = losses.categorical_cross_entropy(t, t)
        difference = losses.categorical_cross_entropy(p, t) - losses.kl_divergence(p, t)
        np.testing.assert_allclose(difference, entropy, rtol=1e-12)
        np.testing.assert_array_equal(
            losses.categorical_cross_entropy_vjp(p, t, jnp.ones(7)),
            losses.kl_divergence_vjp(p, t, jnp.ones(7)),
        )


def test_js_divergence_is_the_square_of_the_distance_of_scipy():
    with jax.enable_x64(True):
        p, t = draw("js_divergence", (2, 3))
        distance = scipy.spatial.distance.jensenshannon(p, t, axis=-1)
        np.testing.assert_allclose(losses.js_divergence(p, t), distance**2, rtol=1e-12)


@pytest.mark.quick
def test_the_divergences_of_the_slides():
    with jax.enable_x64(True):
        p, t = jnp.asarray([0.4, 0.4, 0.2]), jnp.asarray([0.5, 0.3, 0.2])
        np.testing.assert_allclose(losses.js_divergence(p, t), 0.006367198333995731, rtol=1e-12)
        p, t = jnp.asarray([0.7, 0.2, 0.1]), jnp.asarray([1.0, 0.0, 0.0])
        np.testing.assert_allclose(losses.kl_divergence(p, t), 0.3566749439387324, rtol=1e-12)
        assert losses.kl_divergence(t, p) == inf  # the direction that r_tutorial prints


def test_js_divergence_is_symmetric_and_bounded_by_log_2():
    with jax.enable_x64(True):
        p, t = draw("js_divergence", (50,))
        np.testing.assert_allclose(
            losses.js_divergence(p, t), losses.js_divergence(t, p), rtol=1e-12
        )
        assert (losses.js_divergence(p, t) <= math.log(2)).all()
        disjoint = jnp.eye(2)[0], jnp.eye(2)[1]
        np.testing.assert_allclose(losses.js_divergence(*disjoint), math.log(2), rtol=1e-15)
        np.testing.assert_array_equal(losses.js_divergence(p, p), 0)


@pytest.mark.parametrize(
    ("p", "t", "cross_entropy", "kl", "js", "gradient", "js_gradient"),
    [
        ([1, 0], [1, 0], 0, 0, 0, [-1, 0], [0, math.log(2) / 2]),
        ([0, 1], [1, 0], inf, inf, math.log(2), [-inf, 0], [-inf, math.log(2) / 2]),
        ([0.5, 0.5], [1, 0], math.log(2), math.log(2), None, [-2, 0], None),
    ],
)
def test_divergences_of_certain_predictions(p, t, cross_entropy, kl, js, gradient, js_gradient):
    p, t, one = jnp.asarray(p, jnp.float32), jnp.asarray(t, jnp.float32), jnp.ones(())
    np.testing.assert_allclose(losses.categorical_cross_entropy(p, t), cross_entropy, rtol=1e-6)
    np.testing.assert_allclose(losses.kl_divergence(p, t), kl, rtol=1e-6)
    np.testing.assert_array_equal(losses.categorical_cross_entropy_vjp(p, t, one), gradient)
    np.testing.assert_array_equal(losses.kl_divergence_vjp(p, t, one), gradient)
    if js is not None:
        np.testing.assert_allclose(losses.js_divergence(p, t), js, rtol=1e-6)
        np.testing.assert_allclose(losses.js_divergence_vjp(p, t, one), js_gradient, rtol=1e-6)
