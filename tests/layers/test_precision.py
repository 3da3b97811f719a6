import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import layers
from jaxnn.layers.precision import in_dtype

# a bias under batch norm has the gradient 0, of which only rounding would be left to compare
NETWORK = layers.serial(
    layers.dense(5, use_bias=False), layers.batch_norm(), layers.tanh, layers.dense(3)
)


def pulled_back(layer, params, state, x, dy):
    y, state, saved = layer.forward(params, state, x, None, True)
    return y, state, layer.backward(params, saved, dy)


def largest_error(actual, expected):
    """Over the leaves, relative to the norm of each."""
    errors = jax.tree.map(
        lambda a, b: jnp.linalg.norm(a - b) / jnp.maximum(jnp.linalg.norm(b), 1e-2),
        actual, expected,
    )  # fmt: skip
    return max(map(float, jax.tree.leaves(errors)))


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    params, state, _ = NETWORK.init(jax.random.key(0), (4,))
    x, dy = (jnp.asarray(rng.normal(size=(32, width)), jnp.float32) for width in (4, 3))
    return params, state, x, dy


def test_the_same_dtype_changes_no_bit(case):
    expected, actual = (
        pulled_back(layer, *case) for layer in (NETWORK, in_dtype(NETWORK, jnp.float32))
    )
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


@pytest.mark.quick
def test_bfloat16_rounds_and_keeps_the_dtypes_outside(case):
    expected, actual = (
        pulled_back(layer, *case) for layer in (NETWORK, in_dtype(NETWORK, jnp.bfloat16))
    )
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(actual))
    assert 1e-4 < largest_error(actual, expected) < 0.05


def test_the_gradient_by_hand_is_that_of_autodiff(case):
    params, state, x, dy = case
    narrow = in_dtype(NETWORK, jnp.bfloat16)
    _, pull = jax.vjp(lambda p, x: narrow.forward(p, state, x, None, True)[0], params, x)
    assert largest_error(pulled_back(narrow, *case)[2], pull(dy)) < 0.03


@pytest.mark.usefixtures("no_type_checker")
def test_a_dtype_that_is_not_floating_is_refused():
    with pytest.raises(TypeError, match="computes in a floating dtype, got int32"):
        in_dtype(NETWORK, jnp.int32)
