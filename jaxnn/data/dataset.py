"""What a run trains on: checked, read-only NumPy arrays, with a published or a made split."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, UInt8
from numpy.typing import ArrayLike

from jaxnn.data import arrays


class Examples(NamedTuple):
    """One split: one row per example, in a fixed order."""

    inputs: (
        UInt8[np.ndarray, "n *shape"]
        | Int32[np.ndarray, "n *shape"]
        | Float32[np.ndarray, "n *shape"]
    )
    labels: Int32[np.ndarray, " n"] | Float32[np.ndarray, "n *target"]


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test examples; hashed and compared by identity.

    Attributes:
      classes: the name of each label 0, 1, ...; () for regression.
      scale: the run divides the inputs by it (255.0 maps uint8 pixels to [0, 1]).
      validation: examples to choose hyperparameters on, where some are held out.
      features: the name of each feature of a table; () where they have none.
    """

    name: str
    train: Examples
    test: Examples | None
    classes: tuple[str, ...]
    scale: float
    validation: Examples | None = dataclasses.field(default=None, kw_only=True)
    features: tuple[str, ...] = dataclasses.field(default=(), kw_only=True)

    def __repr__(self) -> str:
        inputs = self.train.inputs
        held_out = f"validation={len(self.validation.inputs)}, " if self.validation else ""
        sizes = (
            f"train={len(inputs)}, {held_out}test={len(self.test.inputs) if self.test else None}"
        )
        kind = f"classes={len(self.classes)}" if self.classes else "regression"
        return f"Dataset({self.name!r}, {sizes}, {inputs.dtype}{list(inputs.shape[1:])}, {kind})"


def from_arrays(
    train_inputs: ArrayLike,
    train_labels: ArrayLike,
    test_inputs: ArrayLike | None = None,
    test_labels: ArrayLike | None = None,
    *,
    name: str = "arrays",
    classes: Sequence[str] | None = None,
    scale: float = 1.0,
) -> Dataset:
    """A data set from arrays, copied where they could still be written to.

    Args:
      train_inputs: [n, ...]: uint8; another integer dtype, such as token ids, which becomes int32;
        or a floating dtype, which becomes float32.
      train_labels: class indices [n] or [n, 1] of an integer dtype, names or booleans of classes,
        or regression targets [n, ...] of a floating dtype.
      test_inputs: as train_inputs, one example of the same shape and dtype; None for no test split.
      test_labels: as train_labels.
      name: what messages and results call the data set.
      classes: the name of each class; None counts 0 to the largest training label, or takes the
        names that occur, sorted; () takes integer labels as regression targets.
      scale: the number that maps the inputs to the range that the network sees.

    Raises:
      ValueError, TypeError: the arrays do not fit together; the message says where and what to do.
    """
    made = assemble(
        train_inputs,
        train_labels,
        test_inputs,
        test_labels,
        name=name,
        classes=classes,
        scale=scale,
    )
    if made.test is not None and made.classes:
        _check_trained_on(made.train.labels, made.test.labels, made.classes)
    return made


def assemble(
    train_inputs: ArrayLike,
    train_labels: ArrayLike,
    test_inputs: ArrayLike | None = None,
    test_labels: ArrayLike | None = None,
    *,
    name: str = "arrays",
    classes: Sequence[str] | None = None,
    scale: float = 1.0,
) -> Dataset:
    """`from_arrays` of training examples that need not show every class."""
    if (test_inputs is None) != (test_labels is None):
        raise ValueError("only one of test_inputs and test_labels was given: give both or none")
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be positive and finite, got {scale}: it divides the inputs")
    if classes is not None:
        classes = _checked_classes(classes)
    train_labels, classes = arrays.class_indices(
        arrays.as_array(train_labels, "train_labels"), classes, "train_labels"
    )
    train = _examples(train_inputs, train_labels, "train", regression=classes == ())
    if train.labels.dtype == np.int32 and classes is None:
        classes = arrays.counted(train.labels, "train_labels")
    names = tuple(classes or ())
    _check_labels(train.labels, names, "train_labels")
    test = None
    if test_inputs is not None and test_labels is not None:
        test_labels, _ = arrays.class_indices(
            arrays.as_array(test_labels, "test_labels"), names, "test_labels"
        )
        test = _examples(test_inputs, test_labels, "test", regression=not names)
        _check_labels(test.labels, names, "test_labels")
        _check_alike(train, test)
    return Dataset(name, train, test, names, float(scale))


def _examples(inputs: ArrayLike, labels: ArrayLike, split: str, *, regression: bool) -> Examples:
    x = _frozen(_checked_inputs(arrays.as_array(inputs, f"{split}_inputs"), f"{split}_inputs"))
    y = _frozen(_checked_labels(np.asarray(labels), f"{split}_labels", regression))
    if len(x) != len(y):
        raise ValueError(
            f"{split}_inputs has {len(x)} rows and {split}_labels has {len(y)}: "
            "give one label per example"
        )
    return Examples(x, y)


