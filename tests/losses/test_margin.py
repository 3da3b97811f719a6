"""Hinge losses: the slides, kinks, ties, infinity and bad targets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import losses

inf = np.inf


@pytest.mark.quick
def test_the_hinge_of_the_slides_and_its_kink():
    with jax.enable_x64(True):
        scores, targets = jnp.asarray([0.3, 2.0, 0.3, -1.5]), jnp.asarray([1, 1, -1, -1])
        np.testing.assert_allclose(losses.hinge(scores, targets), [0.7, 0, 1.3, 0], atol=1e-15)
    one = jnp.ones(())
    assert losses.hinge_vjp(one, one, one) == 0


@pytest.mark.parametrize(
    ("scores", "label", "value", "gradient"),
    [
        ([0.0, 0.0, 0.0], 2, 1, [1, 0, -1]),  # of tied rivals the first
        ([2.0, 1.0], 0, 0, [0, 0]),  # the kink
        ([inf, inf], 0, 1, [-1, 1]),
        ([inf, 0.0], 0, 0, [0, 0]),
        ([-inf, 0.0], 0, inf, [-1, 1]),
        ([5.0], 0, 0, [0]),
    ],
)
def test_multiclass_hinge_at_kinks_ties_and_infinity(scores, label, value, gradient):
    z, y = jnp.asarray(scores), jnp.asarray(label)
    np.testing.assert_array_equal(losses.multiclass_hinge(z, y), value)
    np.testing.assert_array_equal(losses.multiclass_hinge_vjp(z, y, jnp.ones(())), gradient)


@pytest.mark.parametrize("targets", [[0, 1], [0.5, -1.0], [1.0, np.nan]])
def test_known_hinge_target_must_be_minus_one_or_one(targets):
    scores, targets = jnp.asarray([0.3, 2.0]), jnp.asarray(targets)
    wrong = next(float(t) for t in targets if abs(t) != 1)
    for function, cotangent in ((losses.hinge, []), (losses.hinge_vjp, [jnp.ones(2)])):
        with pytest.raises(ValueError, match=rf"targets must be -1 or \+1, got {wrong:g}"):
            function(scores, targets, *cotangent)
        jax.jit(function)(scores, targets, *cotangent)
    with pytest.raises(ValueError, match=r"must be -1 or \+1"):  # a constant, though within a jit
        jax.jit(lambda s: losses.hinge(s, targets))(scores)
