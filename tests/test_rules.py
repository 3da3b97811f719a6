import functools

import jax.numpy as jnp
import pytest

from jaxnn import losses
from jaxnn.rules import vjp_of


def scaled(x, *, factor=1.0):
    return factor * x


def scaled_vjp(x, cotangent, *, factor=1.0):
    del x
    return factor * cotangent


def lonely(x):
    return x


@pytest.mark.quick
def test_the_rule_stands_beside_the_function():
    assert vjp_of(scaled) is scaled_vjp
    assert vjp_of(losses.softmax_cross_entropy) is losses.softmax_cross_entropy_vjp


def test_settings_bound_to_the_function_are_bound_to_the_rule():
    rule = vjp_of(functools.partial(scaled, factor=3.0))
    assert rule(jnp.ones(2), 2.0) == 6.0


def test_a_function_without_a_rule_is_named_with_the_remedy():
    with pytest.raises(LookupError, match=r"lonely_vjp.*autodiff"):
        vjp_of(lonely)
    with pytest.raises(LookupError, match="autodiff"):
        vjp_of(lambda x: x)
