"""A table as a data set: from a CSV file or a pandas frame, with columns of labels."""

import dataclasses
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxnn.data.dataset import Dataset, from_arrays
from jaxnn.data.errors import DataCorruptError
from jaxnn.data.own import columns, csv_file
from jaxnn.data.own.columns import Column, Problems
from jaxnn.data.prepare import splits

_Columns = Sequence[str | int]

_MISSING = (None, "mean", "median", "drop")

_log = logging.getLogger(__name__)


def from_csv(
    path: str | os.PathLike[str],
    *,
    label: str | int | _Columns = -1,
    drop: _Columns = (),
    categories: _Columns = (),
    missing: str | None = None,
    regression: bool | None = None,
    header: bool | None = None,
    delimiter: str = ",",
    encoding: str = "utf-8",
    decimal: str | None = None,
    test_size: float | int = 0,
    seed: int = 0,
    name: str | None = None,
) -> Dataset:
    """The rows of a CSV file, as float32 features and class indices or targets.

    Columns of numbers are features as they are, TRUE and FALSE are 1 and 0, and a column of a few
    texts that recur becomes one feature of 0 and 1 for each text; `dataset.features` names them.
    The classes are the different labels in ascending order, by value where all of them are
    numbers, where `1`, `1.0` and `01` are one: the same in every process, unlike the order of a
    set  [ann_session, Quest].

    Args:
      path: of the file, which may be packed by gzip. Empty rows, a title above the header, empty
        columns at the end, and a first column without a name that counts the rows are left out.
      label: the column of the labels, by its name in the header or its place from 0 (or from -1);
        several columns are numbers to be predicted.
      drop: columns that are neither label nor feature, such as names.
      categories: further columns of which each different cell becomes a feature of 0 and 1.
      missing: None refuses gaps, and names them; "mean" and "median" fill those of numbers in with
        what the training rows have, and make a feature of those of texts; "drop" leaves the rows
        out. Rows without a label are left out where it is given.
      regression: the labels are numbers to be predicted, not classes. None takes them for classes
        unless they look like neither, which is an error.
      header: the first row names the columns; None finds it out.
      delimiter: between two cells.
      encoding: of the file, as Python names it.
      decimal: "." or "," before the decimals; None is a point, and an error where `1,234` may mean
        either.
      test_size: the fraction or number of examples to test on, split as splits.split_rows does; 0
        for no test split.
      seed: of that split.
      name: of the data set; None for that of the file.

    Returns:
      Inputs [n, features]; labels [n], or targets [n] or [n, columns].

    Raises:
      DataNotFoundError: there is no such file.
      DataCorruptError: it is no such table; the message says which row, what and what to do, for
        all columns at once.
      ValueError: there is no such column, a setting is none, or the split cannot be made.
    """
    if hasattr(path, "columns"):
        raise TypeError("from_csv reads a file, and this is a frame: data.from_frame takes it")
    if len(delimiter) != 1:
        raise ValueError(f"delimiter={delimiter!r} must be one character")
    if decimal not in (None, ".", ","):
        raise ValueError(f'decimal={decimal!r}: give "." or ","')
    targets = [label] if isinstance(label, str | int) else list(label)
    table = csv_file.read(
        Path(path),
        delimiter=delimiter,
        header=header,
        encoding=encoding,
        decimal=decimal,
        texts=[] if regression or len(targets) > 1 else targets,
    )
    meant = _Meant(label, drop, categories, missing, regression, decimal)
    return _dataset(table, meant, test_size, seed, name or Path(path).stem)


