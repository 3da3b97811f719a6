"""Targets that lack an axis of one, or have one too many, meet predictions one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import backprop, layers, losses

X = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=7).astype(np.float32)
pytestmark = pytest.mark.usefixtures("no_type_checker")

OWN = {
    "elementwise": lambda p, y: (p - y) ** 2,
    "of the mean of the last axis": lambda p, y: ((p - y) ** 2).mean(axis=-1),
    "jitted": jax.jit(lambda p, y: jnp.square(p - y).sum(axis=-1)),
    "of optax": optax.squared_error,
    "ours": losses.squared_error,
    "that picks the column itself": lambda p, y: (p[:, 0] - y) ** 2,
}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("promotion", ["raise", "allow"])
def test_a_loss_of_one_output_has_the_gradient_of_least_squares(name, promotion):
    model = layers.dense(1)
    params, state, _ = model.init(jax.random.key(0), (3,))
    with jax.numpy_rank_promotion(promotion):
        (value, _), grads = backprop.by_autodiff(model, OWN[name])(
            params, state, jnp.asarray(X), jnp.asarray(Y), None
        )
    residual = X @ np.asarray(params["kernel"])[:, 0] - Y
    np.testing.assert_allclose(value, np.mean(residual**2), rtol=1e-5)
    np.testing.assert_allclose(grads["kernel"][:, 0], 2 * X.T @ residual / 7, rtol=1e-4)


@pytest.mark.quick
def test_the_targets_may_have_the_axis_that_the_predictions_lack():
    def loss(p, y):
        return jnp.abs(p - y)

    with jax.numpy_rank_promotion("allow"):
        targets = losses.aligned(loss, jnp.asarray(Y), jnp.zeros((7, 1)))
        assert loss(jnp.asarray(Y), targets).shape == (7,)


def test_a_loss_that_means_to_compare_all_with_all_is_left_alone():
    def contrast(p, y):  # of examples as of their labels
        return ((p @ p.T) * (y[:, None] == y[None, :])).mean(-1)

    p, y = jnp.ones((5, 1)), jnp.arange(5)
    assert losses.aligned(contrast, p, y) is y


def test_targets_of_another_size_are_left_to_the_loss():
    p, y = jnp.ones((5, 3)), jnp.arange(5)
    assert losses.aligned(losses.softmax_cross_entropy, p, y) is y
