"""Pooling: the maximum or the mean over windows or whole images, per channel.

Of tied maxima the first, row by row, takes the gradient: one of the subgradients, and the one that
leaves the sum of the gradient as it is.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.layers.layer import Layer, stateless
from jaxnn.layers.windows import (
    Images,
    Padding,
    Pair,
    Windows,
    check_images,
    checked_padding,
    pair,
    windows_over,
)

Pooled = Float[Array, "batch rows columns channels"]
Channels = Float[Array, "batch channels"]


def max_of_windows(
    x: Images, *, window: Pair = 2, strides: Pair | None = None, padding: Padding = "VALID"
) -> Pooled:
    """y_pq = max_ij x_(ps+i, qs+j), the largest pixel of each window  [Ranzato et al. 2007].

    Padding is never the largest: it counts as -inf.

    Args:
      x: images.
      window: rows and columns of a window.
      strides: the step from one window to the next; None takes that of the window, as Keras does.
      padding: "VALID", "SAME", or pixels ((above, below), (left, right)), fewer than the window's.

    Raises:
      ValueError: a window that is larger than the padded image, padding in which a whole window
        could lie, or a setting out of its range.
    """
    windows = _windows(x.shape[1:], window, strides, padding)
    return functools.reduce(jnp.maximum, _seen(x, windows))


def max_of_windows_vjp(
    x: Images,
    cotangent: Pooled,
    *,
    window: Pair = 2,
    strides: Pair | None = None,
    padding: Padding = "VALID",
) -> Images:
    """dx_a = sum of dy_p over the windows p whose first maximum lies at a."""
    windows = _windows(x.shape[1:], window, strides, padding)
    checks.cotangent(cotangent, (x.shape[0], *windows.counts, x.shape[-1]))
    return _to_the_first(first_maximum(list(_seen(x, windows))), cotangent, windows)


def _seen(x: Array, windows: Windows) -> Iterator[Array]:
    padded = windows.padded(x, -jnp.inf)
    return (windows.seen(padded, tap) for tap in windows.taps())


def first_maximum(seen: Sequence[Array]) -> Array:
    """Which tap of each window is the first to see its maximum; their number for a window of NaN.

    Windows of fewer than 256 pixels are told by a byte, which is all that a layer has to save.
    """
    largest = functools.reduce(jnp.maximum, seen)
    first = jnp.full(largest.shape, len(seen), jnp.uint8 if len(seen) < 256 else jnp.int32)
    for number, pixels in reversed(list(enumerate(seen))):
        first = jnp.where(pixels == largest, jnp.asarray(number, first.dtype), first)
    return first


def _to_the_first(first: Array, dy: Array, windows: Windows) -> Array:
    """dy_p at the tap `first` of window p, 0 elsewhere; summed where windows overlap.

    Windows that tile the image are its pixels in another order: every one then looks up the tap of
    its window, and nothing is summed.
    """
    batch, rows, columns, channels = dy.shape
    height, width = windows.rows.taps, windows.columns.taps
    if windows.tile():
        numbers = np.arange(height * width, dtype=first.dtype).reshape(1, 1, height, 1, width, 1)
        split = batch, rows, height, columns, width, channels
        first, dy = (jnp.broadcast_to(a[:, :, None, :, None], split) for a in (first, dy))
        spread = jnp.where(first == jnp.broadcast_to(numbers, split), dy, 0)
        return spread.reshape(batch, rows * height, columns * width, channels)
    return sum(
        (
            windows.put_back(jnp.where(first == number, dy, 0), tap)
            for number, tap in enumerate(windows.taps())
        ),
        jnp.zeros((batch, windows.rows.pixels, windows.columns.pixels, channels), dy.dtype),
    )


def mean_of_windows(
    x: Images, *, window: Pair = 2, strides: Pair | None = None, padding: Padding = "VALID"
) -> Pooled:
    """y_p = (1/N_p) sum_i x_(ps+i), over the N_p pixels of the window that lie in the image.

    [LeCun et al. 1989.] So padding does not count, as in Keras; for the settings, and what they
    raise, see `max_of_windows`.
    """
    windows = _windows(x.shape[1:], window, strides, padding)
    padded = windows.padded(x)
    total = sum((windows.seen(padded, tap) for tap in windows.taps()), jnp.zeros((), x.dtype))
    return total / _pixels(windows, total)


def mean_of_windows_vjp(
    x: Images,
    cotangent: Pooled,
    *,
    window: Pair = 2,
    strides: Pair | None = None,
    padding: Padding = "VALID",
) -> Images:
    """dx_a = sum of dy_p / N_p over the windows p that see a: each pixel has the weight 1/N_p."""
    windows = _windows(x.shape[1:], window, strides, padding)
    checks.cotangent(cotangent, (x.shape[0], *windows.counts, x.shape[-1]))
    share = cotangent / _pixels(windows, cotangent)
    return sum((windows.put_back(share, tap) for tap in windows.taps()), jnp.zeros_like(x))


def _pixels(windows: Windows, y: Array) -> Array:
    """N_p, in the shape and dtype of y: the taps that fall into the image, counted."""
    counts = []
    for axis in windows:
        starts = np.arange(axis.number) * axis.stride - axis.before
        places = starts[:, None] + np.arange(axis.taps)  # [windows, taps]
        counts.append(((places >= 0) & (places < axis.pixels)).sum(axis=1))
    counted = np.multiply.outer(*counts).reshape(1, *windows.counts, 1)
    return jnp.broadcast_to(jnp.asarray(counted, y.dtype), y.shape)


def max_of_image(x: Images) -> Channels:
    """y_c = max_ij x_ijc, the strongest response anywhere."""
    check_images(x.shape[1:], "global pooling")
    return x.max(axis=(1, 2))


def max_of_image_vjp(x: Images, cotangent: Channels) -> Images:
    """dx_ijc = dy_c for the first maximum (i, j) of channel c, else 0."""
    batch, height, width, channels = x.shape
    checks.cotangent(cotangent, (batch, channels))
    winner = x.reshape(batch, height * width, channels).argmax(axis=1)
    won = jax.nn.one_hot(winner, height * width, axis=1, dtype=jnp.bool)
    return jnp.where(won, cotangent[:, None, :], 0).reshape(x.shape)


def mean_of_image(x: Images) -> Channels:
    """y_c = (1/HW) sum_ij x_ijc  [Lin et al. 2014, section 3.2]."""
    check_images(x.shape[1:], "global pooling")
    return x.mean(axis=(1, 2))


def mean_of_image_vjp(x: Images, cotangent: Channels) -> Images:
    """dx_ijc = dy_c / HW."""
    batch, height, width, channels = x.shape
    checks.cotangent(cotangent, (batch, channels))
    return jnp.broadcast_to(cotangent[:, None, None, :] / (height * width), x.shape)


def max_pool2d(
    window: Pair = 2, *, strides: Pair | None = None, padding: Padding = "VALID"
) -> Layer:
    """The layer of `max_of_windows`; it saves where the maxima lie, and not the images."""
    settings = _checked(window, strides, padding)

    def forward(x):
        seen = list(_seen(x, _windows(x.shape[1:], **settings)))
        return functools.reduce(jnp.maximum, seen), (first_maximum(seen), x.shape)

    def backward(saved, dy):
        first, in_shape = saved
        return _to_the_first(
            first, checks.cotangent(dy, first.shape), _windows(in_shape[1:], **settings)
        )

    return _pooling("max_pool2d", forward, backward, settings)


def avg_pool2d(
    window: Pair = 2, *, strides: Pair | None = None, padding: Padding = "VALID"
) -> Layer:
    """The layer of `mean_of_windows`."""
    settings = _checked(window, strides, padding)
    return _pooling(
        "avg_pool2d",
        lambda x: (mean_of_windows(x, **settings), x),
        functools.partial(mean_of_windows_vjp, **settings),
        settings,
    )


def _checked(window, strides, padding) -> dict[str, Any]:
    return {
        "window": pair("window", window),
        "strides": pair("strides", window if strides is None else strides),
        "padding": checked_padding(padding),
    }


def _pooling(name, forward, backward, settings) -> Layer:
    def out_shape(in_shape):
        return (*_windows(in_shape, **settings).counts, in_shape[-1])

    return stateless(forward, backward, name=f"{name}({settings['window']})", out_shape=out_shape)


def _windows(in_shape, window, strides, padding) -> Windows:
    check_images(in_shape, "pooling")
    size, padding = pair("window", window), checked_padding(padding)
    if not isinstance(padding, str) and any(
        max(pads) >= k for pads, k in zip(padding, size, strict=True)
    ):
        raise ValueError(f"padding {padding} must be less than the window {size} that pools it")
    strides = size if strides is None else strides
    return windows_over(in_shape[:2], size, strides=strides, padding=padding)


def _global_pooling(name, function, rule) -> Layer:
    def out_shape(in_shape):
        check_images(in_shape, name)
        return in_shape[-1:]

    return stateless(lambda x: (function(x), x), rule, name=name, out_shape=out_shape)


global_max_pool2d = _global_pooling("global_max_pool2d", max_of_image, max_of_image_vjp)
global_avg_pool2d = _global_pooling("global_avg_pool2d", mean_of_image, mean_of_image_vjp)
