"""A table of comma-separated values as a data set: numbers, and one column of labels."""

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxnn.data.dataset import Dataset, from_arrays
from jaxnn.data.errors import DataCorruptError, DataNotFoundError
from jaxnn.data.prepare import splits

MAX_BYTES = 1 << 28

_LARGEST = float(np.finfo(np.float32).max)
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_MISSING = ("", "?", "na", "n/a", "nan", "null", "none")


def from_csv(
    path: str | os.PathLike[str],
    *,
    label: str | int = -1,
    drop: Sequence[str | int] = (),
    header: bool = False,
    delimiter: str = ",",
    regression: bool = False,
    test_size: float | int = 0,
    seed: int = 0,
    name: str | None = None,
) -> Dataset:
    """The rows of a CSV file, as float32 features and class indices.

    The classes are the different texts of the label column in ascending order, by value where all
    of them are integers: the same in every process, unlike the order of a set  [ann_session,
    Quest].

    Args:
      path: of the file, in UTF-8; empty lines are left out.
      label: the column of the labels, by its name in the header or its place from 0 (or from -1).
      drop: columns that are neither label nor feature, such as names.
      header: the first row names the columns.
      delimiter: between two cells.
      regression: the labels are numbers to be predicted, not classes.
      test_size: the fraction or number of examples to test on, split as splits.split_rows does; 0
        for no test split.
      seed: of that split.
      name: of the data set; None for that of the file.

    Raises:
      DataNotFoundError: there is no such file.
      DataCorruptError: it is not such a table; the message says which row, what and what to do.
      ValueError: there is no such column, or the split cannot be made.
    """
    path = Path(path)
    rows, first = _rows(path, delimiter), 1
    names = [str(place) for place in range(len(rows[0][1]))]
    if header:
        first, names = rows.pop(0)
        if len(set(names)) != len(names):
            raise DataCorruptError(f"{path}: the header names a column twice: {', '.join(names)}")
        if not rows or all(map(_is_number, names)):
            raise DataCorruptError(
                f"{path}, row {first}: {', '.join(names[:5])} is not followed by any row, or is no"
                " header: leave header=True out, or add rows"
            )
    label_place = _place(label, names, path)
    dropped = {_place(column, names, path) for column in drop}
    places = [i for i in range(len(names)) if i != label_place and i not in dropped]
    if not places:
        raise ValueError(f"{path} has no column of features beside the label {label!r}")
    width = len(names)
    inputs = np.empty((len(rows), len(places)), np.float32)
    for row, (line, cells) in enumerate(rows):
        if len(cells) != width:
            raise DataCorruptError(
                f"{path}, row {line} has {len(cells)} cells, but the first has {width}: mend it,"
                " or give the delimiter"
            )
        inputs[row] = [_number(cells[i], path, line, names[i], rows, i) for i in places]
        if cells[label_place].lower() in _MISSING:
            raise DataCorruptError(f"{path}, row {line} has no label: fill it in or leave it out")
    texts = [cells[label_place] for _, cells in rows]
    classes: tuple[str, ...] = ()
    if regression:
        numbers = [
            _number(text, path, line, names[label_place], rows, label_place)
            for text, (line, _) in zip(texts, rows, strict=True)
        ]
        labels = np.array(numbers, np.float32)
    else:
        is_integer = all(_INTEGER.fullmatch(text) for text in texts)
        classes = tuple(sorted(set(texts), key=int if is_integer else None))
        number_of = {text: number for number, text in enumerate(classes)}
        labels = np.array([number_of[text] for text in texts], np.int32)
    arrays = [inputs, labels]
    if test_size:
        split = splits.split_rows(labels, test=test_size, seed=seed)
        arrays = [array[part] for part in (split.train, split.test) for array in (inputs, labels)]
    return from_arrays(*arrays, name=name or path.stem, classes=classes)


def _rows(path: Path, delimiter: str) -> list[tuple[int, list[str]]]:
    """(row number in the file, stripped cells) of each row that is not empty."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DataCorruptError(f"{path} has {size} bytes, over {MAX_BYTES}: cut it")
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except FileNotFoundError as error:
        raise DataNotFoundError(f"there is no file {path}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataCorruptError(f"{path} is no CSV file in UTF-8: {error}") from error
    rows = [(line, cells) for line, cells in rows if any(cells)]
    if not rows:
        raise DataCorruptError(f"{path} holds no row")
    return rows


def _place(column: str | int, names: list[str], path: Path) -> int:
    if isinstance(column, str) and column in names:
        return names.index(column)
    if isinstance(column, int) and -len(names) <= column < len(names):
        return column % len(names)
    raise ValueError(
        f"{path} has no column {column!r}: there are {', '.join(names)}; columns have names where"
        " header=True, and places otherwise"
    )


def _number(
    cell: str, path: Path, line: int, column: str, rows: list[tuple[int, list[str]]], place: int
) -> float:
    if cell.lower() in _MISSING:
        count = sum(cells[place : place + 1] == [cell] for _, cells in rows)
        raise DataCorruptError(
            f"{path}, row {line}, column {column} is missing ({cell!r}), as in {count} rows in all:"
            " fill it in, leave the rows out, or drop the column"
        )
    if not _is_number(cell):
        raise DataCorruptError(
            f"{path}, row {line}, column {column} is {cell!r}, not a finite number of float32:"
            f" drop=[{column!r}] leaves the column out, header=True takes the first row as names"
        )
    return float(cell)


def _is_number(cell: str) -> bool:
    try:
        return abs(float(cell)) <= _LARGEST  # false for NaN too
    except ValueError:
        return False
