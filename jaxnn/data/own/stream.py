"""Training examples that are too many for the memory: they stay where they are until their turn."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from jaxnn import checks
from jaxnn.data import arrays
from jaxnn.data.dataset import Dataset, Examples, assemble

SAMPLE = 64  # examples that stand for all of them in the fingerprint


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Stream(Dataset):
    """A data set of which a run fetches the training examples batch by batch.

    Attributes:
      train: the shapes and dtypes of the training examples as they are fetched.
      source: where they are.
      digest: what tells the source from others, or None.
      threads: how many parts of it are fetched at the same time.
    """

    source: Any
    digest: str | None
    threads: int

    def fetch(self, rows: np.ndarray) -> Examples:
        """These training examples, with the axes of rows in front.

        Raises:
          ValueError, TypeError: one of them is not what `from_arrays` takes, or unlike the first.
        """
        flat = rows.reshape(-1)
        try:
            x, y = self._checked(*_read(self.source, flat))
        except (ValueError, TypeError):
            for row in flat:  # which one is it?
                self._check_one(int(row))
            raise
        return Examples(x.reshape(*rows.shape, *x.shape[1:]), y.reshape(*rows.shape, *y.shape[1:]))

    def fingerprint(self) -> str:
        """The digest that was given, or SHA-256 of the sizes and of some examples."""
        if self.digest is not None:
            return self.digest
        num = len(self.train.inputs)
        sample = self.fetch(np.unique(np.linspace(0, num - 1, SAMPLE).astype(np.int64)))
        sums = hashlib.sha256(repr((num, *((a.shape[1:], a.dtype) for a in sample))).encode())
        for leaf in sample:
            sums.update(np.ascontiguousarray(leaf).data)
        return sums.hexdigest()

    def _checked(self, inputs: ArrayLike, labels: ArrayLike) -> Examples:
        made = assemble(_frozen(inputs), _frozen(labels), classes=self.classes)
        for what, a, b in zip(("inputs", "labels"), made.train, self.train, strict=True):
            if (a.shape[1:], a.dtype) != (b.shape[1:], b.dtype):
                raise ValueError(
                    f"its {what} are {a.dtype}{list(a.shape[1:])}, but those of example 0"
                    f" {b.dtype}{list(b.shape[1:])}"
                )
        return made.train

    def _check_one(self, row: int) -> None:
        try:
            self._checked(*_read(self.source, np.array([row])))
        except (ValueError, TypeError) as error:
            raise type(error)(f"example {row} of {self.name}: {error}") from error


def from_source(
    source: Any,
    test_inputs: ArrayLike | None = None,
    test_labels: ArrayLike | None = None,
    *,
    name: str = "stream",
    classes: Sequence[str] | None = None,
    scale: float = 1.0,
    digest: str | None = None,
    threads: int = 4,
) -> Stream:
    """A data set of which only the test split is in memory; runs on it need the extra `streaming`.

    Args:
      source: a pair (inputs, labels) of arrays, such as `np.load("x.npy", mmap_mode="r")`; or an
        object with `len(source)`, of which `source[i]` is (inputs, label) of example i, as Grain's
        own sources are, and which may have `__getitems__(indices)`, which gives the arrays of many
        at once. Several threads read it at the same time.
      test_inputs: as in `from_arrays`.
      test_labels: as in `from_arrays`.
      name: as in `from_arrays`.
      classes: as in `from_arrays`; None counts the labels of a pair of arrays.
      scale: as in `from_arrays`.
      digest: a text that changes when the examples do; checkpoints are resumed under the same one
        only. None takes the sizes and some of the examples for it.
      threads: how many parts are fetched at the same time, and kept ready for the run.

    Raises:
      ValueError, TypeError: the first example or the test split is not what `from_arrays` takes.
    """
    checks.positive_int("threads", threads)
    if isinstance(source, tuple):
        source = _Arrays(*source)
    if not len(source):
        raise ValueError(f"{name} has no training examples: give at least one")
    first = _read(source, np.array([0]))
    if classes is None and arrays.as_array(first[1], "labels").dtype.kind in "iubU":
        if not isinstance(source, _Arrays):
            raise ValueError(
                f"{name} does not say how many classes there are: name them in classes=, or give"
                " classes=() for regression"
            )
        labels = arrays.as_array(source.labels, "labels")
        indices, names = arrays.class_indices(labels, None, "labels")
        classes = names or arrays.counted(indices, "labels")
    made = assemble(
        *first, test_inputs, test_labels, name=name, classes=classes, scale=scale
    )  # fmt: skip
    shapes: Any = (jax.ShapeDtypeStruct((len(source), *a.shape[1:]), a.dtype) for a in made.train)
    return Stream(
        name, Examples(*shapes), made.test, made.classes, made.scale, source, digest, threads
    )


class _Arrays:
    """A pair of arrays as a source."""

    def __init__(self, inputs: Any, labels: Any):
        if len(inputs) != len(labels):
            raise ValueError(
                f"the source has {len(inputs)} inputs and {len(labels)} labels: give one label per"
                " example"
            )
        self.inputs, self.labels = inputs, labels

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitems__(self, rows: np.ndarray) -> tuple[Any, Any]:
        return self.inputs[rows], self.labels[rows]


def _read(source: Any, rows: np.ndarray) -> tuple[Any, Any]:
    """The arrays of some examples."""
    if hasattr(source, "__getitems__"):
        return source.__getitems__(rows)
    pairs = [source[int(row)] for row in rows]
    inputs, labels = (np.stack([np.asarray(pair[i]) for pair in pairs]) for i in (0, 1))
    return inputs, labels


def _frozen(array: ArrayLike) -> np.ndarray:
    """Read-only: `from_arrays` copies what could still be written to."""
    view = arrays.as_array(array, "what the source gives").view()
    view.flags.writeable = False
    return view
