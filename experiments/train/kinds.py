"""What a flag can hold: how its text is read, and the sentence that refuses it."""

import argparse
import dataclasses
import difflib
import math
import pathlib
import typing
from collections.abc import Callable, Iterable
from typing import Any, Literal


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes:
      metavar: how --help writes it.
      read: text -> value; ArgumentTypeError, with a sentence, where the text is none.
      ranges: what --sweep can count through, whole numbers or numbers.
    """

    metavar: str | tuple[str, ...]
    read: Callable[[str], Any]
    ranges: Literal["none", "whole numbers", "numbers"] = "none"


def whole_number(least: int = 1, below: int | None = None) -> Kind:
    """An int of at least `least`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if value < least or (below is not None and value >= below):
            limit = "" if below is None else f" and below {below}"
            raise argparse.ArgumentTypeError(f"must be at least {least}{limit}, got {text}")
        return value

    return Kind("N", read, "whole numbers")


def number(low: float = 0.0, high: float = math.inf, *, closed: bool = False) -> Kind:
    """A finite float in [low, high), or up to high itself where the range is closed."""
    allowed = f"at least {low:g}"
    if high < math.inf:
        allowed = f"in [{low:g}, {high:g}{']' if closed else ')'}"

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        within = low <= value < high or (closed and value == high)
        if not (math.isfinite(value) and within):
            raise argparse.ArgumentTypeError(f"must be finite and {allowed}, got {text}")
        return value

    return Kind("X", read, "numbers")


def one_of(names: Iterable[str]) -> Kind:
    """One of the names; the nearest is proposed for another."""
    names = list(names)

    def read(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(unknown(text, names))
        return text

    return Kind("NAME" if len(names) > 3 else "|".join(names), read)


def literal(type_: Any) -> Kind:
    """One of the values of a typing.Literal."""
    return one_of(typing.get_args(type_))


def unknown(text: str, names: Iterable[str], *, list_all: bool = True) -> str:
    """What is said of a name that is not among the names."""
    names = list(names)
    near = difflib.get_close_matches(text.lower(), names, n=1)
    hints = [f"did you mean {near[0]}?"] if near else []
    hints += [f"there are {', '.join(names)}"] if list_all else []
    return f"there is no {text!r}" + (f": {' '.join(hints)}" if hints else "")


def _widths(text: str) -> tuple[int, ...]:
    read = whole_number().read
    return tuple(read(width) for width in text.replace(",", "x").split("x"))


def _batch_size(text: str) -> int | None:
    return None if text == "full" else whole_number().read(text)


def _processes(text: str) -> tuple[str, ...]:
    address, _, rest = text.partition(",")
    count, _, index = rest.partition(",")
    numbers = count.isdecimal() and index.isdecimal() and int(index) < int(count)
    if text != "auto" and not (numbers and ":" in address):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not HOST:PORT,COUNT,INDEX, such as localhost:9876,2,0, nor auto"
        )
    return tuple(text.split(","))


def _text(text: str) -> str:
    return text


WIDTHS = Kind("N,...", _widths)
BATCH_SIZE = Kind("N|full", _batch_size, "whole numbers")
NAME = Kind("NAME", _text)
PATH = Kind("DIR", pathlib.Path)
FILE = Kind("FILE", pathlib.Path)
PROCESSES = Kind("HOST:PORT,COUNT,INDEX|auto", _processes)
TEXTS = Kind("NAME=VALUES", _text)
SWITCH = Kind("", _text)
