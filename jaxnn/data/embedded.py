"""Data sets that scikit-learn carries inside its package."""

import numpy as np

from jaxnn.data import splits
from jaxnn.data.dataset import Dataset, from_arrays


def digits(*, test_size: float | int = 0.1, seed: int = 0) -> Dataset:
    """1,797 handwritten digits, 8x8 grey levels from 0 to 16 [Alpaydin and Kaynak 1998, UCI 80].

    There is no published split: a seeded permutation makes one, by default 1,617 and 180.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[..., None]  # [1797, 8, 8, 1]
    arrays = splits.train_test(images, bunch.target, test_size=test_size, seed=seed)
    return from_arrays(*arrays, name="digits", classes=[str(i) for i in range(10)], scale=16.0)
