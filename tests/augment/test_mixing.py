"""Cutout and Mixup against what their papers say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import augment
from tests.augment.test_compose import a_key, image


def test_cutout_clears_a_square_that_may_reach_over_the_border():
    ones = jnp.ones((6, 7, 2))
    areas = set()
    for key in jax.random.split(a_key(), 60):
        cleared = np.asarray(augment.cutout(3)(key, ones) == 0)
        rows, columns = (cleared.any(axis=axes).sum() for axes in ((1, 2), (0, 2)))
        assert cleared.sum() == 2 * rows * columns  # a rectangle, in every channel
        assert 2 <= min(rows, columns) <= max(rows, columns) <= 3
        areas.add(int(rows * columns))
    assert areas == {4, 6, 9}


def test_mixup_mixes_inputs_and_targets_with_one_share():
    inputs = jnp.eye(5)  # example i shows its number
    targets = jax.nn.one_hot(jnp.arange(5), 5)
    mixed, soft = augment.mixup(1.0)(a_key(), inputs, targets)
    np.testing.assert_array_equal(mixed, soft)
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-6)
    assert (soft.argmax(axis=1) == np.arange(5)).all()
    assert ((soft > 0).sum(axis=1) <= 2).all()
    assert len(np.unique(np.round(soft.max(axis=1), 4))) > 2  # one draw per example


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_draws_from_the_beta_distribution(alpha):
    number = 4000
    inputs = jnp.concatenate([jnp.zeros(number), jnp.ones(number)])
    mixed, _ = augment.mixup(alpha)(a_key(), inputs, inputs)
    shares = np.asarray(mixed)[(mixed > 0) & (mixed < 1)]
    # mixed is l or 1 - l, each as often: Beta(alpha, alpha) again, of variance 1/(4 (2 alpha + 1))
    np.testing.assert_allclose(shares.mean(), 0.5, atol=0.02)
    np.testing.assert_allclose(shares.var(), 1 / (4 * (2 * alpha + 1)), rtol=0.05)


@pytest.mark.quick
def test_mixup_of_strength_zero_changes_nothing():
    x, t = image(), jnp.arange(6.0)
    for actual, expected in zip(augment.mixup(0.0)(a_key(), x, t), (x, t), strict=True):
        np.testing.assert_array_equal(actual, expected)
