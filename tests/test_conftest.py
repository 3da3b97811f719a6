"""What every test runs under, in each of the processes that share them."""

import warnings

import jax
import jax.numpy as jnp
import jaxtyping
import pytest

from jaxnn import losses
from tests import conftest


@pytest.mark.quick
def test_shapes_are_checked():
    with pytest.raises(jaxtyping.TypeCheckError, match="labels"):
        losses.softmax_cross_entropy(jnp.zeros((2, 3)), jnp.zeros(4, int))


@pytest.mark.quick
def test_warnings_are_errors():
    with pytest.raises(UserWarning, match="a warning"):
        warnings.warn("a warning", stacklevel=1)


@pytest.mark.parametrize(("dtype", "shape"), [(jnp.bfloat16, (3,)), (jnp.float32, (2, 3))])
def test_dtypes_and_ranks_do_not_promote(dtype, shape):
    with pytest.raises((TypeError, ValueError), match="promotion"):
        jnp.ones(3) + jnp.zeros(shape, dtype)


def test_there_are_two_devices():
    assert jax.device_count() == 2


@pytest.mark.quick
def test_collecting_touches_no_device():
    assert conftest.TOUCHED_A_DEVICE[:1] == [], "make the values in the tests, not beside them"


@pytest.mark.quick
def test_every_test_has_a_limit_of_time(pytestconfig):
    assert 0 < float(pytestconfig.getini("faulthandler_timeout")) <= 300
    assert pytestconfig.getini("faulthandler_exit_on_timeout")
