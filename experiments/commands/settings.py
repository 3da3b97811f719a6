"""The settings of an experiment as flags of the command line."""

import argparse
import dataclasses
import typing
from collections.abc import Callable
from typing import Any

from experiments.course import registry


def add_settings(parser: argparse.ArgumentParser, name: str) -> list[str]:
    """Each field of the experiment's Config as a flag; returns the fields."""
    group = parser.add_argument_group(f"settings of {name}")
    config = registry.load(name).module.Config
    types = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        flag, default = f"--{field.name.replace('_', '-')}", _text(field.default)
        if types[field.name] is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, help=default)
        else:
            read = _reader(types[field.name])
            group.add_argument(flag, type=read, metavar=read.__name__, help=f"default {default}")
    return [field.name for field in dataclasses.fields(config)]


def _reader(kind: Any) -> Callable[[str], Any]:
    """Reads a setting of that type; a tuple is a comma list."""
    if typing.get_origin(kind) is not tuple:
        return typing.cast(Callable[[str], Any], kind)
    item = typing.get_args(kind)[0]

    def comma_list(text: str) -> tuple[Any, ...]:
        return tuple(item(part) for part in text.split(",") if part.strip())

    comma_list.__name__ = f"{item.__name__},..."
    return comma_list


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
