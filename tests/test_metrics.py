"""Accuracy, example by example."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from jaxnn import metrics


@pytest.mark.parametrize("batch", [(), (50,), (5, 10)])
def test_accuracy_agrees_with_scikit_learn(batch):
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(*batch, 4)), random.integers(0, 4, batch)
    actual = metrics.accuracy(jnp.asarray(logits), jnp.asarray(labels))
    assert actual.shape == batch
    expected = sklearn.metrics.accuracy_score(labels.ravel(), logits.argmax(-1).ravel())
    np.testing.assert_allclose(actual.mean(), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
@pytest.mark.parametrize("dtype", [jnp.int32, jnp.bool])
def test_a_single_logit_is_compared_with_zero(shape, dtype):
    logits = jnp.asarray([-1.0, 2.0, 0.0, -jnp.inf, jnp.nan]).reshape(shape)
    labels = jnp.asarray([0, 1, 1, 1, 0]).astype(dtype)
    np.testing.assert_array_equal(metrics.accuracy(logits, labels), [1, 1, 0, 0, 0])


@pytest.mark.quick
def test_first_of_tied_classes_wins_and_nan_is_wrong():
    logits = jnp.asarray([[1.0, 1.0], [1.0, 1.0], [jnp.nan, 0.0]])
    np.testing.assert_array_equal(metrics.accuracy(logits, jnp.asarray([0, 1, 0])), [1, 0, 0])


def test_accuracy_keeps_the_dtype_and_runs_under_jit_and_vmap():
    logits, labels = jnp.ones((3, 2, 4), jnp.bfloat16), jnp.zeros((3, 2), int)
    actual = jax.jit(jax.vmap(metrics.accuracy))(logits, labels)
    assert actual.dtype == jnp.bfloat16
    np.testing.assert_array_equal(actual.astype(jnp.float32), np.ones((3, 2)))


@pytest.mark.parametrize("shape", [(3, 1), (4,), (4, 3)])
def test_shapes_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="do not fit"):
        metrics.accuracy(jnp.ones((3, 4)), jnp.ones(shape, int))
