"""Standardising against scikit-learn and R's formula, and what constant features become."""

import numpy as np
import pytest
from sklearn import preprocessing

from jaxnn import data

pytestmark = pytest.mark.quick


def draw(*shape, dtype=np.float64):
    return np.random.default_rng(0).normal(3, 2, shape).astype(dtype)


def test_it_is_the_scaler_of_scikit_learn():
    train, test = draw(20, 3), draw(5, 3) + 1
    ours, theirs = data.standardizer(train), preprocessing.StandardScaler().fit(train)
    for x in (train, test):
        np.testing.assert_allclose(ours(x), theirs.transform(x), rtol=1e-12, atol=1e-15)


def test_with_one_degree_of_freedom_it_is_scale_of_r():
    x = draw(6, 2)
    expected = (x - x.mean(axis=0)) / np.sqrt(((x - x.mean(axis=0)) ** 2).sum(axis=0) / 5)
    np.testing.assert_allclose(data.standardizer(x, ddof=1)(x), expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(7,), (7, 2), (7, 4, 3, 1)])
def test_every_feature_gets_mean_0_and_deviation_1(shape):
    after = data.standardizer(draw(*shape))(draw(*shape))
    assert after.shape == shape
    np.testing.assert_allclose(after.mean(axis=0), np.zeros(shape[1:]), atol=1e-14)
    np.testing.assert_allclose(after.std(axis=0), np.ones(shape[1:]), rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e30, -5e-324])
def test_a_constant_feature_becomes_0_and_keeps_its_distances_elsewhere(value):
    train = np.full((10, 1), value)
    standardize = data.standardizer(train)
    np.testing.assert_array_equal(standardize(train), np.zeros((10, 1)))
    np.testing.assert_array_equal(standardize(train + 0.5), train + 0.5 - value)


@pytest.mark.parametrize("ddof", [0, 1])
def test_the_statistics_do_not_move_with_the_data_that_they_are_used_on(ddof):
    train, test = draw(9, 2), 100 * draw(4, 2)
    standardize = data.standardizer(train, ddof=ddof)
    both = standardize(np.concatenate([train, test]))
    np.testing.assert_array_equal(both[9:], standardize(test))


def test_small_floats_and_pixels_become_float32_by_statistics_in_float64():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 3, 3, 1), np.uint8)
    standardize = data.standardizer(pixels)
    assert standardize.mean.dtype == standardize.scale.dtype == np.float64
    assert standardize(pixels).dtype == np.float32
    far = draw(1000, 1, dtype=np.float32) + 1e4
    np.testing.assert_allclose(data.standardizer(far).mean, far.astype(float).mean(0), rtol=1e-12)
    assert data.standardizer(far)(far).dtype == np.float32
    assert data.standardizer(draw(4, 1))(draw(4, 1)).dtype == np.float64


@pytest.mark.parametrize(
    ("x", "ddof", "error", "message"),
    [
        (np.zeros((0, 3)), 0, ValueError, r"more than 0 examples, got shape \[0, 3\]"),
        (np.zeros((1, 3)), 1, ValueError, r"more than 1 examples, got shape \[1, 3\]"),
        (np.float64(1), 0, ValueError, r"more than 0 examples, got shape \[\]"),
        (
            np.array([[1.0], [np.nan]]),
            0,
            ValueError,
            r"finite numbers, but x\[1, 0\] is nan, one of 1 that are NaN or infinite: remove",
        ),
        (np.ones((3, 1)), -1, ValueError, "ddof must be an int of at least 0, got -1"),
        (np.ones((3, 1)), 0.5, TypeError, "float"),
    ],
)
def test_what_has_no_deviation_is_refused(no_type_checker, x, ddof, error, message):
    with pytest.raises(error, match=message):
        data.standardizer(x, ddof=ddof)


def test_examples_of_another_shape_are_refused(no_type_checker):
    with pytest.raises(ValueError, match=r"of shape \[3\] are expected, got .* \[4, 2\]"):
        data.standardizer(draw(4, 3))(draw(4, 2))
