import jax
import numpy as np
import pytest

from jaxnn import checks


@pytest.mark.parametrize("value", [0, 0.0, 1, 1e-9, np.float32(2), jax.numpy.ones(())])
def test_finite_numbers_from_zero_on_are_accepted(value):
    checks.nonnegative("rate", value)


@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf"), np.float32(-1)])
def test_numbers_outside_the_range_are_named(value):
    with pytest.raises(ValueError, match=f"rate must be finite and at least 0, got {value}"):
        checks.nonnegative("rate", value)


@pytest.mark.parametrize("value", ["fast", None, True, (0.1,), np.ones(2)])
def test_what_is_not_a_number_is_named(value):
    with pytest.raises(TypeError, match="rate must be a number"):
        checks.nonnegative("rate", value)


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
