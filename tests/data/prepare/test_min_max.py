"""Normalising against scikit-learn, and what constant features become."""

import numpy as np
import pytest
from sklearn import preprocessing

from jaxnn import data

pytestmark = pytest.mark.quick


def draw(*shape, dtype=np.float64):
    return np.random.default_rng(0).normal(3, 2, shape).astype(dtype)


def test_it_is_the_scaler_of_scikit_learn():
    train, test = draw(20, 3), draw(5, 3) + 1
    ours, theirs = data.min_max(train), preprocessing.MinMaxScaler().fit(train)
    for x in (train, test):
        np.testing.assert_allclose(ours(x), theirs.transform(x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shape", [(7,), (7, 2), (7, 4, 3, 1)])
def test_every_feature_spans_0_to_1(shape):
    after = data.min_max(draw(*shape))(draw(*shape))
    np.testing.assert_array_equal(after.min(axis=0), np.zeros(shape[1:]))
    np.testing.assert_array_equal(after.max(axis=0), np.ones(shape[1:]))


def test_test_examples_keep_their_place_outside_the_range_of_training():
    normalize = data.min_max(np.array([[1.0], [3.0]]))
    np.testing.assert_array_equal(normalize(np.array([[5.0], [0.0]])), [[2.0], [-0.5]])


def test_a_constant_feature_becomes_0():
    x = np.full((4, 1), 0.1)
    np.testing.assert_array_equal(data.min_max(x)(x), np.zeros((4, 1)))


def test_pixels_do_not_wrap_round():
    pixels = np.array([[200], [10]], np.uint8)
    after = data.min_max(pixels)(np.array([[0]], np.uint8))
    assert after.dtype == np.float32
    np.testing.assert_allclose(after, [[-10 / 190]], rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((0, 3)), r"at least one example, got shape \[0, 3\]"),
        (np.array([[1.0], [np.nan]]), "finite numbers"),
    ],
)
def test_what_has_no_range_is_refused(x, message):
    with pytest.raises(ValueError, match=message):
        data.min_max(x)


def test_examples_of_another_shape_are_refused(no_type_checker):
    with pytest.raises(ValueError, match=r"of shape \[3\] are expected, got .* \[4, 2\]"):
        data.min_max(draw(4, 3))(draw(4, 2))
