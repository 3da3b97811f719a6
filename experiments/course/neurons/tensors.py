"""What rank, shape and type do the slides' arrays have, and how is a picture one of them?

Slides:   cnn_session (tensors), basics (arrays)
Run:      python -m experiments run tensors
Takes:    about 2 s on two CPU cores
Expects:  (written before the first run) ranks 0 to 3; np.array(12) is an integer, np.array(12.0)
          float64; red, green and blue are three planes of bytes that make up the picture again
"""

import dataclasses
import io
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import image
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from experiments.claims.verdicts import Verdict, claims, verdict_on
from experiments.pages import style

_CHANNELS = ("red", "green", "blue")
AXES = {
    "vectors": ("samples", "features"),
    "sequences": ("samples", "timesteps", "features"),
    "images": ("samples", "height", "width", "channels"),
    "videos": ("samples", "frames", "height", "width", "channels"),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    size: int = 96  # of the picture, in pixels


QUICK = Config()
DATA = ()
TOLERANCES: dict[str, tuple[float, float]] = {}


def run(config: Config) -> xr.Dataset:
    picture = discs(config.size)
    planes = np.zeros((3, *picture.shape), np.uint8)
    for channel in range(3):
        planes[channel, ..., channel] = picture[..., channel]
    stored = read_back(picture)
    arrays = examples()
    types: dict[str, Any] = {
        "np.array(12)": np.array(12),
        "np.array(12.0)": np.array(12.0),
        "np.float32(12)": np.float32(12),
        "a picture": stored,
    }
    names = ("height", "width", "channel")
    return xr.Dataset(
        {
            "picture": (names, picture),
            "stored": (names, stored),
            "planes": (("plane", *names), planes),
            "rank": ("array", np.array([array.ndim for array in arrays.values()])),
            "shape": ("array", [str(array.shape) for array in arrays.values()]),
            "dtype": ("value", [value.dtype.name for value in types.values()]),
        },
        {
            "channel": list(_CHANNELS),
            "plane": list(_CHANNELS),
            "array": list(arrays),
            "value": list(types),
            "height": np.arange(config.size),
            "width": np.arange(config.size),
        },
    )


def discs(size: int) -> np.ndarray:
    """A red, a green and a blue disc that overlap, [height, width, channels] of bytes."""
    y, x = np.mgrid[:size, :size] / (size - 1)
    centres = {"red": (0.5, 0.36), "green": (0.37, 0.6), "blue": (0.63, 0.6)}
    inside = [(x - cx) ** 2 + (y - cy) ** 2 < 0.26**2 for cx, cy in centres.values()]
    return np.stack(inside, axis=-1).astype(np.uint8) * np.uint8(255)


def read_back(picture: np.ndarray) -> np.ndarray:
    """The picture from a PNG file, as bytes again."""
    file = io.BytesIO()
    image.imsave(file, picture, format="png")
    file.seek(0)
    return np.rint(image.imread(file)[..., :3] * 255).astype(np.uint8)


def examples() -> dict[str, np.ndarray]:
    """The slide's four arrays, and one of each kind of data, of size 2 along every axis."""
    ranks = claims()["tensor-ranks"].inputs
    slide = {f"slide, {i}-D": np.asarray(values) for i, values in enumerate(ranks.values())}
    return {**slide, **{kind: np.zeros([2] * len(axes)) for kind, axes in AXES.items()}}


def draw(results: xr.Dataset) -> Figure:
    """Top: the slides' arrays of rank 0 to 3, a square a number. Bottom: a picture, which is an
    array [height, width, channels] of bytes, and its red, green and blue plane.
    """
    figure, axes = style.subplots(2, 4, size=(17, 9))
    slide = [(name, array) for name, array in examples().items() if name.startswith("slide")]
    for ax, (_, array) in zip(axes[0], slide, strict=True):
        _draw_an_array(ax, array)
    for ax, (name, pixels) in zip(
        axes[1],
        [("the picture", results.picture), *zip(_CHANNELS, results.planes, strict=True)],
        strict=True,
    ):
        ax.imshow(pixels.values)
        ax.set(title=f"{name}, {pixels.dtype.name}", xlabel="width (pixels)")
        ax.grid(False)
    axes[1, 0].set_ylabel("height (pixels)")
    return figure


def _draw_an_array(ax, array: np.ndarray) -> None:
    """Matrices one behind the other, the first in front, as far as there are any."""
    blocks = array.reshape((1,) * (3 - array.ndim) + array.shape)
    size = 0.8
    for depth, block in enumerate(blocks):
        front = 10 - 2 * depth
        rows, columns = block.shape
        back = Rectangle((0.9 * depth - 0.1, 1.1 * depth - rows + 0.9), columns, rows)
        back.set(facecolor="white", edgecolor="none", zorder=front)
        ax.add_patch(back)
        for (row, column), number in np.ndenumerate(block):
            x, y = column + 0.9 * depth, -row + 1.1 * depth
            square = Rectangle((x, y), size, size)
            square.set(facecolor="#dcebf5", edgecolor="#0072B2", zorder=front)
            ax.add_patch(square)
            middle = {"ha": "center", "va": "center", "zorder": front + 1}
            ax.text(x + size / 2, y + size / 2, f"{number:g}", fontsize=11, **middle)
    rows, columns = blocks[0].shape
    deep = len(blocks) - 1
    ax.set(
        xlim=(-0.5, max(columns + 0.9 * deep, 5.5)), ylim=(min(-rows, -3) + 0.5, 1.5 + 1.1 * deep)
    )
    ax.set_title(f"rank {array.ndim}, shape {array.shape}")
    ax.set_aspect("equal")
    ax.axis("off")


def judge(results: xr.Dataset) -> list[Verdict]:
    dtype = {
        str(v): str(d) for v, d in zip(results.value.values, results.dtype.values, strict=True)
    }
    whole = np.issubdtype(np.dtype(dtype["np.array(12)"]), np.integer)
    again = results.planes.sum("plane", dtype=np.uint8)
    first = results.picture.dtype == np.uint8 and results.picture.ndim == 3
    return [
        verdict_on(
            "tensor-dtype",
            bool(
                whole
                and dtype["np.array(12.0)"] == "float64"
                and dtype["np.float32(12)"] == "float32"
                and dtype["a picture"] == "uint8"
                and not hasattr(np.array(12), "dtypes")
            ),
            measured="; ".join(f"{value}: {kind}" for value, kind in dtype.items()),
            evidence="the dtype that NumPy gives; the printed np.array(12) is an integer, and an"
            " array has no dtypes",
        ),
        verdict_on(
            "tensor-rgb",
            bool(
                first and again.equals(results.picture) and results.stored.equals(results.picture)
            ),
            measured=f"{results.sizes['height']} x {results.sizes['width']} pixels of"
            f" {results.sizes['channel']} bytes; the three planes add up to the picture,"
            f" {int((again != results.picture).sum())} bytes apart, and so does what a PNG file"
            f" gives back, {int((results.stored != results.picture).sum())} apart",
            evidence="three overlapping discs, split into red, green and blue and put together"
            " again; written and read through matplotlib.image",
        ),
    ]
