"""Normalising: features between 0 and 1, by the range of the training examples."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Shaped

from jaxnn.data.prepare.standardize import check_finite


class MinMax(NamedTuple):
    """The map u = (x - low) / span, feature by feature; `min_max` makes it.

    Attributes:
      low: the smallest value of each feature.
      span: the largest minus the smallest, or 1 where they are the same.
    """

    low: Float64[np.ndarray, "*shape"]
    span: Float64[np.ndarray, "*shape"]

    def __call__(self, x: Shaped[np.ndarray, "n ..."]) -> Float[np.ndarray, "n ..."]:
        """The normalised examples, in the precision of x; at least float32.

        Raises:
          ValueError: an example is not of the shape of those that the range is from.
        """
        if x.ndim < 1 or x.shape[1:] != self.low.shape:
            raise ValueError(
                f"examples of shape {list(self.low.shape)} are expected, got an array of shape"
                f" {list(x.shape)} instead of {['n', *self.low.shape]}"
            )
        return ((x - self.low) / self.span).astype(np.result_type(x, np.float32))


def min_max(x: Shaped[np.ndarray, "n ..."]) -> MinMax:
    """low = min_i x_i and span = max_i x_i - min_i x_i, over the examples.

    The test examples go through the map of the training examples, and may fall outside [0, 1]:

        normalize = data.min_max(train)
        train, test = normalize(train), normalize(test)

    A feature that is the same in all of x becomes 0.

    Args:
      x: the training examples, one a row.

    Raises:
      ValueError: x has no examples, or a number that is not finite.
      TypeError: x is not of numbers.
    """
    if x.ndim < 1 or not len(x):
        raise ValueError(f"a range needs at least one example, got shape {list(x.shape)}")
    check_finite(x, "a range")
    low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
    return MinMax(np.asarray(low), np.where(high > low, high - low, 1.0))
