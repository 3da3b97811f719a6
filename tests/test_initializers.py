import jax
import numpy as np
import pytest

from jaxnn import initializers

N_IN, N_OUT = 300, 200
VARIANCES = {"xavier": 2 / (N_IN + N_OUT), "he": 2 / N_IN, "lecun": 1 / N_IN}


def a_key():
    return jax.random.key(0)


@pytest.mark.parametrize("shape", [(N_IN, N_OUT), (5, 4, N_IN // 20, N_OUT // 20)])
@pytest.mark.parametrize("shape_of", ["uniform", "normal"])
@pytest.mark.parametrize("name", VARIANCES)
def test_variance_is_that_of_the_table(name, shape_of, shape):
    weights = getattr(initializers, f"{name}_{shape_of}")()(a_key(), shape)
    # standard error of a variance from n draws: v sqrt(2 / n), at most 3% for the 3000 here
    np.testing.assert_allclose(np.var(weights), VARIANCES[name], rtol=5 * np.sqrt(2 / weights.size))
    np.testing.assert_allclose(weights.mean(), 0, atol=5 * weights.std() / weights.size**0.5)


@pytest.mark.parametrize("name", VARIANCES)
def test_uniform_draws_fill_their_interval_and_normals_are_cut(name):
    bound = np.sqrt(3 * VARIANCES[name])
    weights = np.abs(getattr(initializers, f"{name}_uniform")()(a_key(), (N_IN, N_OUT)))
    assert 0.999 * bound < weights.max() <= bound
    weights = np.abs(getattr(initializers, f"{name}_normal")()(a_key(), (N_IN, N_OUT)))
    cut = 2 / 0.8796 * np.sqrt(VARIANCES[name])  # 0.8796: deviation of a normal cut at 2
    assert 0.99 * cut < weights.max() < 1.001 * cut


@pytest.mark.quick
def test_the_simple_ones():
    shape = (N_IN, N_OUT)
    assert (initializers.zeros(a_key(), shape) == 0).all()
    assert (initializers.constant(0.3)(a_key(), shape) == np.float32(0.3)).all()
    uniform = initializers.uniform(0.5)(a_key(), shape)
    assert 0 <= uniform.min() < 1e-3
    assert 0.499 < uniform.max() < 0.5
    np.testing.assert_allclose(initializers.normal(0.5)(a_key(), shape).std(), 0.5, rtol=0.01)


@pytest.mark.parametrize("shape", [(6, 6), (6, 4), (4, 6)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape):
    q = np.asarray(initializers.orthogonal()(a_key(), shape))
    gram = q.T @ q if shape[0] >= shape[1] else q @ q.T
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-6)


@pytest.mark.parametrize("kind", ["uniform", "normal"])
def test_xavier_is_glorot(kind):
    one, other = (getattr(initializers, f"{name}_{kind}")() for name in ("xavier", "glorot"))
    np.testing.assert_array_equal(one(a_key(), (4, 3)), other(a_key(), (4, 3)))
