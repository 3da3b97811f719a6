"""How the figures look, and the marks that they share; the same figure gives the same bytes."""

import contextlib
import io
import itertools
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
import numpy.typing as npt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from experiments.record import results

_STYLE = pathlib.Path(__file__).with_name("jaxnn.mplstyle")
_ROUNDING = 0.01  # of a point: no eye sees it, and it is more than another rounding makes
_PERCENTILES = {"range": (0.0, 1.0), "quartiles": (0.25, 0.75)}


@contextlib.contextmanager
def applied() -> Iterator[None]:
    """Our style, over matplotlib's defaults and no one's matplotlibrc."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rc_file(_STYLE, use_default_template=False)
        yield


def subplots(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float] = (8.0, 4.5), **settings: Any
) -> tuple[Figure, Any]:
    """A figure in our style with its axes; size in inches, settings as in Figure.subplots."""
    with applied():
        figure = Figure(figsize=size)
        return figure, figure.subplots(rows, columns, **settings)


def note(text: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure, ax = subplots(size=(8, 2))
    ax.axis("off")
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center")
    return figure


def save(figure: Figure, stem: pathlib.Path) -> None:
    """Writes stem.png and stem.svg without a date or a version in them."""
    _lay_out(figure)
    png = io.BytesIO()
    with applied():
        # by the canvases: `savefig` would draw it once more for each, to lay it out
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
    results.write(stem.with_suffix(".png"), png.getvalue())
    results.write(stem.with_suffix(".svg"), _svg(figure))


def svg(figure: Figure) -> bytes:
    """The file stem.svg that save would write; the figure cannot be saved any more."""
    _lay_out(figure)
    return _svg(figure)


def _lay_out(figure: Figure) -> None:
    """Once: it need not be again for each kind of file."""
    with applied():
        layout = figure.get_layout_engine()
        if layout is not None:
            layout.execute(figure)
        figure.set_layout_engine("none")
        figure.set_dpi(matplotlib.rcParams["savefig.dpi"])


def _svg(figure: Figure) -> bytes:
    content = io.BytesIO()
    with applied():
        FigureCanvasSVG(figure).print_svg(content, metadata={"Date": None, "Creator": None})
    return content.getvalue()


def looks_alike(svg: bytes, other: bytes) -> bool:
    """Whether two files show the same, but for another processor's rounding of coordinates."""
    if svg == other:
        return True
    (rest, numbers), (other_rest, other_numbers) = map(_coordinates, (svg, other))
    return rest == other_rest and np.allclose(numbers, other_numbers, rtol=0, atol=_ROUNDING)


def _coordinates(svg: bytes) -> tuple[list[str], list[float]]:
    """What stands around the numbers of a drawing, and the numbers."""
    text = re.sub(r"\b[a-z][0-9a-f]{10}\b", "", svg.decode())  # names by the sum of a path
    number = r"(?<![\w#.-])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
    return re.split(number, text), [float(found) for found in re.findall(number, text)]


def band(
    ax: Axes,
    x: npt.ArrayLike | xr.DataArray,
    y: xr.DataArray,
    dim: str = "seed",
    *,
    spread: Literal["range", "quartiles"] = "range",
    whole_lanes: bool = True,
    **line: Any,
) -> Line2D:
    """The median over dim as a line, and the runs' range or quartiles as a band around it.

    Args:
      x: the values along y's other dimension.
      y: two dimensions, one of them dim.
      whole_lanes: leave out a run that diverged anywhere (x is time); False leaves out its
        non-finite points alone (x is a hyperparameter: each point is a run of its own).
      **line: label, color and the like, as for Axes.plot.
    """
    if y.ndim != 2 or dim not in y.dims:
        raise ValueError(f"band needs y over {dim} and one more dimension, got {y.dims}")
    lanes = y.transpose(dim, ...).values.astype(np.float64)
    finite = np.isfinite(lanes)
    if whole_lanes:
        finite = np.broadcast_to(finite.all(axis=1, keepdims=True), finite.shape)
    levels = (0.5, *_PERCENTILES[spread])
    median, low, high = np.array(
        [
            np.quantile(column[keep], levels) if keep.any() else np.full(3, np.nan)
            for column, keep in zip(lanes.T, finite.T, strict=True)
        ]
    ).T
    x = np.asarray(x)
    (drawn,) = ax.plot(x, median, **line)
    ax.fill_between(x, low, high, color=drawn.get_color(), alpha=0.2, linewidth=0)
    return drawn


