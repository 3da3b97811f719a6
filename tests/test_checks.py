import re

import jax
import numpy as np
import pytest

from jaxnn import checks


@pytest.mark.parametrize("value", [0, 0.0, 1, 1e-9, np.float32(2)])
def test_finite_numbers_from_zero_on_are_accepted(value):
    checks.nonnegative("rate", value)
    checks.nonnegative("rate", jax.numpy.asarray(value, float))


@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf"), np.float32(-1)])
def test_numbers_outside_the_range_are_named(value):
    with pytest.raises(ValueError, match=f"rate must be finite and at least 0, got {value}"):
        checks.nonnegative("rate", value)


@pytest.mark.parametrize("value", ["fast", None, True, (0.1,), np.ones(2)])
def test_what_is_not_a_number_is_named(value):
    with pytest.raises(TypeError, match="rate must be a number"):
        checks.nonnegative("rate", value)


def test_a_constant_is_looked_at_inside_a_jit_too():
    constant = jax.numpy.asarray(-1.0)
    with pytest.raises(ValueError, match=r"rate must be .* got -1\.0"):
        jax.jit(lambda x: (checks.nonnegative("rate", constant), x)[1])(0.0)


@pytest.mark.quick
def test_a_traced_value_passes():
    assert jax.jit(lambda x: (checks.nonnegative("rate", x), x)[1])(-1.0) == -1.0


def test_a_known_array_is_looked_at_inside_a_trace_too():
    def run(rate):
        return jax.jit(lambda x: (checks.nonnegative("rate", rate), x)[1])(1.0)

    assert run(jax.numpy.ones(())) == 1.0
    with pytest.raises(ValueError, match="rate must be finite and at least 0, got -1"):
        run(-jax.numpy.ones(()))


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (1.0, TypeError), (True, TypeError)])
def test_positive_int_refuses(value, error):
    checks.positive_int("width", 1)
    checks.positive_int("width", np.int64(3))
    with pytest.raises(error, match=f"width must be .* got {value}"):
        checks.positive_int("width", value)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("check", "inside", "outside", "allowed"),
    [
        (checks.positive, [1e-9, 5, np.float32(2)], [0, -1.0, float("inf")], "finite and above 0"),
        (checks.rate, [0, 0.999, np.float32(0.5)], [1, -0.1, float("nan")], r"in \[0, 1\)"),
        (checks.probability, [0, 1, 0.5], [1.1, -0.1, float("nan")], r"in \[0, 1\]"),
    ],
)
def test_interval_is_accepted_and_the_rest_named(check, inside, outside, allowed):
    for value in inside:
        check("p", value)
    for value in outside:
        with pytest.raises(ValueError, match=f"p must be {allowed}, got {value}"):
            check("p", value)
    with pytest.raises(TypeError, match="p must be a number, got '1'"):
        check("p", "1")
    jax.jit(lambda x: (check("p", x), x)[1])(-1.0)


@pytest.mark.parametrize("shape", [(), (2, 1), (1, 2)])
def test_a_cotangent_is_never_broadcast(shape):
    assert checks.cotangent(np.ones(2), (2,)).shape == (2,)
    with pytest.raises(
        ValueError, match=rf"must have the shape \(2,\) of the output, got {re.escape(str(shape))}"
    ):
        checks.cotangent(np.ones(shape), (2,))
