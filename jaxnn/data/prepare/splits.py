"""Which examples go where: pure functions of the labels and a seed, that answer with rows.

rows = data.split_rows(labels, validation=0.1, test=0.1, seed=0)
inputs[rows.train], labels[rows.train]
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Shaped

from jaxnn import checks
from jaxnn.data import arrays

Rows = Int32[np.ndarray, " k"]
Labels = Shaped[np.ndarray, "n ..."]

_SUBSET, _FOLDS, _SPLIT, _BALANCED = 1, 2, 3, 4  # draws that are independent of one another


class SplitRows(NamedTuple):
    """Rows of each part, in ascending order: disjoint, and all rows together."""

    train: Rows
    validation: Rows
    test: Rows


def train_test(
    inputs: np.ndarray, labels: np.ndarray, *, test_size: float | int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A random split: (train inputs, train labels, test inputs, test labels).

    Args:
      inputs: one row per example.
      labels: one per example.
      test_size: a fraction in (0, 1), rounded up to whole examples, or a number of examples.
      seed: of the permutation, numpy.random.default_rng(seed).
    """
    n = len(inputs)
    count = _count(test_size, n)
    if not 0 < count < n:
        raise ValueError(
            f"test_size={test_size} leaves {n - count} of {n} examples to train on: "
            f"give a fraction between 0 and 1, or a whole number from 1 to {n - 1}"
        )
    order = np.random.default_rng(seed).permutation(n)
    train, test = order[:-count], order[-count:]
    return inputs[train], labels[train], inputs[test], labels[test]


def split_rows(
    labels: Labels,
    *,
    validation: float | int = 0,
    test: float | int = 0,
    seed: int = 0,
    stratified: bool = True,
) -> SplitRows:
    """A random split into examples to train, to choose and to test on.

    Args:
      labels: one per example, [n] or [n, 1]; classes are integers, booleans or names, and only
        they can be stratified.
      validation: a fraction of all examples, rounded up, or a number of them.
      test: as validation.
      seed: of the draw.
      stratified: each class has the same share of every part, up to one example.

    Raises:
      ValueError: nothing is left to train on, or a class of the other parts is not in it.
    """
    n = len(labels)
    counts = [_count(size, n) for size in (validation, test)]
    classes, names = _classes(labels)
    if min(counts) < 0 or sum(counts) >= n:
        raise ValueError(
            f"validation={validation} and test={test} leave {n - sum(counts)} of {n} examples to "
            "train on: give fractions that add up to less than 1, or smaller numbers"
        )
    rows = np.random.default_rng((seed, 0, _SPLIT)).permutation(n).astype(np.int32)
    parts = []
    for count in counts:
        if stratified and classes is not None:  # evenly spaced among rows that are sorted by class
            rows = rows[np.argsort(classes[rows], kind="stable")]
            taken = np.zeros(len(rows), bool)
            taken[(2 * np.arange(count) + 1) * len(rows) // (2 * max(count, 1))] = True
        else:
            taken = np.arange(len(rows)) < count
        parts.append(np.sort(rows[taken]))
        rows = rows[~taken]
    if classes is not None:
        missing = np.setdiff1d(classes, classes[rows])
        if len(missing):
            raise ValueError(
                f"all {int((classes == missing[0]).sum())} examples of class {names[missing[0]]} "
                "fell into validation and test, none into train: give more examples of it, leave "
                "it out, or give smaller parts"
            )
    return SplitRows(np.sort(rows), *parts)


def fold_rows(
    labels: Labels, *, folds: int, seed: int = 0, equal: bool = False
) -> tuple[Rows, ...]:
    """The rows of each fold for cross-validation: fold by fold is held out, the rest trained on.

    Classes are dealt out one by one, so that every fold has its share of each, up to one example.

    Args:
      labels: one per example, as in `split_rows`.
      folds: how many.
      seed: of the deal.
      equal: all folds of one size, as a compiled run needs it; what is left over is in none.
        Otherwise the folds cover all examples, and their sizes differ by one at most.

    Raises:
      ValueError: there are fewer than two folds, fewer examples than folds, or a class of a single
        example, which would be tested on and never trained on.
    """
    checks.positive_int("folds", folds)
    if not 2 <= folds <= len(labels):
        raise ValueError(
            f"folds={folds} of {len(labels)} examples: give a number from 2 to {len(labels)}"
        )
    drawn = np.random.default_rng((seed, 0, _FOLDS)).permutation(len(labels)).astype(np.int32)
    classes, names = _classes(labels)
    if classes is not None:
        counts = np.bincount(classes)
        if counts.min() == 1 and len(counts) > 1:
            raise ValueError(
                f"class {names[int(counts.argmin())]} has a single example, which one of the folds"
                " tests on after training without it: leave it out, or give more examples of it"
            )
        drawn = drawn[np.argsort(classes[drawn], kind="stable")]
    size = len(labels) // folds if equal else None
    return tuple(np.sort(drawn[fold::folds][:size]) for fold in range(folds))


def subset_rows(num_examples: int, *, size: int, seed: int = 0) -> Rows:
    """So many random rows, ascending; a smaller subset is part of every larger one.

    Raises:
      ValueError: there are not so many examples.
    """
    checks.positive_int("size", size)
    if size > num_examples:
        raise ValueError(
            f"size={size}, but there are only {num_examples} examples: give a number from 1 to"
            f" {num_examples}"
        )
    drawn = np.random.default_rng((seed, 0, _SUBSET)).permutation(num_examples)
    return np.sort(drawn[:size]).astype(np.int32)


def balanced_rows(labels: Labels, *, size: int | None = None, seed: int = 0) -> Rows:
    """Random rows in random order, as many of each class up to one, drawn with replacement.

    Args:
      labels: classes, as in `split_rows`; the classes are those that occur in it.
      size: how many rows; None for as many as there are labels.
      seed: of the draw.

    Raises:
      ValueError: there are no labels, or they are no classes.
    """
    size = len(labels) if size is None else size
    checks.positive_int("size", size)
    classes, _ = _classes(labels)
    if classes is None or not len(classes):
        raise ValueError(
            f"labels of dtype {labels.dtype} and shape {list(labels.shape)} are no classes: give"
            " integers or names, one for each example"
        )
    rng = np.random.default_rng((seed, 0, _BALANCED))
    present = rng.permutation(np.unique(classes))  # which classes get the one more is chance
    rows = [
        rng.choice(
            np.flatnonzero(classes == label), (size - place + len(present) - 1) // len(present)
        )
        for place, label in enumerate(present)
    ]
    return rng.permutation(np.concatenate(rows)).astype(np.int32)


def _classes(labels: Labels) -> tuple[np.ndarray | None, np.ndarray]:
    """(index of the class of each example, the classes), or None where labels are no classes."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype == object:
        labels = arrays.as_array(labels, "labels")
    if labels.ndim != 1 or labels.dtype.kind not in "iubU":
        return None, labels
    names, classes = np.unique(labels, return_inverse=True)
    return classes, names


def _count(size: float | int, n: int) -> int:
    if isinstance(size, bool | np.bool_) or not np.isfinite(size):
        raise ValueError(f"a part of {size} examples: give a fraction or a whole number")
    return size if isinstance(size, int | np.integer) else int(np.ceil(float(size) * n))
