"""Windows that slide over images: where they lie, and what each of their taps sees.

A window has one tap per row i and column j of its size; over all windows (p, q), a tap sees a
strided slice of the padded image. Convolution and pooling are sums and maxima over taps, and their
gradients put the slices back where they were seen.
"""

import itertools
import operator
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxnn import checks

Images = Float[Array, "batch height width channels"]
Pair = int | tuple[int, int]  # of rows and columns; an int stands for both
Pads = tuple[tuple[int, int], tuple[int, int]]  # (above, below), (left, right)
Padding = str | Sequence[Sequence[int]]  # "SAME", "VALID" or Pads
Tap = tuple[int, int]


class Axis(NamedTuple):
    """How windows lie along the rows, or the columns, of an image."""

    pixels: int  # of the image
    taps: int  # of a window
    stride: int  # from one window to the next
    dilation: int  # from one tap to the next
    before: int  # pixels of padding
    after: int
    number: int  # of windows


class Windows(NamedTuple):
    """The windows over images of one size."""

    rows: Axis
    columns: Axis

    @property
    def counts(self) -> tuple[int, int]:
        """The windows along rows and columns."""
        return self.rows.number, self.columns.number

    def tile(self) -> bool:
        """Whether every pixel lies in exactly one window, and nothing else does."""
        return all(
            axis.stride == axis.taps
            and axis.dilation == 1
            and axis.before == axis.after == 0
            and axis.number * axis.taps == axis.pixels
            for axis in self
        )

    def taps(self) -> Iterator[Tap]:
        """The taps (i, j), row by row."""
        return itertools.product(range(self.rows.taps), range(self.columns.taps))

    def padded(self, x: Array, value: float = 0.0) -> Array:
        """[batch, height, width, channels] with the padding around it, filled with a value."""
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise TypeError(f"images must be floats, got {x.dtype}")
        pads = [(axis.before, axis.after, 0) for axis in self]
        return lax.pad(x, jnp.asarray(value, x.dtype), ((0, 0, 0), *pads, (0, 0, 0)))

    def seen(self, padded: Array, tap: Tap) -> Array:
        """The pixels [batch, *counts, channels] that this tap sees: p s + i d for window p."""
        starts = [i * axis.dilation for i, axis in zip(tap, self, strict=True)]
        ends = [
            start + (axis.number - 1) * axis.stride + 1
            for start, axis in zip(starts, self, strict=True)
        ]
        strides = [axis.stride for axis in self]
        batch, *_, channels = padded.shape
        return lax.slice(padded, (0, *starts, 0), (batch, *ends, channels), (1, *strides, 1))

    def put_back(self, values: Array, tap: Tap) -> Array:
        """The transpose of `padded` and `seen`: the values where the tap saw them, 0 elsewhere."""
        pads = []
        for i, axis in zip(tap, self, strict=True):
            first = i * axis.dilation - axis.before  # negative: cut off with the padding
            last = first + (axis.number - 1) * axis.stride
            pads.append((first, axis.pixels - 1 - last, axis.stride - 1))
        return lax.pad(values, jnp.zeros((), values.dtype), ((0, 0, 0), *pads, (0, 0, 0)))


def windows_over(
    image: tuple[int, ...],
    size: tuple[int, ...],
    *,
    strides: Pair = 1,
    padding: Padding = "VALID",
    dilation: Pair = 1,
) -> Windows:
    """The windows of a size over an image, each given as (rows, columns).

    "VALID" pads nothing: floor((n - k) / s) + 1 windows of k pixels over n. "SAME" gives
    ceil(n / s) windows and pads what they need, the odd pixel on the far side  [Dumoulin and Visin
    2016].

    Raises:
      TypeError, ValueError: a setting that is not of its kind, or below 1 (padding: below 0).
      ValueError: the window is larger than the padded image.
    """
    strides, dilation = pair("strides", strides), pair("dilation", dilation)
    padding = checked_padding(padding)
    return Windows(*(_axis(*each) for each in zip(
        ("rows", "columns"), image, size, strides, dilation,
        (padding, padding) if isinstance(padding, str) else padding, strict=True,
    )))  # fmt: skip


def _axis(name: str, n: int, taps: int, stride: int, dilation: int, padding: Any) -> Axis:
    reach = (taps - 1) * dilation + 1
    if padding == "SAME":
        missing = max((-(-n // stride) - 1) * stride + reach - n, 0)
        padding = missing // 2, missing - missing // 2
    before, after = (0, 0) if padding == "VALID" else padding
    room = before + n + after
    if reach > room:
        raise ValueError(
            f"a window of {reach} {name} does not fit into an image of {room}, padding included:"
            ' take padding="SAME", a smaller window or larger images'
        )
    return Axis(n, taps, stride, dilation, before, after, (room - reach) // stride + 1)


def pair(name: str, value: Any) -> tuple[int, int]:
    """The setting for rows and columns; an int stands for both."""
    values = value if isinstance(value, tuple | list) else (value, value)
    if len(values) != 2:
        raise ValueError(f"{name} must be an int, or a pair of them for rows and columns: {value}")
    for each in values:
        checks.positive_int(name, each)
    return int(values[0]), int(values[1])


def checked_padding(padding: Any) -> str | Pads:
    """The padding, if it is one."""
    if isinstance(padding, str) and padding in ("SAME", "VALID"):
        return padding
    try:
        (top, bottom), (left, right) = padding
        pads = [operator.index(pad) for pad in (top, bottom, left, right)]
    except (TypeError, ValueError):
        pads = [-1]
    if min(pads) < 0:
        raise ValueError(
            'padding must be "SAME", "VALID" or pixels ((above, below), (left, right)), each at'
            f" least 0, got {padding!r}"
        )
    return (pads[0], pads[1]), (pads[2], pads[3])


def check_images(shape: tuple[int, ...], what: str) -> None:
    """Refuses a shape (height, width, channels) of one example that is not that of an image."""
    if len(shape) != 3 or 0 in shape:
        raise ValueError(
            f"{what} takes images of (height, width, channels), each at least 1, got {shape}"
        )
