"""What was given as an array, as numbers or names; what would be lost on the way is an error."""

from collections.abc import Sequence
from typing import Any

import numpy as np

_MOST_UNNAMED = 1000  # classes that nobody named, unless a tenth of them occurs
_STEP, _SHARE = 2.0**-24, 0.01  # of float32 beside a number; of a range, that rounding may be


def as_array(given: Any, what: str) -> np.ndarray:
    """Numbers, booleans or texts.

    Raises:
      ValueError: rows of different lengths, or masked entries.
      TypeError: it holds something else.
    """
    if isinstance(given, np.ma.MaskedArray):
        if np.ma.is_masked(given):
            count, first = int(given.mask.sum()), np.argwhere(given.mask)[0].tolist()
            raise ValueError(
                f"{what}{first} is masked, as {count} entries in all: .filled(value) fills them in,"
                " or leave their rows out"
            )
        given = given.data
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise ValueError(f"{what} has rows that differ in shape ({error}): pad or cut them") from (
            error
        )
    return _of_objects(array, what) if array.dtype == object else array


def _of_objects(array: np.ndarray, what: str) -> np.ndarray:
    """An array of Python's objects as what they all are."""
    cells = array.reshape(-1).tolist()
    if all(isinstance(cell, str) for cell in cells):
        return array.astype(str)
    if all(isinstance(cell, bool | np.bool_) for cell in cells):
        return array.astype(bool)
    if all(isinstance(cell, int | np.integer) and not isinstance(cell, bool) for cell in cells):
        return array.astype(np.int64)
    try:
        if not any(isinstance(cell, str | complex) for cell in cells):
            return array.astype(np.float64)
    except (TypeError, ValueError):
        pass
    kinds = sorted({type(cell).__name__ for cell in cells})
    raise TypeError(
        f"{what} holds {', '.join(kinds)}, not numbers alone: data.from_frame takes pandas frames"
        " with texts and gaps; give numbers otherwise"
    )


def class_indices(
    labels: np.ndarray, classes: Sequence[str] | None, what: str
) -> tuple[np.ndarray, Sequence[str] | None]:
    """Labels of one column as a row; names and booleans as indices of their classes.

    Args:
      labels: [n] or [n, 1] of integers, names or booleans; others are given back as they are.
      classes: what the indices count; None takes the names that occur, sorted.
      what: how messages call the labels.

    Raises:
      ValueError: a name is none of the classes.
    """
    if labels.dtype.kind not in "iubU" or classes == ():
        return labels, classes
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype == bool and labels.ndim == 1:
        return labels.astype(np.int32), ("False", "True") if classes is None else classes
    if labels.dtype.kind != "U" or labels.ndim != 1:
        return labels, classes
    names = np.unique(labels).tolist() if classes is None else list(map(str, classes))
    number = {name: index for index, name in enumerate(names)}
    strange = [row for row, label in enumerate(labels.tolist()) if label not in number]
    if strange:
        raise ValueError(
            f"{what}[{strange[0]}] is {str(labels[strange[0]])!r}, as {len(strange)} that are none"
            f" of the classes {', '.join(names[:10])}: name every class in classes=, or leave these"
            " rows out"
        )
    return np.array([number[label] for label in labels.tolist()], np.int32), names


def counted(labels: np.ndarray, what: str) -> list[str]:
    """The names of classes that nobody named: 0 to the largest label.

    Raises:
      ValueError: nearly none of them occurs, so that the labels are no indices.
    """
    num_classes, present = int(labels.max()) + 1, len(np.unique(labels))
    if num_classes > max(_MOST_UNNAMED, 10 * present):
        row = int(np.argmax(labels))
        raise ValueError(
            f"{what}[{row}] is {labels[row]}, which makes {num_classes} classes, of which {present}"
            " occur: number them from 0, as np.unique(labels, return_inverse=True)[1] does for all"
            " splits together; or give classes=() to predict the numbers"
        )
    return [str(index) for index in range(num_classes)]


def refuse_rows(labels: np.ndarray, what: str) -> None:
    """The error for integer labels of several columns, by what they seem to be."""
    start = f"{what} needs shape [examples], got {list(labels.shape)}"
    is_hot = labels.ndim == 2 and bool(((labels == 0) | (labels == 1)).all())
    if is_hot and bool((labels.sum(axis=1) == 1).all()):
        advice = "each row holds one 1: labels.argmax(axis=-1) gives class indices"
    elif is_hot:
        advice = (
            "rows hold several or no 1: labels.astype(np.float32) are targets, as for"
            " losses.sigmoid_binary_cross_entropy"
        )
    else:
        advice = "give class indices, or labels.astype(np.float32) to predict the numbers"
    raise ValueError(f"{start}: {advice}")


def check_told_apart(x: np.ndarray, what: str) -> None:
    """ValueError where the numbers of a feature differ by less than float32 can tell."""
    if x.dtype.itemsize < 4 or x.dtype == np.float32 or not x.size:
        return
    low, high = x.min(axis=0), x.max(axis=0)
    span = np.asarray(high, np.float64) - low
    lost = (np.maximum(np.abs(low), np.abs(high)) * _STEP > _SHARE * span) & (span > 0)
    if lost.any():
        place = np.unravel_index(int(np.argmax(lost)), lost.shape)
        column = ", ".join([":", *(str(int(i)) for i in place)])
        raise ValueError(
            f"{what}[{column}] goes from {low[place]} to {high[place]}, which float32 cannot tell"
            " apart: subtract the smallest value from each first"
        )
