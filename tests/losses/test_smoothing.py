"""Smoothed labels and their cross entropy: optax, limits, extreme and bad input."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import losses

BATCHES = [(), (7,), (2, 3), (0,)]


def draw(batch, classes=5):
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(*batch, classes)), random.integers(0, classes, batch)
    return jnp.asarray(logits), jnp.asarray(labels)


@pytest.mark.parametrize("alpha", [0, 0.1, 1.0])
@pytest.mark.parametrize("batch", BATCHES)
def test_value_is_that_of_optax_and_of_the_loss_of_soft_targets(batch, alpha):
    with jax.enable_x64(True):
        z, y = draw(batch)
        one_hot = jax.nn.one_hot(y, 5, dtype=z.dtype)
        t = losses.smooth_labels(one_hot, alpha=alpha)
        np.testing.assert_allclose(t, optax.smooth_labels(one_hot, alpha), rtol=1e-15)
        np.testing.assert_allclose(t.sum(-1), np.ones(batch), rtol=1e-15)
        loss = losses.smoothed_softmax_cross_entropy(z, y, alpha=alpha)
        np.testing.assert_allclose(loss, optax.softmax_cross_entropy(z, t), rtol=1e-12)
        gradient = losses.smoothed_softmax_cross_entropy_vjp(z, y, jnp.ones(batch), alpha=alpha)
        expected = losses.softmax_cross_entropy_with_soft_targets_vjp(z, t, jnp.ones(batch))
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-15)


def test_the_loss_is_least_where_the_network_is_as_uncertain_as_the_labels():
    with jax.enable_x64(True):
        t = np.full(4, 0.3 / 4) + 0.7 * np.eye(4)[2]
        z, y, one = jnp.log(t), jnp.asarray(2), jnp.ones(())
        gradient = losses.smoothed_softmax_cross_entropy_vjp(z, y, one, alpha=0.3)
        np.testing.assert_allclose(gradient, np.zeros(4), atol=1e-15)
        least = losses.smoothed_softmax_cross_entropy(z, y, alpha=0.3)
        np.testing.assert_allclose(least, -(t * np.log(t)).sum(), rtol=1e-12)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("logits", "label", "alpha", "value", "gradient"),
    [
        ([1e4, 0.0], 0, 0.5, 2500, [0.25, -0.25]),
        ([3e38, 0.0], 0, 0.0, 0, [0, 0]),
        ([0.0, -np.inf], 0, 0.0, 0, [0, 0]),
        ([0.0, -np.inf], 0, 0.5, np.inf, [0.25, -0.25]),
        ([0.0, -np.inf], 1, 1.0, np.inf, [0.5, -0.5]),
        ([0.0, 0.0, 0.0], 1, 0.3, math.log(3), [1 / 3 - 0.1, 1 / 3 - 0.8, 1 / 3 - 0.1]),
        ([7.0], 0, 0.3, 0, [0]),
    ],
)
def test_extreme_logits(logits, label, alpha, value, gradient):
    z, y = jnp.asarray(logits), jnp.asarray(label)
    loss = losses.smoothed_softmax_cross_entropy(z, y, alpha=alpha)
    np.testing.assert_allclose(loss, value, rtol=1e-6)
    actual = losses.smoothed_softmax_cross_entropy_vjp(z, y, jnp.ones(()), alpha=alpha)
    np.testing.assert_allclose(actual, gradient, atol=1e-6)


def test_a_traced_label_outside_the_range_costs_inf():
    loss = jax.jit(losses.smoothed_softmax_cross_entropy)(jnp.zeros((1, 4)), jnp.asarray([4]))
    assert loss[0] == np.inf


def test_alpha_may_be_traced():
    z, y = draw((7,))
    z = z.astype(jnp.float32)
    loss, rule = losses.smoothed_softmax_cross_entropy, losses.smoothed_softmax_cross_entropy_vjp

    def both_fn(alpha):
        return loss(z, y, alpha=alpha), rule(z, y, jnp.ones(7), alpha=alpha)

    lanes = jax.vmap(both_fn)(jnp.asarray([0.0, 0.2]))
    for lane, alpha in enumerate((0.0, 0.2)):
        jax.tree.map(
            lambda a, b, lane=lane: np.testing.assert_allclose(a[lane], b, rtol=1e-5, atol=1e-7),
            lanes,
            both_fn(alpha),
        )


@pytest.mark.quick
@pytest.mark.parametrize("alpha", [-0.1, 1.1, np.nan])
def test_an_alpha_that_is_no_share_is_refused(alpha):
    z, y = draw((7,))
    for call in (
        lambda: losses.smooth_labels(z, alpha=alpha),
        lambda: losses.smooth_labels_vjp(z, z, alpha=alpha),
        lambda: losses.smoothed_softmax_cross_entropy(z, y, alpha=alpha),
        lambda: losses.smoothed_softmax_cross_entropy_vjp(z, y, z[:, 0], alpha=alpha),
    ):
        with pytest.raises(ValueError, match=f"alpha must be .*{alpha}"):
            call()


def test_known_targets_must_be_probabilities():
    with pytest.raises(ValueError, match=r"targets must be in \[0, 1\], got 2"):
        losses.smooth_labels(jnp.asarray([[0.0, 2.0]]))
