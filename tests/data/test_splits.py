import numpy as np
import pytest

from jaxnn.data import splits

INPUTS = np.arange(20).reshape(10, 2)
LABELS = np.arange(10)


@pytest.mark.parametrize(
    ("test_size", "count"), [(0.1, 1), (0.11, 2), (0.5, 5), (0.9, 9), (1, 1), (9, 9)]
)
def test_train_test_partitions_the_rows_and_keeps_them_whole(test_size, count):
    x, y, test_x, test_y = splits.train_test(INPUTS, LABELS, test_size=test_size, seed=3)
    assert (len(y), len(test_y)) == (10 - count, count)
    np.testing.assert_array_equal(np.sort(np.concatenate([y, test_y])), LABELS)
    np.testing.assert_array_equal(x, INPUTS[y])
    np.testing.assert_array_equal(test_x, INPUTS[test_y])


def test_train_test_depends_on_the_seed_alone():
    first, again, other = (
        splits.train_test(INPUTS, LABELS, test_size=0.3, seed=seed)[1] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("test_size", [0, 10, -1, 0.0, 0.95, 1.0, 1.5, -0.1])
def test_train_test_leaves_examples_on_both_sides(test_size):
    with pytest.raises(ValueError, match=rf"test_size={test_size} leaves .* of 10 examples"):
        splits.train_test(INPUTS, LABELS, test_size=test_size, seed=0)
