"""Columns of a table as numbers or kinds; what can be neither is said of all of them at once."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from jaxnn.data.own import cells

MOST_KINDS = 20  # of texts that become columns of 0 and 1 without being asked for

_LARGEST = float(np.finfo(np.float32).max)
_STEP = 2.0**-24  # of float32, beside the number
_SHARE = 0.01  # of the deviation of a column, that rounding may be


class Column(NamedTuple):
    """One column: its numbers, NaN for gaps; or the place of each cell in kinds, -1 for a gap.

    Attributes:
      values: float64 numbers, or the places.
      kinds: names in the order of their values or letters; None for numbers.
      is_numeric: all kinds are numbers.
    """

    values: np.ndarray
    kinds: tuple[str, ...] | None = None
    is_numeric: bool = False

    def is_missing(self) -> np.ndarray:
        return np.isnan(self.values) if self.kinds is None else self.values < 0


class Problems:
    """What is wrong with which columns, and what can be done about it."""

    def __init__(self, what: str, row: Callable[[int], str]):
        self._what, self._row = what, row
        self._said: dict[str, list[tuple[Any, str]]] = {}

    def add(self, advice: str, name: Any, text: str, place: int | None = None) -> None:
        """One column; {names} in the advice becomes the list of all columns that get it."""
        where = "" if place is None else f"{self._row(place)}, "
        self._said.setdefault(advice, []).append((name, f"{where}column {name} {text}"))

    def __bool__(self) -> bool:
        return bool(self._said)

    def __str__(self) -> str:
        parts = []
        for advice, said in self._said.items():
            names = repr([name for name, _ in said])
            parts.append(f"{'; '.join(text for _, text in said)}: {advice.format(names=names)}")
        return f"{self._what}, " + ". Also ".join(parts)


def as_numbers(series: Any, name: Any, decimal: str | None, problems: Problems) -> Column:
    """The numbers of a column, or a problem."""
    found = _numbers(series)
    if found is None:
        codes, kinds = _kinds(series, decimal)
        found = _numbers_of(kinds, codes)
    if found is None:
        found = np.full(len(series), np.nan)
        _say_odd(codes, kinds, name, problems, "mend these cells, or drop={names}")
    elif series.dtype.kind not in "iufb":
        _check_commas(codes, kinds, name, decimal, problems)
    _check_finite(found, series, name, problems)
    return Column(found)


def as_kinds(series: Any, name: Any, decimal: str | None, problems: Problems) -> Column:
    """The kinds of a column; numbers that are equal are one, however they are spelled."""
    codes, kinds = _kinds(series, decimal)
    for place, kind in enumerate(kinds):
        if kind.is_odd or "\n" in kind.text:
            text = f"is {kind.text[:40]!r}, no text and no number"
            problems.add("mend it, or drop={names}", name, text, int(np.argmax(codes == place)))
            return Column(np.zeros(len(series), np.int64), ())
    is_numeric = all(kind.number is not None for kind in kinds if not kind.is_missing)
    keys = [_key(kind, is_numeric) for kind in kinds]
    order = sorted({key for key in keys if key is not None})
    place_of = {key: place for place, key in enumerate(order)}
    spelled = {
        key: {kind.text for kind, other in zip(kinds, keys, strict=True) if other == key}
        for key in order
    }
    names = tuple(
        next(iter(texts)) if len(texts) == 1 else _spell(key) for key, texts in spelled.items()
    )
    places = np.array([-1 if key is None else place_of[key] for key in keys] + [-1])
    return Column(places[codes], names, is_numeric)


def as_features(series: Any, name: Any, decimal: str | None, problems: Problems) -> Column:
    """Numbers, or kinds where it holds texts that recur; a problem where it is neither."""
    found = _numbers(series)
    if found is not None:
        return as_numbers(series, name, decimal, problems)
    codes, kinds = _kinds(series, decimal)
    if _numbers_of(kinds, codes) is not None:
        return as_numbers(series, name, decimal, problems)
    whole = [kind for kind in kinds if not kind.is_missing]
    if any(kind.is_odd or kind.begins_with_digit for kind in whole):
        advice = "mend these cells, or drop={names} leaves the columns out"
        if not any(kind.is_odd for kind in whole):
            advice += ", categories={names} makes a feature of each text"
        _say_odd(codes, kinds, name, problems, advice)
        return Column(np.zeros(len(series)))
    column = as_kinds(series, name, decimal, problems)
    count = len(column.kinds or ())
    if count > MOST_KINDS or count == (~column.is_missing()).sum():
        advice = (
            "drop={names} leaves the columns out, categories={names} makes a feature of each text"
        )
        problems.add(advice, name, f"holds {count} different texts, as {whole[0].text[:40]!r}")
    return column


class _Kind(NamedTuple):
    """One of the different cells of a column."""

    text: str
    number: float | int | None = None
    is_doubtful: bool = False
    is_missing: bool = False
    is_truth: bool = False
    is_odd: bool = False

    @property
    def begins_with_digit(self) -> bool:
        return self.number is not None or self.text.lstrip("+-−<>=~$€£¥₩(. ")[:1].isdigit()


def _numbers(series: Any) -> np.ndarray | None:
    """The values of a column that pandas takes for numbers."""
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype) or not (
        pd.api.types.is_any_real_numeric_dtype(series.dtype)
        or pd.api.types.is_bool_dtype(series.dtype)
    ):
        return None
    return series.to_numpy(np.float64, na_value=np.nan)


def _kinds(series: Any, decimal: str | None) -> tuple[np.ndarray, list[_Kind]]:
    """The place of each cell among the different ones, -1 for a gap."""
    import pandas as pd

    try:
        codes, uniques = pd.factorize(series.astype(object))
    except TypeError:  # lists and the like
        codes, uniques = pd.factorize(series.map(repr))
        return codes, [_Kind(str(text), is_odd=True) for text in uniques]
    return codes, [_kind(value, decimal) for value in uniques]


def _kind(value: Any, decimal: str | None) -> _Kind:
    if isinstance(value, bool | np.bool_):
        return _Kind(str(value), is_truth=True)
    if isinstance(value, int | np.integer):
        return _Kind(str(int(value)), int(value))
    if isinstance(value, float | np.floating | Decimal):
        number = float(value)
        return _Kind(_spell(number), number, is_missing=number != number)
    if not isinstance(value, str):
        return _Kind(str(value), is_odd=True)
    text = cells.text(value)
    found = cells.number(text, decimal)
    if found is None:
        is_truth = cells.truth(text) is not None
        return _Kind(text, is_missing=cells.is_missing(text), is_truth=is_truth)
    return _Kind(text, found.value, found.is_doubtful)


def _numbers_of(kinds: Sequence[_Kind], codes: np.ndarray) -> np.ndarray | None:
    """The column as numbers, where each cell is a number or a gap, or yes or no or a gap."""
    whole = [kind for kind in kinds if not kind.is_missing]
    if all(kind.number is not None for kind in whole):
        values = [np.nan if kind.is_missing else kind.number for kind in kinds]
    elif all(kind.is_truth for kind in whole):
        values = [np.nan if kind.is_missing else cells.truth(kind.text) for kind in kinds]
    else:
        return None
    return np.array([*values, np.nan], np.float64)[codes]


def _key(kind: _Kind, is_numeric: bool) -> Any:
    if kind.is_missing:
        return None
    return kind.number if is_numeric else kind.text


def _spell(number: Any) -> str:
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)


def _check_commas(
    codes: np.ndarray, kinds: Sequence[_Kind], name: Any, decimal: str | None, problems: Problems
) -> None:
    doubtful = [place for place, kind in enumerate(kinds) if kind.is_doubtful]
    shows_point = any("." in kind.text or kind.text.count(",") > 1 for kind in kinds)
    if doubtful and not shows_point:
        problems.add(
            'give decimal="." where the comma parts thousands, decimal="," where decimals follow',
            name,
            f"is {kinds[doubtful[0]].text!r}",
            int(np.argmax(codes == doubtful[0])),
        )


def _say_odd(
    codes: np.ndarray, kinds: Sequence[_Kind], name: Any, problems: Problems, advice: str
) -> None:
    whole = [place for place, kind in enumerate(kinds) if not kind.is_missing]
    if all(cells.number(kinds[place].text, ",") for place in whole):
        advice = 'give decimal=","'
    odd = next((place for place in whole if kinds[place].number is None), whole[0])
    count = sum(int((codes == place).sum()) for place in whole if kinds[place].number is None)
    text = f"is {kinds[odd].text[:40]!r}, no number, as {count} cells of it in all"
    problems.add(advice, name, text, int(np.argmax(codes == odd)))


def _check_finite(found: np.ndarray, series: Any, name: Any, problems: Problems) -> None:
    large = np.abs(found) > _LARGEST
    if large.any():
        place = int(np.argmax(large))
        text = f"is {series.iloc[place]!s:.40}, not a finite number of float32"
        problems.add("mend these cells, or drop={names}", name, text, place)
        return
    finite = found[np.isfinite(found)]
    if len(finite) and np.abs(finite).max() * _STEP > _SHARE * finite.std() > 0:
        problems.add(
            "subtract the smallest value from each first, or drop={names}",
            name,
            f"goes from {finite.min():.10g} to {finite.max():.10g}, too close for float32",
        )
