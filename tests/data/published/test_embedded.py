import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris

from jaxnn import data

pytestmark = pytest.mark.quick


def test_digits_are_the_images_of_scikit_learn_each_once_with_its_label():
    digits = data.load("digits")
    images = np.concatenate([digits.train.inputs, digits.test.inputs])
    labels = np.concatenate([digits.train.labels, digits.test.labels])
    bunch = load_digits()
    mine = np.column_stack([images.reshape(-1, 64), labels])
    theirs = np.column_stack([bunch.data, bunch.target])
    np.testing.assert_array_equal(mine[np.lexsort(mine.T)], theirs[np.lexsort(theirs.T)])


def test_digits_are_split_1617_to_180():
    digits = data.load("digits")
    assert digits.train.inputs.shape == (1617, 8, 8, 1)
    assert digits.test.inputs.shape == (180, 8, 8, 1)
    assert digits.train.inputs.dtype == np.uint8
    assert digits.train.labels.dtype == np.int32
    assert digits.scale == digits.train.inputs.max() == 16.0
    assert digits.classes == tuple("0123456789")


@pytest.mark.parametrize("test_size", [0.5, 100])
def test_digits_take_a_test_size_and_a_seed(test_size):
    one = data.load("digits", test_size=test_size, seed=1)
    same = data.load("digits", test_size=test_size, seed=1)
    other = data.load("digits", test_size=test_size, seed=2)
    assert len(one.test.labels) == (100 if test_size == 100 else 899)
    np.testing.assert_array_equal(one.test.inputs, same.test.inputs)
    assert (one.test.labels != other.test.labels).any()


@pytest.mark.parametrize(
    ("name", "theirs", "classes"),
    [
        ("iris", load_iris, ("setosa", "versicolor", "virginica")),
        ("breast_cancer", load_breast_cancer, ("malignant", "benign")),
    ],
)
def test_tables_are_those_of_scikit_learn_each_row_once_with_its_label(name, theirs, classes):
    loaded, bunch = data.load(name), theirs()
    mine = np.concatenate([np.column_stack(split) for split in (loaded.train, loaded.test)])
    rows = np.column_stack([bunch.data.astype(np.float32), bunch.target]).astype(np.float32)
    np.testing.assert_array_equal(mine[np.lexsort(mine.T)], rows[np.lexsort(rows.T)])
    assert loaded.classes == classes


def test_tables_are_split_so_that_each_class_keeps_its_share():
    iris = data.load("iris", test_size=30, seed=1)
    assert np.bincount(iris.test.labels).tolist() == [10, 10, 10]
    cancer = data.load("breast_cancer")
    assert np.bincount(cancer.test.labels).tolist() == [21, 36]
