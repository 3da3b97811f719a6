"""The designs that the command line can write: --sweep, --zip and --random."""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.train.config import AXES, TrainConfig
from experiments.train.kinds import Kind, unknown
from jaxnn import train

MOST_VALUES = 100_000


class UsageError(ValueError):
    """The command cannot be run as it stands; the text says what to write instead."""


def read_grid(texts: Sequence[str]) -> dict[str, list]:
    """NAME=values each: a list of values, a:b or a:b:step of whole numbers, log:low:high:count.

    Raises:
      UsageError: a text that is none of these, an unknown axis, one that is given twice, is empty
        or holds a value twice.
    """
    axes: dict[str, list] = {}
    for text in texts:
        name, kind, values = _split(text)
        if name in axes:
            raise UsageError(f"the axis {name} is given twice: write all its values in one list")
        axes[name] = _values(name, kind, values)
    return axes


def read_design(config: TrainConfig) -> Any:
    """The design of --zip or --random, None without one.

    Raises:
      UsageError: as read_grid; lists of different lengths, both designs, or no count or law.
    """
    if config.zip and config.random:
        raise UsageError("--zip and --random are two designs: give one of them")
    if config.zip:
        axes = read_grid(config.zip)
        lengths = {name: len(values) for name, values in axes.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise UsageError(f"--zip walks its axes side by side, but {told} values")
        return train.zipped(**axes)
    if config.random:
        count, *laws = config.random
        if not (count.isdecimal() and int(count) > 0 and laws):
            raise UsageError(
                "--random takes a count and laws, such as: --random 20"
                " learning_rate=loguniform:1e-4:1"
            )
        return train.random(int(count), seed=config.seed, **dict(map(_law, laws)))
    return None


def names_of(config: TrainConfig) -> list[str]:
    """The axes of the command, each once.

    Raises:
      UsageError: one is given twice, or unknown.
    """
    texts = [*config.sweep, *config.zip, *config.random[1:]]
    names = [_split(text)[0] for text in texts]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"the axis {name} is given twice: leave it out of one design")
    return names


def _split(text: str) -> tuple[str, Kind, str]:
    name, sign, values = text.partition("=")
    name = name.strip().replace("-", "_")
    if not (sign and name):
        raise UsageError(f"{text!r} is no axis: write NAME=VALUES, such as learning_rate=0.01,0.1")
    if name not in AXES:
        raise UsageError(f"no such axis: {unknown(name, AXES)}")
    return name, AXES[name], values


def _values(name: str, kind: Kind, text: str) -> list:
    values = [value for item in text.split(",") if item for value in _item(name, kind, item)]
    if not values:
        raise UsageError(f"the axis {name} is empty: {name}={text} holds no value")
    for position, value in enumerate(values):
        if value in values[:position]:
            raise UsageError(f"the axis {name} holds {value!r} more than once: leave one out")
    return values


def _item(name: str, kind: Kind, text: str) -> Sequence[Any]:
    if ":" not in text:
        return [_read(name, kind, text)]
    law, *parts = text.split(":")
    if kind.ranges == "numbers" and law == "log" and len(parts) == 3:
        low, high = _bounds(name, kind, text, parts[:2])
        count = parts[2]
        if not (count.isdecimal() and 1 < int(count) <= MOST_VALUES):
            raise UsageError(f"{name}={text} needs a count of at least 2 at its end")
        return np.geomspace(low, high, int(count)).tolist()
    if kind.ranges == "whole numbers" and len(parts) in (1, 2):
        try:
            found = range(*map(int, (law, *parts)))
        except ValueError:
            raise UsageError(
                f"{name}={text} is no range of whole numbers a:b or a:b:step"
            ) from None
        if len(found) > MOST_VALUES:
            raise UsageError(f"{name}={text} has more than {MOST_VALUES} values")
        return [_read(name, kind, str(value)) for value in found]
    remedy = {
        "numbers": f"a range of numbers is log:low:high:count, such as {name}=log:1e-4:1:9",
        "whole numbers": f"a range is a:b or a:b:step, such as {name}=1:10",
        "none": "this axis has no ranges, list its values",
    }[kind.ranges]
    raise UsageError(f"{name}={text} cannot be read: {remedy}")


def _law(text: str) -> tuple[str, Any]:
    name, kind, law = _split(text)
    kind_of_law, *parts = law.split(":")
    laws = {"loguniform": train.log_uniform, "uniform": train.uniform}
    if kind.ranges != "numbers" or kind_of_law not in laws or len(parts) != 2:
        raise UsageError(
            f"{text} is no law: write NAME=loguniform:low:high or NAME=uniform:low:high, of an axis"
            " of numbers"
        )
    return name, laws[kind_of_law](*_bounds(name, kind, law, parts))


def _bounds(name: str, kind: Kind, text: str, parts: Sequence[str]) -> tuple[float, float]:
    low, high = (_read(name, kind, part) for part in parts)
    if not low < high or (low == 0 and text.startswith("log")):
        above = " and above 0" if text.startswith("log") else ""
        raise UsageError(f"{name}={text} needs bounds that rise{above}, got {low:g} and {high:g}")
    return low, high


def _read(name: str, kind: Kind, text: str) -> Any:
    try:
        return kind.read(text.strip())
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{name}={text}: {error}") from None