def _checked_inputs(x: np.ndarray, what: str) -> np.ndarray:
    if x.ndim < 2:
        raise ValueError(
            f"{what} needs shape [examples, ...], got {list(x.shape)}: "
            "reshape(-1, 1) makes a column of one feature"
        )
    if x.size == 0:
        raise ValueError(f"{what} of shape {list(x.shape)} is empty: give at least one example")
    if x.dtype == np.uint8:
        return x
    if np.issubdtype(x.dtype, np.integer):
        return _int32(x, what)
    if not np.issubdtype(x.dtype, np.floating):
        raise TypeError(
            f"{what} has dtype {x.dtype}, only integer and floating dtypes are supported: "
            "use .astype(np.float32)"
        )
    return _finite_float32(x, what)


def _checked_labels(y: np.ndarray, what: str, regression: bool) -> np.ndarray:
    if y.ndim == 0:
        raise ValueError(f"{what} needs one label per example, got the single value {y}")
    if np.issubdtype(y.dtype, np.floating) or (regression and np.issubdtype(y.dtype, np.integer)):
        return _finite_float32(y, what)
    if not np.issubdtype(y.dtype, np.integer):
        advice = (
            "leave classes=() out, which asks for numbers to predict"
            if regression and y.dtype.kind in "bU"
            else "give class indices, names of classes, or targets by .astype(np.float32)"
        )
        raise TypeError(f"{what} has dtype {y.dtype} and shape {list(y.shape)}: {advice}")
    if y.ndim != 1:
        arrays.refuse_rows(y, what)
    if y.size and (y.min() < 0 or y.max() > np.iinfo(np.int32).max):
        bad = int(y.min() if y.min() < 0 else y.max())
        raise ValueError(f"{what} holds {bad}: class indices count from 0")
    return y.astype(np.int32, copy=False)


def _int32(x: np.ndarray, what: str) -> np.ndarray:
    limits = np.iinfo(np.int32)
    for value in (x.min(), x.max()):
        if not limits.min <= value <= limits.max:
            raise ValueError(
                f"{what} holds {value}, which is beyond int32: number the ids from 0, as"
                " np.unique(x, return_inverse=True) does, or use .astype(np.float32) for quantities"
            )
    return x.astype(np.int32, copy=False)


def _finite_float32(x: np.ndarray, what: str) -> np.ndarray:
    with np.errstate(over="ignore"):  # an overflow becomes an inf, and is reported as such below
        x32 = x.astype(np.float32, copy=False)
    finite = np.isfinite(x32)
    if not finite.all():
        place = np.unravel_index(int(np.argmin(finite)), x.shape)
        at = ", ".join(str(int(i)) for i in place)
        raise ValueError(
            f"{what}[{at}] is {x[place]}, and {int((~finite).sum())} values in all are not finite "
            "as float32: remove or replace them first"
        )
    arrays.check_told_apart(x, what)
    return x32


def _frozen(array: np.ndarray) -> np.ndarray:
    if array.flags.writeable:  # the caller may hold it too
        array = array.copy()
        array.flags.writeable = False
    return array


def _checked_classes(classes: Sequence[str]) -> tuple[str, ...]:
    names = tuple(map(str, classes))
    twice = [(name, count) for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"classes names {twice[0][0]!r} {twice[0][1]} times: name each once")
    return names


def _check_labels(labels: np.ndarray, classes: tuple[str, ...], what: str) -> None:
    if not classes:
        return
    if labels.dtype != np.int32:
        raise TypeError(
            f"{what} is floating but there are {len(classes)} classes: "
            "give integer class indices, as labels.astype(int) of whole numbers, or classes=() for"
            " regression"
        )
    if labels.max() >= len(classes):
        row = int(np.argmax(labels))
        raise ValueError(
            f"{what}[{row}] is {labels[row]}, but the {len(classes)} classes allow "
            f"0 to {len(classes) - 1}: name every class in classes="
        )


def _check_trained_on(train: np.ndarray, test: np.ndarray, classes: tuple[str, ...]) -> None:
    missing = np.setdiff1d(test, train)
    if len(missing):
        rows = np.flatnonzero(test == missing[0])
        raise ValueError(
            f"test_labels[{rows[0]}] is {missing[0]} ({classes[missing[0]]!r}), as in {len(rows)}"
            " rows, but no training example is of that class: leave these rows out, or split with"
            " data.split_rows"
        )


def _check_alike(train: Examples, test: Examples) -> None:
    pairs = {"inputs": (train.inputs, test.inputs), "labels": (train.labels, test.labels)}
    for what, (a, b) in pairs.items():
        if (a.shape[1:], a.dtype) != (b.shape[1:], b.dtype):
            raise ValueError(
                f"one row of test_{what} is {b.dtype}{list(b.shape[1:])}, but of train_{what} "
                f"{a.dtype}{list(a.shape[1:])}: prepare both splits alike"
            )
