"""Cutting one set of examples into two: pure functions of the sizes and a seed."""

import numpy as np


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
    count = int(np.ceil(test_size * n)) if isinstance(test_size, float) else test_size
    if not 0 < count < n:
        raise ValueError(
            f"test_size={test_size} leaves {n - count} of {n} examples to train on: "
            f"give a fraction between 0 and 1, or a whole number from 1 to {n - 1}"
        )
    order = np.random.default_rng(seed).permutation(n)
    train, test = order[:-count], order[-count:]
    return inputs[train], labels[train], inputs[test], labels[test]
