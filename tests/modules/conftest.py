import jax
import pytest


@pytest.fixture(autouse=True)
def _promotion_as_flax_needs_it():
    """Flax's norms promote float32 with float64 in silence, which our tests forbid elsewhere."""
    with jax.numpy_dtype_promotion("standard"):
        yield
