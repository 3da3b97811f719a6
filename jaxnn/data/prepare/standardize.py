"""Standardising: features of mean 0 and deviation 1, by the statistics of the training examples."""

import operator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Shaped


class Standardizer(NamedTuple):
    """The map u = (x - m) / s, feature by feature; `standardizer` makes it.

    Attributes:
      mean: m.
      scale: s, above 0.
    """

    mean: Float64[np.ndarray, "*shape"]
    scale: Float64[np.ndarray, "*shape"]

    def __call__(self, x: Shaped[np.ndarray, "n ..."]) -> Float[np.ndarray, "n ..."]:
        """The standardised examples, in the precision of x; at least float32.

        Raises:
          ValueError: an example is not of the shape of those that m and s are from.
        """
        if x.ndim < 1 or x.shape[1:] != self.mean.shape:
            raise ValueError(
                f"examples of shape {list(self.mean.shape)} are expected, got an array of shape"
                f" {list(x.shape)} instead of {['n', *self.mean.shape]}"
            )
        return ((x - self.mean) / self.scale).astype(np.result_type(x, np.float32))


def standardizer(x: Shaped[np.ndarray, "n ..."], *, ddof: int = 0) -> Standardizer:
    """m = (1/n) sum_i x_i and s^2 = (1/(n - ddof)) sum_i (x_i - m)^2, over the examples.

    The test examples have to go through the map of the training examples:

        standardize = data.standardizer(train)
        train, test = standardize(train), standardize(test)

    A feature that is the same in all of x has no deviation: it gets s = 1, so that it becomes 0.

    Args:
      x: the training examples, one a row.
      ddof: 0, as in scikit-learn, or 1, as in R's scale(), which divides by n - 1.

    Raises:
      TypeError, ValueError: ddof is not an int of at least 0, or x is not of numbers.
      ValueError: x has no more than ddof examples, or a number that is not finite.
    """
    if isinstance(ddof, bool) or operator.index(ddof) < 0:
        raise ValueError(f"ddof must be an int of at least 0, got {ddof}")
    if x.ndim < 1 or len(x) <= ddof:
        raise ValueError(
            f"a deviation with ddof={ddof} needs more than {ddof} examples, got shape"
            f" {list(x.shape)}"
        )
    check_finite(x, "a mean")
    same = (x == x[0]).all(axis=0)
    mean = np.where(same, x[0], x.mean(axis=0, dtype=np.float64))  # a mean of the same is rounded
    deviation = x.std(axis=0, dtype=np.float64, ddof=ddof)
    return Standardizer(mean.astype(np.float64), np.where(same, 1.0, deviation))


def check_finite(x: Shaped[np.ndarray, "n ..."], what: str) -> None:
    """ValueError where a number is not; the message says which and how many."""
    if np.ma.is_masked(x) or x.dtype.kind not in "iufb":
        kind = "masked entries" if np.ma.is_masked(x) else f"dtype {x.dtype}"
        raise TypeError(
            f"{what} needs numbers, got an array of {kind}: .astype(np.float32) makes numbers of"
            " texts and objects, .filled(value) fills masks in"
        )
    finite = np.isfinite(x)
    if not finite.all():
        place = np.unravel_index(int(np.argmin(finite)), x.shape)
        at = ", ".join(str(int(i)) for i in place)
        raise ValueError(
            f"{what} needs finite numbers, but x[{at}] is {x[place]}, one of"
            f" {int((~finite).sum())} that are NaN or infinite: remove or replace them first"
        )
