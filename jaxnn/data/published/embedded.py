"""Data sets that scikit-learn carries inside its package."""

from typing import Any

import numpy as np

from jaxnn.data.dataset import Dataset, from_arrays
from jaxnn.data.prepare import splits


def digits(*, test_size: float | int = 0.1, seed: int = 0) -> Dataset:
    """1,797 handwritten digits, 8x8 grey levels from 0 to 16 [Alpaydin and Kaynak 1998, UCI 80].

    There is no published split: a seeded permutation makes one, by default 1,617 and 180.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[..., None]  # [1797, 8, 8, 1]
    arrays = splits.train_test(images, bunch.target, test_size=test_size, seed=seed)
    return from_arrays(*arrays, name="digits", classes=[str(i) for i in range(10)], scale=16.0)


def iris(*, test_size: float | int = 0.1, seed: int = 0) -> Dataset:
    """150 flowers of three species, four lengths in cm [Fisher 1936, UCI 53]."""
    from sklearn.datasets import load_iris

    return _stratified(load_iris(), "iris", test_size, seed)


def breast_cancer(*, test_size: float | int = 0.1, seed: int = 0) -> Dataset:
    """569 tumours, 30 measures of their cell nuclei [Wolberg, Street and Mangasarian 1995, UCI 17].

    Class 0 is malignant (212), 1 benign (357). The measures go from 0 to 4,254: standardise them.
    """
    from sklearn.datasets import load_breast_cancer

    return _stratified(load_breast_cancer(), "breast_cancer", test_size, seed)


def _stratified(bunch: Any, name: str, test_size: float | int, seed: int) -> Dataset:
    rows = splits.split_rows(bunch.target, test=test_size, seed=seed)
    x, y = bunch.data, bunch.target
    return from_arrays(
        *(x[rows.train], y[rows.train], x[rows.test], y[rows.test]),
        name=name,
        classes=[str(species) for species in bunch.target_names],
    )
