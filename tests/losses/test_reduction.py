"""From one value per example to one number."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import losses

inf = np.inf


@pytest.mark.quick
def test_reduce_is_a_weighted_mean_or_sum():
    values, weights = jnp.asarray([1.0, 2.0, 6.0]), jnp.asarray([1, 0, 3])
    assert losses.reduce(values) == 3
    assert losses.reduce(values, how="sum") == 9
    assert losses.reduce(values, weights=weights) == 19 / 4
    assert losses.reduce(values, weights=weights, how="sum") == 19


def test_reduce_leaves_out_an_infinite_value_of_weight_zero():
    values, weights = jnp.asarray([1.0, inf]), jnp.asarray([1.0, 0.0])
    assert losses.reduce(values, weights=weights) == 1
    np.testing.assert_array_equal(losses.reduce_vjp(values, jnp.ones(()), weights=weights), [1, 0])


def test_mean_of_nothing_is_zero():
    assert losses.reduce(jnp.zeros(0)) == 0
    assert losses.reduce(jnp.ones(2), weights=jnp.zeros(2)) == 0


@pytest.mark.usefixtures("no_type_checker")
def test_bad_reduction_is_refused():
    with pytest.raises(ValueError, match="'median'"):
        losses.reduce(jnp.ones(3), how="median")
    with pytest.raises(ValueError, match=r"\(2,\)"):
        losses.reduce(jnp.ones(3), weights=jnp.ones(2))
    with pytest.raises(ValueError, match=r"shape \(\) .* got \(3,\)"):
        losses.reduce_vjp(jnp.ones(3), jnp.ones(3))
