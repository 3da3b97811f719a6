"""Trees of arrays beside each other: whether one fits in the place of another."""

from collections.abc import Mapping
from typing import Any

import jax


class TreeMismatchError(ValueError):
    """Two trees of arrays differ; the message shows both and names the differences."""


def kinds(tree: Any) -> dict[str, str]:
    """The dtype and shape of each leaf, such as float32[3,4], by its path, such as 0/kernel."""
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): kind(leaf)
        for path, leaf in jax.tree.leaves_with_path(tree)
    }


def kind(leaf: Any) -> str:
    """The dtype and shape of an array."""
    return f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]"


def check_fits(tree: Any, like: Any, *, given: str, wanted: str) -> None:
    """TreeMismatchError where the leaves of one tree are not those of another."""
    check_kinds(kinds(tree), kinds(like), given=given, wanted=wanted)


def check_kinds(
    found: Mapping[str, str], expected: Mapping[str, str], *, given: str, wanted: str
) -> None:
    """The same, of what `kinds` says of them."""
    if dict(found) == dict(expected):
        return
    lines = []
    for path in [*expected, *(path for path in found if path not in expected)]:
        was, now = found.get(path, "absent"), expected.get(path, "absent")
        if was != now:
            lines.append(f"  {path}: {was} in {given}, {now} in {wanted}")
    raise TreeMismatchError(
        f"{given} does not fit {wanted}. It differs in\n"
        + "\n".join(lines)
        + f"\n{given} holds\n{_shown(found)}\n{wanted} has\n{_shown(expected)}"
    )


def _shown(tree: Mapping[str, str]) -> str:
    return "\n".join(f"  {path}: {what}" for path, what in tree.items()) or "  nothing"
