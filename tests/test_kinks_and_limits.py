"""Where hand and autodiff differ by right, as docs/runs.md says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import activations, layers

pytestmark = pytest.mark.quick


def test_relu_at_an_exact_zero_takes_0_by_hand_and_a_half_by_autodiff():
    zeros = jnp.zeros(3)
    np.testing.assert_array_equal(activations.relu_vjp(zeros, jnp.ones(3)), 0)
    np.testing.assert_array_equal(jax.grad(lambda x: activations.relu(x).sum())(zeros), 0.5)
    np.testing.assert_array_equal(jax.grad(lambda x: jax.nn.relu(x).sum())(zeros), 0)


def test_of_equal_scores_a_pool_gives_the_gradient_to_the_first():
    pool, x = layers.max_pool2d((2, 2)), jnp.ones((1, 2, 2, 1))
    _, _, saved = pool.forward((), (), x, None, True)
    _, dx = pool.backward((), saved, jnp.ones((1, 1, 1, 1)))
    np.testing.assert_array_equal(dx.ravel(), [1, 0, 0, 0])


@pytest.mark.parametrize("name", ["swish", "gelu", "gelu_tanh", "hard_swish"])
def test_at_infinity_the_rules_give_the_limits_and_autodiff_nothing(name):
    function, rule = (getattr(activations, n) for n in (name, f"{name}_vjp"))
    ends = jnp.array([-jnp.inf, jnp.inf])
    np.testing.assert_array_equal(rule(ends, jnp.ones(2)), [0, 1])
    assert np.isnan(jax.grad(lambda x: function(x).sum())(ends)).any()
