"""Where the table begins in a CSV file, what names its columns, and what parts its cells."""

import csv
import io
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxnn.data.errors import DataCorruptError
from jaxnn.data.own import cells

Rows = Sequence[tuple[int, list[str]]]  # (first line of the row, its cells), without empty rows

DELIMITERS = (",", ";", "\t", "|")

_MOST = 0.6  # of the rows, that have to be alike where a delimiter is looked for
_LOOKED_AT = 1000  # rows
_FIRST_YEAR = 1000


class Layout(NamedTuple):
    """What stands above the rows.

    Attributes:
      line: the last line of it; the first row begins on the next.
      title: the texts above the header.
      names: of the columns, those at the end that are empty left out; places where none is given.
      width: how many cells the first row has.
      is_first_unnamed: there is a header, and no name in it for the first column.
    """

    line: int
    title: list[str]
    names: list[str]
    width: int
    is_first_unnamed: bool


def find(path: Path, sample: str, *, delimiter: str, header: bool | None) -> Layout:
    """The layout, from the beginning of the file.

    Raises:
      DataCorruptError: it is no table of that delimiter, or may have a header or none.
    """
    rows = _rows(path, sample, delimiter)
    if not rows:
        raise DataCorruptError(f"{path} holds no row: check that it is the file that was meant")
    _check_delimiter(path, sample, rows, delimiter)
    title = _title(rows)
    above, rows = rows[:title], rows[title:]
    said = [cell for _, row in above for cell in row if cell]
    names: list[str] = []
    if _has_header(path, rows) if header is None else header:
        line, names = rows.pop(0)
        _check_header(path, line, names, has_rows=bool(rows))
    first, width = rows[0][0], len(rows[0][1])
    if not names:
        filled = min(max(_filled(row) for _, row in rows), width)  # a longer row is found later
        return Layout(first - 1, said, [str(i) for i in range(filled)], width, False)
    filled = _filled(names)
    if filled > width or _filled(rows[0][1]) > filled:
        raise DataCorruptError(
            f"{path}, row {line}: the header names {filled} columns, but row {first} has"
            f" {_filled(rows[0][1])} cells: name every column"
        )
    named = [name or f"column {i}" for i, name in enumerate(names[:filled])]
    return Layout(first - 1, said, named, width, not names[0])


def _filled(row: list[str]) -> int:
    return max((place + 1 for place, cell in enumerate(row) if cell), default=0)


def _rows(path: Path, sample: str, delimiter: str) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    rows, before = [], 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((before + 1, [cells.text(cell) for cell in row]))
            before = reader.line_num
    except csv.Error as error:
        raise DataCorruptError(
            f"{path}, row {before + 1}: {error}: is a quote in it not closed?"
        ) from error
    return rows


def _check_delimiter(path: Path, sample: str, rows: Rows, delimiter: str) -> None:
    regular = _regular(rows)
    for other in DELIMITERS:
        if other == delimiter or other not in sample:
            continue
        try:
            others = _rows(path, sample, other)
        except DataCorruptError:
            continue
        found = _regular(others)
        if found.width < 2 or (regular.width > 1 and found[1:] <= regular[1:]):
            continue
        comma = any("," in c and cells.number(c, ",") for _, row in others for c in row)
        advice = f"delimiter={other!r}" + (' and decimal=","' if comma and other != "," else "")
        raise DataCorruptError(
            f"{path}, row {rows[0][0]}: {delimiter!r} does not part the cells of"
            f" {delimiter.join(rows[0][1])[:60]!r}: give {advice}"
        )


class _Regular(NamedTuple):
    """How many cells most rows have, how many cells are numbers, how many rows are alike."""

    width: int
    numbers: int
    alike: int


def _regular(rows: Rows) -> _Regular:
    width, alike = Counter(len(row) for _, row in rows).most_common(1)[0] if rows else (0, 0)
    if alike < _MOST * len(rows):
        return _Regular(0, 0, 0)
    return _Regular(width, sum(_is_number(cell) for _, row in rows for cell in row), alike)


def _title(rows: Rows) -> int:
    """How many of the first rows are a title: one text, above rows of several cells."""
    for place, (_, row) in enumerate(rows):
        filled = [cell for cell in row if cell]
        if len(filled) > 1:
            return place
        if cells.number(filled[0]) or cells.is_missing(filled[0]):
            return 0
    return 0


def _has_header(path: Path, rows: Rows) -> bool:
    (line, first), below = rows[0], [row for _, row in rows[1:_LOOKED_AT]]
    if not below:
        return all(map(_is_text, first))
    columns = [[row[i] for row in below if len(row) > i] for i in range(len(first))]
    said = {_says(cell, column) for cell, column in zip(first, columns, strict=True)}
    numbers = [found.value for cell in first if (found := cells.number(cell))]
    if said & {"name of numbers", "name of kinds"}:
        is_header = not said & {"row", "number"}
        is_clear = is_header or "row" in said or not _may_name(numbers)
    else:
        is_header = False
        is_count = len(first) > 2 and numbers == list(range(len(first)))
        is_clear = bool(said & {"row", "number"}) and not is_count
    if not is_clear:
        raise DataCorruptError(
            f"{path}, row {line}: {', '.join(first[:5])} may name the columns or be the first row"
            " of the table: give header=True or header=False"
        )
    return is_header


def _says(cell: str, column: list[str]) -> str:
    """What the first cell of a column says beside those below it."""
    column = [other for other in column if not cells.is_missing(other)]
    if not column or cells.is_missing(cell):
        return "nothing"
    if not _is_text(cell):
        return "number"
    if not any(map(_is_text, column)):
        return "name of numbers"
    if cell in column:
        return "row"
    recurs = len(set(column)) < len(column)
    return "name of kinds" if recurs or not all(map(_is_text, column)) else "nothing"


def _may_name(numbers: Sequence[Any]) -> bool:
    """Whether they are years or a count, which name columns in some files."""
    if any(isinstance(number, float) or number < 0 for number in numbers):
        return False
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    return min(steps) > 0 and len(steps) == 1 if steps else numbers[0] >= _FIRST_YEAR


def _check_header(path: Path, line: int, names: list[str], *, has_rows: bool) -> None:
    values = [found.value for name in names if (found := cells.number(name))]
    is_row = any(isinstance(value, float) for value in values)
    is_row |= len(values) == len(names) > 1 and not _may_name(values)
    twice = [name for name, count in Counter(names).items() if count > 1 and name]
    if twice and not is_row:
        raise DataCorruptError(
            f"{path}, row {line}: the header names a column twice: {', '.join(twice)}; rename one"
        )
    if not has_rows or is_row:
        raise DataCorruptError(
            f"{path}, row {line}: {', '.join(names[:5])} is not followed by any row, or is no"
            " header: give header=False, or add rows"
        )


def _is_text(cell: str) -> bool:
    return not _is_number(cell) and cells.truth(cell) is None


def _is_number(cell: str) -> bool:
    return cells.number(cell) is not None or cells.number(cell, ",") is not None
