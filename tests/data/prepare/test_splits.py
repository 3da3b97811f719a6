import types

import numpy as np
import pytest

from jaxnn import data
from jaxnn.data.prepare import splits
from jaxnn.train.program import samples
from jaxnn.train.setup import axes

pytestmark = pytest.mark.quick

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


SKEWED = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [70, 20, 10]))


@pytest.mark.parametrize("stratified", [True, False])
@pytest.mark.parametrize(
    ("sizes", "counts"),
    [((0.1, 0.2), (70, 10, 20)), ((7, 0), (93, 7, 0)), ((0, 0.111), (88, 0, 12))],
)
def test_split_rows_deals_every_row_once(stratified, sizes, counts):
    validation, test = sizes
    parts = data.split_rows(SKEWED, validation=validation, test=test, stratified=stratified)
    assert tuple(map(len, parts)) == counts
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(100))
    assert all((np.diff(part) > 0).all() for part in parts)


@pytest.mark.parametrize("size", [0.1, 0.4, 13])
def test_stratified_parts_have_the_share_of_each_class(size):
    parts = data.split_rows(SKEWED, validation=size, test=size)
    for part in parts:
        share = np.bincount(SKEWED[part], minlength=3)
        np.testing.assert_array_less(np.abs(share - len(part) * np.array([0.7, 0.2, 0.1])), 1.5)


def test_split_rows_depends_on_the_seed_alone():
    first, again, other = (data.split_rows(SKEWED, test=0.3, seed=seed).test for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_every_example_is_equally_likely_to_be_tested_on():
    labels = np.repeat([0, 1], [6, 4])
    seen = sum(
        np.isin(np.arange(10), data.split_rows(labels, test=0.3, seed=s).test) for s in range(400)
    )
    for label in (0, 1):  # within a class
        rate = seen[labels == label] / 400
        np.testing.assert_allclose(rate, rate.mean(), atol=4 * 0.5 / 20)


def test_regression_targets_are_split_at_random():
    parts = data.split_rows(np.linspace(0, 1, 10), test=3)
    assert len(parts.test) == 3


@pytest.mark.parametrize("sizes", [(0.5, 0.5), (60, 40), (0, 100), (-1, 0), (0.0, -0.2), (1.0, 0)])
def test_a_split_larger_than_the_data_is_refused(sizes):
    validation, test = sizes
    with pytest.raises(ValueError, match=rf"validation={validation} and test={test} leave .* 100"):
        data.split_rows(SKEWED, validation=validation, test=test)


def test_a_class_that_is_tested_on_but_not_trained_on_is_named():
    with pytest.raises(ValueError, match=r"all 1 examples of class [01] fell into validation and"):
        data.split_rows(np.array([0, 1]), test=1)


@pytest.mark.parametrize("folds", [2, 3, 7, 100])
def test_folds_are_disjoint_and_cover_the_data(folds):
    rows = data.fold_rows(SKEWED, folds=folds)
    assert len(rows) == folds
    np.testing.assert_array_equal(np.sort(np.concatenate(rows)), np.arange(100))
    assert max(map(len, rows)) - min(map(len, rows)) <= 1


def test_folds_have_the_share_of_each_class():
    for fold in data.fold_rows(SKEWED, folds=5):
        assert np.bincount(SKEWED[fold]).tolist() == [14, 4, 2]


@pytest.mark.parametrize("folds", [3, 4])
@pytest.mark.parametrize("labels", [SKEWED, SKEWED / 2])
def test_equal_folds_are_those_of_one_size(folds, labels):
    equal = data.fold_rows(labels, folds=folds, seed=5, equal=True)
    covering = data.fold_rows(labels, folds=folds, seed=5)
    assert {len(rows) for rows in equal} == {len(labels) // folds}
    assert all(set(a) <= set(b) for a, b in zip(equal, covering, strict=True))


@pytest.mark.parametrize("folds", [1, 101])
def test_more_folds_than_examples_are_refused(folds):
    with pytest.raises(ValueError, match=f"folds={folds} of 100 examples: give .* from 2 to 100"):
        data.fold_rows(SKEWED, folds=folds)


def test_a_subset_is_part_of_every_larger_one():
    small, large = (data.subset_rows(100, size=size, seed=3) for size in (10, 40))
    assert len(np.unique(small)) == 10
    assert np.isin(small, large).all()
    np.testing.assert_array_equal(data.subset_rows(100, size=100), np.arange(100))


def test_a_subset_is_the_training_set_of_a_run_of_that_train_size(no_type_checker):
    labels = np.arange(30, dtype=np.int32)
    made = data.from_arrays(np.zeros((30, 1)), labels)
    settings = axes.DataSettings(seed=4, train_size=7)
    run = types.SimpleNamespace(folds=None)
    np.testing.assert_array_equal(
        samples.rows(run, settings, made).train, data.subset_rows(30, size=7, seed=4)
    )


def test_a_subset_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match="size=101, but there are only 100 examples"):
        data.subset_rows(100, size=101)


@pytest.mark.parametrize("size", [None, 7, 300])
def test_balanced_rows_draw_every_class_as_often(size):
    rows = data.balanced_rows(SKEWED, size=size, seed=2)
    counts = np.bincount(SKEWED[rows])
    assert len(rows) == (size or 100)
    assert counts.max() - counts.min() <= 1
    assert (np.diff(SKEWED[rows]) < 0).any()  # not class by class


def test_balanced_rows_reach_every_example():
    assert len(np.unique(data.balanced_rows(SKEWED, size=3000))) == 100
