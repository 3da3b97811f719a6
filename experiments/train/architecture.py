"""A network as a drawing: a box for every layer, with what it makes and what it learns."""

import pathlib
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from experiments.pages import style
from jaxnn import models
from jaxnn.layers import Layer

TALLEST = 16  # boxes in a column; more layers make more columns
_BOX, _GAP, _COLUMN = 0.72, 0.28, 4.6  # the heights of a box and an arrow, the width of a column
_LEARNING, _FIXED = "#cfe3f5", "#eeeeee"


def draw(model: Layer, in_shape: Sequence[int], *, title: str = "") -> Figure:
    """The layers from input to output, column by column; those that learn are blue.

    Args:
      model: a layer, most often `layers.serial(...)` or one of `models`.
      in_shape: the shape of one example.
      title: what stands above.

    Raises:
      ValueError: a layer cannot take the shape that the one before it gives.
    """
    rows = models.rows(model, in_shape)
    total = sum(row.params for row in rows if not row.is_whole)
    boxes = [("input", tuple(in_shape), ""), *map(_box_of, rows)]
    columns = -(-len(boxes) // TALLEST)
    tallest = -(-len(boxes) // columns)  # columns of about one height
    step = _BOX + _GAP
    width, height = columns * _COLUMN, tallest * step + 0.9
    figure, ax = style.subplots(size=(width, height))
    ax.set_axis_off()
    ax.set(xlim=(0, width), ylim=(-tallest * step - 0.1, 0.8))
    ax.text(width / 2, 0.4, f"{title}{': ' if title else ''}{total:,} parameters",
            ha="center", va="center", weight="bold")  # fmt: skip
    for place, box in enumerate(boxes):
        column, row = divmod(place, tallest)
        left, top = column * _COLUMN + 0.25, -row * step
        _draw_box(ax, left, top, *box, depth=rows[place - 1].depth if place else 0)
        if row:
            arrow = {"arrowstyle": "->", "color": "#555555"}
            middle = left + (_COLUMN - 0.5) / 2
            ax.annotate("", (middle, top), (middle, top + _GAP), arrowprops=arrow)
        elif column:
            ax.text(left + (_COLUMN - 0.5) / 2, top + _GAP / 3, "↓", ha="center", va="bottom",
                    color="#555555", fontsize="small")  # fmt: skip
    return figure


def save(figure: Figure, path: pathlib.Path) -> None:
    """Writes one file, of the kind that its ending names."""
    with style.applied():
        figure.savefig(path, bbox_inches="tight")


def _box_of(row: models.Row) -> tuple[str, tuple[int, ...], str]:
    learned = "" if row.is_whole or not row.params else f"{row.params:,} parameters"
    return row.name, row.out_shape, learned


def _draw_box(
    ax: Any, left: float, top: float, name: str, shape: tuple[int, ...], learned: str, depth: int
) -> None:
    indent = 0.2 * depth  # parts of a layer stand to the right under it
    left, width = left + indent, _COLUMN - 0.5 - indent
    ax.add_patch(FancyBboxPatch(
        (left, top - _BOX), width, _BOX, boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=_LEARNING if learned else _FIXED, edgecolor="#555555", linewidth=1,
    ))  # fmt: skip
    name = name if len(name) <= 44 else f"{name[:43]}…"
    says = " x ".join(map(str, shape)) or "a number"
    ax.text(left + width / 2, top - 0.3 * _BOX, name, ha="center", va="center", fontsize="small",
            weight="bold")  # fmt: skip
    ax.text(left + width / 2, top - 0.72 * _BOX, f"{says}{'    ' if learned else ''}{learned}",
            ha="center", va="center", fontsize="small")  # fmt: skip
