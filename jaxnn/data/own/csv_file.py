"""A CSV file as a pandas frame, by pandas' reader, with checks of what that lets pass."""

import csv
import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxnn.data.errors import DataCorruptError
from jaxnn.data.own import cells, csv_layout
from jaxnn.data.own.csv_encoding import Text

_SAMPLE = 1 << 18  # characters that show the layout

_log = logging.getLogger(__name__)


class Table(NamedTuple):
    """Named columns.

    Attributes:
      what: how messages call it.
      frame: its columns in pandas, each of another name.
      row: how messages call the row at a position of the frame.
      numbered: the name of a first column that only counts the rows, or None.
    """

    what: str
    frame: Any
    row: Callable[[int], str]
    numbered: str | None = None


class _Source(NamedTuple):
    """All that it takes to read the rows once more."""

    path: Path
    encoding: str
    delimiter: str
    layout: csv_layout.Layout


def read(
    path: Path,
    *,
    delimiter: str,
    header: bool | None,
    encoding: str,
    decimal: str | None,
    texts: Sequence[str | int],
) -> Table:
    """The table in a file; columns of numbers as numbers, others as texts, gaps as NaN.

    Args:
      path: of the file, which may be packed by gzip.
      delimiter: one character.
      header: whether the first row names the columns; None finds it out.
      encoding: as Python names it.
      decimal: "." or ","; None for a point.
      texts: names or places of columns that are read as texts whatever they hold.

    Raises:
      DataNotFoundError: there is no such file.
      DataCorruptError: it is no such table; the message says which row, what and what to do.
    """
    with Text(path, encoding) as file:
        sample = file.read(_SAMPLE)
    if len(sample) == _SAMPLE:
        sample = sample[: sample.rfind("\n") + 1] or sample
    layout = csv_layout.find(path, sample, delimiter=delimiter, header=header)
    if layout.title:
        _log.warning("%s: left out the title above the table: %s", path, ", ".join(layout.title))
    source = _Source(path, encoding, delimiter, layout)
    names = layout.names
    as_text = {i for i, name in enumerate(names) if {name, i, i - len(names)} & set(texts)}
    frame = _frame(source, decimal or ".", as_text)
    _check_quotes(source, frame)
    _check_widths(source, frame)
    extra = frame.iloc[:, len(names) :].notna()
    if extra.any(axis=None):
        at = int(extra.any(axis=1).idxmax())
        raise DataCorruptError(
            f"{path}, {_row(source, at)} has a cell right of the {len(names)} columns: name every"
            " column in the header, or empty that cell"
        )
    frame = frame.iloc[:, : len(names)].set_axis(names, axis=1)
    frame = frame[~frame.isna().all(axis=1)]
    places = frame.index
    row_fn = lambda position: _row(source, int(places[position]))  # noqa: E731
    return Table(str(path), frame, row_fn, _numbered(layout, frame))


def _frame(source: _Source, decimal: str, as_text: set[int]) -> Any:
    """All records below the header; blank lines are rows of NaN."""
    import pandas as pd

    with Text(source.path, source.encoding) as file:
        _skip(source, file)
        try:
            return pd.read_csv(
                file,
                header=None,
                sep=source.delimiter,
                decimal=decimal,
                dtype=dict.fromkeys(as_text, str),
                na_values=_missing(),
                keep_default_na=False,
                skip_blank_lines=False,
                skipinitialspace=True,
                low_memory=False,
            )
        except pd.errors.ParserError as error:
            said = str(error)
    _check_widths(source, None)
    start = next(
        (line for line, lines, _ in _records(source) if "".join(lines).count('"') % 2), None
    )
    raise DataCorruptError(
        f"{source.path}, row {start} opens a quote that is not closed: take the quote out"
        if start and "EOF inside string" in said
        else f"{source.path} is no CSV file: {said}"
    )


@functools.cache
def _missing() -> list[str]:
    words = [word for word in cells.MISSING if word]
    return ["", *{form for word in words for form in (word, word.upper(), word.title())}]


def _skip(source: _Source, file: Text) -> None:
    reader = csv.reader(file, delimiter=source.delimiter)
    while reader.line_num < source.layout.line:
        next(reader)


def _records(source: _Source) -> Iterator[tuple[int, list[str], list[str]]]:
    """(first line, lines, cells) of each record below the header, blank ones too."""
    with Text(source.path, source.encoding) as file:
        lines: list[str] = []

        def kept_fn() -> Iterator[str]:
            for line in file:
                lines.append(line)
                yield line

        reader = csv.reader(kept_fn(), delimiter=source.delimiter)
        before = 0
        try:
            for row in reader:
                if reader.line_num > source.layout.line:
                    yield before + 1, lines, row
                lines.clear()
                before = reader.line_num
        except csv.Error as error:
            raise DataCorruptError(
                f"{source.path}, row {before + 1}: {error}: is a quote in it not closed?"
            ) from error


def _row(source: _Source, place: int) -> str:
    """The record at that place, as a person counts the lines of the file."""
    for number, (line, _, _) in enumerate(_records(source)):
        if number == place:
            return f"row {line}"
    return f"row {place}"


def _check_quotes(source: _Source, frame: Any) -> None:
    """Lines that would each be a row must not be one because of a stray quote."""
    import pandas as pd

    columns = [c for c in frame if not pd.api.types.is_any_real_numeric_dtype(frame[c])]
    if not any(frame[c].astype(str).str.contains("\n|\r", regex=True).any() for c in columns):
        return
    for line, lines, _ in _records(source):
        widths = {text.count(source.delimiter) + 1 for text in lines}
        if len(lines) > 1 and widths == {source.layout.width}:
            raise DataCorruptError(
                f"{source.path}, row {line} has a quote that makes one cell of {len(lines)} rows,"
                f" up to row {line + len(lines) - 1}: take both quotes out, or double those that"
                " are part of a text"
            )


def _check_widths(source: _Source, frame: Any) -> None:
    """pandas fills short rows up; only those end in a gap."""
    if frame is not None:
        gaps = frame.isna()
        if not (gaps.iloc[:, -1] & ~gaps.all(axis=1)).any():
            return
    width = source.layout.width
    for line, _, row in _records(source):
        if len(row) != width and any(cell.strip() for cell in row):
            raise DataCorruptError(
                f"{source.path}, row {line} has {len(row)} cells, but the first has {width}: mend"
                " it, or give the delimiter"
            )


def _numbered(layout: csv_layout.Layout, frame: Any) -> str | None:
    """The first column, where it has no name of its own and counts the rows."""
    first = frame.iloc[:, 0]
    if not layout.is_first_unnamed or len(frame) < 2 or first.dtype.kind not in "iu":
        return None
    counts = (first.diff().iloc[1:] == 1).all() and first.iloc[0] in (0, 1)
    return str(frame.columns[0]) if counts else None
