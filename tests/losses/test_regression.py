"""Losses of real-valued predictions: the slides, one output, kinks and bad settings."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import losses
from tests.losses.table import draw

inf = np.inf


@pytest.mark.parametrize("batch", [(), (7,), (2, 3)])
def test_huber_of_large_residuals_agrees_with_optax(batch):
    with jax.enable_x64(True):
        logits, p = draw("huber", batch)
        for delta in (0.1, 1.0, 3.0):
            expected = optax.losses.huber_loss(3 * logits, p, delta=delta).mean(-1)
            actual = losses.huber(3 * logits, p, delta=delta)
            np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["squared_error", "absolute_error", "huber"])
def test_targets_may_lack_the_axis_of_a_single_output(name):
    loss, rule = getattr(losses, name), getattr(losses, f"{name}_vjp")
    p, t = jnp.asarray([[1.0], [5.0], [2.0]]), jnp.asarray([0, 3, 2])
    np.testing.assert_array_equal(loss(p, t), loss(p, t[:, None]))
    assert loss(p, t).shape == (3,)
    assert rule(p, t, jnp.ones(3)).shape == (3, 1)


def test_cost_of_the_slides_lines():
    x = jnp.asarray([1.0, 2.0, 3.0])
    costs = [float(losses.squared_error(w * x, x)) for w in (0.0, 1.0, 2.0)]
    np.testing.assert_allclose(costs, [4.67, 0, 4.67], atol=5e-3)


@pytest.mark.quick
def test_the_huber_loss_of_the_slides():
    residual, zero = jnp.asarray([[-3.0], [-0.5], [0.5], [3.0]]), jnp.zeros((4, 1))
    np.testing.assert_array_equal(losses.huber(residual, zero), [2.5, 0.125, 0.125, 2.5])


def test_kinks_and_infinite_residuals():
    p, t, cotangent = jnp.asarray([[2.0]]), jnp.asarray([[2.0]]), jnp.ones(1)
    assert losses.absolute_error_vjp(p, t, cotangent) == 0
    for r in (-inf, -3e38, -1.0, 1.0, 3e38, inf):
        p, t = jnp.asarray([[r]]), jnp.zeros((1, 1))
        assert losses.huber(p, t) == abs(np.float32(r)) - 0.5
        assert losses.huber_vjp(p, t, cotangent) == np.sign(r)
        assert losses.absolute_error_vjp(p, t, cotangent) == np.sign(r)
        assert losses.squared_error(p, t) == (1 if abs(r) == 1 else inf)
        assert np.sign(losses.squared_error_vjp(p, t, cotangent)) == np.sign(r)


@pytest.mark.parametrize("delta", [0, -1.0, inf, np.nan])
def test_bad_delta_is_refused(delta):
    p = jnp.ones((2, 2))
    with pytest.raises(ValueError, match=str(delta)):
        losses.huber(p, p, delta=delta)
    with pytest.raises(ValueError, match=str(delta)):
        losses.huber_vjp(p, p, jnp.ones(2), delta=delta)
