"""What every test runs under, in each of the processes that share them."""

import warnings

import jax
import jax.numpy as jnp
import jaxtyping
import pytest

from jaxnn import losses


def test_shapes_are_checked():
    with pytest.raises(jaxtyping.TypeCheckError, match="labels"):
        losses.softmax_cross_entropy(jnp.zeros((2, 3)), jnp.zeros(4, int))


def test_warnings_are_errors():
    with pytest.raises(UserWarning, match="a warning"):
        warnings.warn("a warning", stacklevel=1)


@pytest.mark.parametrize("other", [jnp.zeros(3, jnp.bfloat16), jnp.zeros((2, 3))])
def test_dtypes_and_ranks_do_not_promote(other):
    with pytest.raises((TypeError, ValueError), match="promotion"):
        jnp.ones(3) + other


def test_there_are_two_devices():
    assert jax.device_count() == 2