def from_frame(
    frame: Any,
    *,
    label: Any = -1,
    drop: Sequence[Any] = (),
    categories: Sequence[Any] = (),
    missing: str | None = None,
    regression: bool | None = None,
    test_size: float | int = 0,
    seed: int = 0,
    name: str = "frame",
) -> Dataset:
    """The rows of a pandas frame, as `from_csv` makes them of a file.

    Args:
      frame: a pandas.DataFrame of numbers, booleans, texts and categories; its index is left out.
      label: as in `from_csv`; a name of a column before it is a place.
      drop: as in `from_csv`, as are all others.
      categories: a column of pandas' own categories needs no mention.
      missing: NaN, None and pandas.NA are gaps too.
      regression: a label of floating numbers may need it.
      test_size: as in `from_csv`.
      seed: as in `from_csv`.
      name: of the data set.

    Raises:
      TypeError: it is no frame.
      DataCorruptError: a column is neither of numbers nor of a few texts, or has gaps.
      ValueError: there is no such column, a setting is none, or the split cannot be made.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"a pandas.DataFrame is expected, got a {type(frame).__name__}: data.from_arrays takes"
            " arrays, data.from_csv files"
        )
    if isinstance(frame.columns, pd.MultiIndex) or not frame.columns.is_unique:
        raise DataCorruptError(f"{name}: two columns share a name: rename them")
    if frame.empty:
        raise DataCorruptError(f"{name} of shape {list(frame.shape)} holds no row")
    table = csv_file.Table(name, frame, lambda place: f"row {frame.index[place]}")
    meant = _Meant(label, drop, categories, missing, regression, None)
    return _dataset(table, meant, test_size, seed, name)


class _Meant(NamedTuple):
    """What the user said of the columns."""

    label: Any
    drop: Sequence[Any]
    categories: Sequence[Any]
    missing: str | None
    regression: bool | None
    decimal: str | None


def _dataset(
    table: csv_file.Table, meant: _Meant, test_size: float | int, seed: int, name: str
) -> Dataset:
    if meant.missing not in _MISSING:
        raise ValueError(f"missing={meant.missing!r}: give one of {', '.join(map(repr, _MISSING))}")
    labels, features, kinds = _roles(table, meant)
    problems = Problems(table.what, table.row)
    inputs = {}
    for column in features:
        series = table.frame[column]
        is_kinds = column in kinds or series.dtype.name == "category"
        read_fn = columns.as_kinds if is_kinds else columns.as_features
        inputs[column] = read_fn(series, column, meant.decimal, problems)
    is_regression = meant.regression or len(labels) > 1
    read_fn = columns.as_numbers if is_regression else columns.as_kinds
    targets = [read_fn(table.frame[c], c, meant.decimal, problems) for c in labels]
    kept = _kept(table, meant, inputs, dict(zip(labels, targets, strict=True)), problems)
    if problems:
        raise DataCorruptError(str(problems))
    inputs = {c: read._replace(values=read.values[kept]) for c, read in inputs.items()}
    targets = [read._replace(values=read.values[kept]) for read in targets]
    y, classes = (
        (_numbers(targets), ())
        if is_regression
        else _classes(table, labels[0], targets[0], meant.regression)
    )
    rows = splits.split_rows(y, test=test_size, seed=seed)
    x, names = _matrix(table, inputs, rows.train, meant.missing)
    parts = [rows.train, rows.test] if test_size else [slice(None)]
    made = from_arrays(
        *(array[part] for part in parts for array in (x, y)), name=name, classes=classes
    )
    return dataclasses.replace(made, features=tuple(names))


def _roles(table: csv_file.Table, meant: _Meant) -> tuple[list[Any], list[Any], set[Any]]:
    """(columns of labels, of features, and those of the features that are kinds)."""
    names = list(table.frame.columns)
    is_one = isinstance(meant.label, str | int) or meant.label in names
    labels = [_column(c, names, table.what) for c in ([meant.label] if is_one else meant.label)]
    dropped = {_column(c, names, table.what) for c in meant.drop}
    kinds = {_column(c, names, table.what) for c in meant.categories}
    for column in labels:
        if column in dropped | kinds:
            raise ValueError(
                f"{table.what}: {column!r} is the label, and in drop= or categories= too: name the"
                " label by label="
            )
    if table.numbered is not None and table.numbered not in kinds.union(labels, dropped):
        _log.warning("%s: left out the first column, which counts the rows", table.what)
        dropped.add(table.numbered)
    features = [column for column in names if column not in dropped.union(labels)]
    if not features:
        raise ValueError(f"{table.what} has no column of features beside the label {meant.label!r}")
    return labels, features, kinds


def _column(column: Any, names: list[Any], what: str) -> Any:
    if column in names:
        return column
    if isinstance(column, int) and -len(names) <= column < len(names):
        return names[column]
    raise ValueError(
        f"{what} has no column {column!r}: there are {', '.join(map(str, names))}; columns have"
        " names where there is a header, and places from 0"
    )


def _kept(
    table: csv_file.Table,
    meant: _Meant,
    inputs: dict[Any, Column],
    labels: dict[Any, Column],
    problems: Problems,
) -> np.ndarray:
    """The rows that are used; gaps that nobody spoke of are problems."""
    kept = np.ones(len(table.frame), bool)
    for column, read in [*inputs.items(), *labels.items()]:
        gaps = table.frame[column].isna().to_numpy() | read.is_missing()
        if not gaps.any():
            continue
        if meant.missing is None or gaps.all():
            _say_gaps(column, gaps, problems, is_label=column in labels)
        elif meant.missing == "drop" or column in labels:
            kept &= ~gaps
    if not kept.all():
        _log.warning("%s: left out %d rows with gaps", table.what, int((~kept).sum()))
    if not kept.any() and not problems:
        raise DataCorruptError(
            f"{table.what}: every row has a gap: give missing='mean', or drop= the columns that"
            " have most of them"
        )
    return kept


def _say_gaps(column: Any, gaps: np.ndarray, problems: Problems, *, is_label: bool) -> None:
    count, first = int(gaps.sum()), int(np.argmax(gaps))
    if gaps.all():
        problems.add("drop={names}, or name another label", column, "holds nothing")
    elif is_label:
        advice = "fill them in; any missing= leaves these rows out"
        problems.add(advice, column, f"has no label, as {count} rows in all", first)
    else:
        advice = (
            "missing='mean' or 'median' fills them in, missing='drop' leaves the rows out,"
            " drop={names} the columns"
        )
        problems.add(advice, column, f"is missing, as in {count} rows in all", first)


def _numbers(targets: Sequence[Column]) -> np.ndarray:
    values = np.stack([read.values for read in targets], axis=-1).astype(np.float32)
    return values[:, 0] if len(targets) == 1 else values


def _classes(
    table: csv_file.Table, label: Any, read: Column, regression: bool | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    present, labels = np.unique(read.values, return_inverse=True)
    classes = tuple((read.kinds or ())[place] for place in present)
    if len(classes) == 1:
        targets = ", or give regression=True to predict numbers" if read.is_numeric else ""
        raise DataCorruptError(
            f"{table.what}, column {label}: every row is of the class {classes[0]!r}, so that there"
            f" is nothing to tell apart: name the column of the labels by label={targets}"
        )
    if regression is None and read.is_numeric and _may_be_targets(classes, len(labels)):
        raise DataCorruptError(
            f"{table.what}, column {label}: its {len(labels)} labels are {len(classes)} different"
            f" numbers, as {classes[0]}, {classes[1]}: give regression=True to predict numbers, or"
            " regression=False to take each for a class"
        )
    return labels.astype(np.int32), classes


def _may_be_targets(classes: Sequence[str], num_rows: int) -> bool:
    most = 30 if all(name.lstrip("+-").isdigit() for name in classes) else 10
    return len(classes) > most or len(classes) > max(num_rows / 2, 5)


def _matrix(
    table: csv_file.Table, inputs: dict[Any, Column], train: np.ndarray, missing: str | None
) -> tuple[np.ndarray, list[str]]:
    """[n, features] and the name of each; gaps are filled in by the training rows."""
    names: list[str] = []
    parts = []
    for column, read in inputs.items():
        if read.kinds is None:
            parts.append(_filled(table, column, read.values, train, missing)[:, None])
            names.append(str(column))
            continue
        present = [place for place in np.unique(read.values) if place >= 0]
        places = [*present, -1] if read.is_missing().any() else present
        parts.append(read.values[:, None] == np.array(places))
        names += [f"{column}={read.kinds[p] if p >= 0 else 'missing'}" for p in places]
    x = np.empty((len(parts[0]), len(names)), np.float32)
    np.concatenate(parts, axis=1, out=x, casting="unsafe")
    return x, names


def _filled(
    table: csv_file.Table, column: Any, values: np.ndarray, train: np.ndarray, missing: str | None
) -> np.ndarray:
    gaps = np.isnan(values)
    if not gaps.any():
        return values
    known = values[train][~gaps[train]]
    if not len(known):
        raise DataCorruptError(
            f"{table.what}, column {column} is missing in every row to train on: drop=[{column!r}],"
            " or another seed"
        )
    return np.where(gaps, known.mean() if missing == "mean" else np.median(known), values)
