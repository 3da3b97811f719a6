"""From the words of the command to a TrainConfig; what is wrong is told in one sentence."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from experiments.train import kinds
from experiments.train.config import FLAGS, Flag, TrainConfig, as_typed, explanations

_DEFAULTS = dataclasses.asdict(TrainConfig())


def parse(arguments: Sequence[str], description: str) -> tuple[TrainConfig, set[str]]:
    """The flags, and the names of those that were given; exits with 2 if one cannot be read."""
    parser = _Parser(
        "python -m experiments.train",
        description=description,
        usage="%(prog)s [flags], each of which has a default",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    titles = dict.fromkeys(flag.group for flag in FLAGS.values())
    sections = {title: parser.add_argument_group(title) for title in titles}
    says = explanations()
    for name, flag in FLAGS.items():
        _add(sections[flag.group], name, flag, says[name])
    given, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(kinds.unknown(unknown[0], map(_option, FLAGS), list_all=False))
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(given).items()
    }
    return TrainConfig(**values), set(values)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ").replace(": must be", " must be")
        print(f"error: {message} (--help explains every flag)", file=sys.stderr)
        sys.exit(2)


def _add(section: Any, name: str, flag: Flag, says: str) -> None:
    says = ("* " if flag.is_axis else "") + says.replace("%", "%%")
    if flag.kind is kinds.SWITCH:
        section.add_argument(_option(name), action="store_true", help=says)
        return
    default = _DEFAULTS[name]
    if default not in (None, ()):
        says += f"; default {as_typed(default)}"
    repeated: dict[str, Any] = {"nargs": "+", "action": "extend"} if default == () else {}
    section.add_argument(
        _option(name), type=flag.kind.read, metavar=flag.kind.metavar, help=says, **repeated
    )


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
