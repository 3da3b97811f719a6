"""Small generated sets, each with an answer that is known beforehand."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.data.dataset import Dataset, Examples, from_arrays

_CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
_GATES = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0], "xor": [0, 1, 1, 0]}

_TEN_ROWS = [
    (2.7810836, 2.550537003),
    (1.465489372, 2.362125076),
    (3.396561688, 4.400293529),
    (1.38807019, 1.850220317),
    (3.06407232, 3.005305973),
    (7.627531214, 2.759262235),
    (5.332441248, 2.088626775),
    (6.922596716, 1.77106367),
    (8.675418651, -0.242068655),
    (7.673756466, 3.508563011),
]


def ten_rows() -> Dataset:
    """Ten points of two classes, five each  [ann_session 4.3]; x_1 < 4 is class 0."""
    return from_arrays(np.array(_TEN_ROWS), np.repeat([0, 1], 5), name="ten_rows")


def gate(name: str) -> Dataset:
    """The truth table of "and", "or", "nand" or "xor", of which one neuron cannot learn the last.

    Raises:
      ValueError: there is no such gate.
    """
    if name not in _GATES:
        raise ValueError(f"there is no gate {name!r}, only {', '.join(_GATES)}")
    return from_arrays(_CORNERS, np.array(_GATES[name]), name=name)


def line() -> Dataset:
    """The points (1, 1), (2, 2), (3, 3) for regression: slope 1, no offset, no error is left."""
    points = np.array([[1.0], [2.0], [3.0]])
    return from_arrays(points, points, name="line")


def blobs(n: int = 100, *, distance: float = 4.0, dims: int = 2, seed: int = 0) -> Dataset:
    """Two normal clouds of deviation 1, their centres apart by `distance` along the first axis.

    No classifier does better than `best_accuracy_of_blobs`, and x_1 > 0 does as well.

    Args:
      n: the number of examples to train on, half of each class; as many more are to test on.
      distance: of the centres.
      dims: the number of features.
      seed: of the draw.
    """

    def draw_fn(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
        points = rng.normal(size=(n, dims))
        points[:, 0] += distance * (labels - 0.5)
        return points

    return _two_classes("blobs", n, seed, draw_fn)


def best_accuracy_of_blobs(distance: float) -> float:
    """Phi(distance / 2), the share of a cloud on its own side of the middle."""
    return 0.5 * (1 + math.erf(distance / math.sqrt(8)))


def moons(n: int = 100, *, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Two half circles that reach into one another; no straight line parts them.

        (cos t, sin t) and (1 - cos t, 1/2 - sin t), t uniform in [0, pi)

    Without noise they are 0.5 apart, so that 1.0 can be reached.

    Args:
      n: the number of examples to train on, half of each class; as many more are to test on.
      noise: the deviation of the normal noise on each coordinate.
      seed: of the draw.
    """
    checks.nonnegative("noise", noise)

    def draw_fn(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
        t = rng.uniform(0, math.pi, n)
        sign = 1 - 2 * labels
        points = np.stack([labels + sign * np.cos(t), labels / 2 + sign * np.sin(t)], axis=1)
        return points + noise * rng.normal(size=points.shape)

    return _two_classes("moons", n, seed, draw_fn)


def spirals(n: int = 100, *, turns: float = 1.0, noise: float = 0.0, seed: int = 0) -> Dataset:
    """Two spirals wound round each other, half a turn apart.

        r (cos a, sin a), a = 2 pi turns r + pi label, r uniform in [0.1, 1)

    Without noise the label can be read from (a - 2 pi turns r) / pi, so that 1.0 can be reached.

    Args:
      n: the number of examples to train on, half of each class; as many more are to test on.
      turns: how often each winds round the origin.
      noise: the deviation of the normal noise on each coordinate.
      seed: of the draw.
    """
    checks.nonnegative("noise", noise)

    def draw_fn(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
        r = rng.uniform(0.1, 1, n)
        angle = 2 * math.pi * turns * r + math.pi * labels
        points = r[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return points + noise * rng.normal(size=points.shape)

    return _two_classes("spirals", n, seed, draw_fn)


class Surface(NamedTuple):
    """f(w) = 1/2 sum_i c_i w_i^2, whose one flat point is 0.

    It is a minimum where all c_i > 0, and a saddle where they have both signs. A step of gradient
    descent multiplies w_i by 1 - learning_rate c_i, so that 2 / max c_i is the largest rate at
    which no w_i grows, and a w_i of negative curvature always does.

    Attributes:
      curvatures: c, the eigenvalues of the Hessian.
    """

    curvatures: Float[Array, " n"]

    def value(self, w: Float[Array, " n"]) -> Float[Array, ""]:
        """f(w), to be made small."""
        return 0.5 * jnp.sum(self.curvatures * w**2)

    def gradient(self, w: Float[Array, " n"]) -> Float[Array, " n"]:
        """d f / d w_i = c_i w_i."""
        return self.curvatures * w


def bowl(condition: float = 10.0) -> Surface:
    """A minimum in two dimensions, `condition` times as steep along the second axis."""
    checks.positive("condition", condition)
    return Surface(jnp.array([1.0, condition]))


def saddle(steepness: float = 1.0) -> Surface:
    """A minimum along the first axis, a maximum along the second."""
    checks.positive("steepness", steepness)
    return Surface(jnp.array([1.0, -steepness]))


def _two_classes(name, n, seed, draw_fn) -> Dataset:
    if n < 2:
        raise ValueError(f"n={n} examples cannot be of two classes: give 2 or more")
    splits = []
    for split in range(2):
        rng = np.random.default_rng((seed, split))
        labels = rng.permutation(np.arange(n) % 2)
        splits.append(Examples(draw_fn(rng, labels).astype(np.float32), labels.astype(np.int32)))
    return from_arrays(*splits[0], *splits[1], name=name)