def label_line(ax: Axes, line: Line2D, text: str) -> Text:
    """Writes the text in the line's colour behind its last finite point."""
    return label_lines(ax, [line], [text])[0]


def label_lines(
    ax: Axes, lines: Sequence[Line2D], texts: Sequence[str], *, gap: float = 0.075
) -> list[Text]:
    """Labels each line at its end, at least `gap` of the axes' height apart.

    Call it last, when the limits of the axes are settled.
    """
    ends = [_end(ax, line) for line in lines]
    order = sorted(range(len(ends)), key=lambda i: ends[i][1])
    heights = {i: ends[i][1] for i in order}
    for below, above in itertools.pairwise(order):
        heights[above] = max(heights[above], heights[below] + gap)
    if order:  # a stack that grew out of the top moves down as a whole
        excess = max(0.0, heights[order[-1]] - 1.0)
        heights = {i: height - excess for i, height in heights.items()}
    right = max((x for x, _ in ends), default=1.0)
    return [
        ax.annotate(
            text,
            (right, heights[i]),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            color=line.get_color(),
            verticalalignment="center",
            annotation_clip=False,
        )
        for i, (line, text) in enumerate(zip(lines, texts, strict=True))
    ]


def shades(number: int) -> list[Any]:
    """Colours for an ordered quantity, from dark to light, told apart by the colour blind too."""
    return list(matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, number)))


def reference(ax: Axes, text: str, *, x: float | None = None, y: float | None = None) -> None:
    """A dashed grey line at a value that a slide names, with its text at the axes' edge."""
    grey: dict[str, Any] = {
        "color": "#555555",
        "linestyle": (0, (4, 3)),
        "linewidth": 1.2,
        "zorder": 1,
    }
    note: dict[str, Any] = {"color": "#555555", "fontsize": "small", "textcoords": "offset points"}
    if x is not None:
        ax.axvline(x, **grey)
        ax.annotate(text, (x, 1.0), xycoords=("data", "axes fraction"), xytext=(3, 2), **note)
    if y is not None:
        ax.axhline(y, **grey)
        ax.annotate(text, (0.0, y), xycoords=("axes fraction", "data"), xytext=(3, 3), **note)


def interval(
    ax: Axes, place: float, around: Any, *, along: Literal["x", "y"] = "x", **marker: Any
) -> None:
    """A mean as a diamond, and its interval as a bar; of one seed, which has none, the mean alone.

    Args:
      place: on the other axis.
      around: mean, low and high, as `verdicts.mean_interval` gives them.
      along: the axis of the values.
      **marker: as for Axes.errorbar.
    """
    mean, low, high = (float(value) for value in around[:3])
    reach = [[mean - low], [high - mean]]
    looks: dict[str, Any] = {"fmt": "D", "color": "black", "capsize": 5} | marker
    if np.isfinite(reach).all():
        looks[f"{along}err"] = reach
    at = (mean, place) if along == "x" else (place, mean)
    ax.errorbar(*at, **looks)


def _end(ax: Axes, line: Line2D) -> tuple[float, float]:
    """The last finite point of the line, as fractions of the axes."""
    points = np.column_stack([line.get_xdata(orig=False), line.get_ydata(orig=False)])
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) == 0:
        return 1.0, 0.0
    ax.get_xlim(), ax.get_ylim()  # autoscaling is lazy, and the transform does not wait for it
    x, y = ax.transAxes.inverted().transform(ax.transData.transform(points[-1]))
    return float(x), float(np.clip(y, 0.0, 1.0))
