"""Pooling: the maximum or the mean over windows, whole images or random regions, per channel.

Of tied maxima the first, row by row, takes the gradient: one of the subgradients, and the one that
leaves the sum of the gradient as it is.
"""

import functools
import math
from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxnn.layers.layer import Layer, checked_key, stateless
from jaxnn.layers.windows import (
    Padding,
    Pair,
    Windows,
    check_cotangent,
    check_images,
    checked_padding,
    pair,
    windows_over,
)

Images = Float[Array, "batch height width channels"]
Pooled = Float[Array, "batch rows columns channels"]
Channels = Float[Array, "batch channels"]
Edges = Int[Array, " regions_plus_1"]


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
    check_cotangent(cotangent, (x.shape[0], *windows.counts, x.shape[-1]))
    seen = list(_seen(x, windows))
    firsts = _first_maxima(seen, functools.reduce(jnp.maximum, seen))
    return sum(
        (
            windows.put_back(jnp.where(first, cotangent, 0), tap)
            for first, tap in zip(firsts, windows.taps(), strict=True)
        ),
        jnp.zeros_like(x),
    )


def _seen(x: Array, windows: Windows) -> Iterator[Array]:
    padded = windows.padded(x, -jnp.inf)
    return (windows.seen(padded, tap) for tap in windows.taps())


def _first_maxima(candidates: Iterable[Array], largest: Array) -> Iterator[Array]:
    """For each candidate, where it is the first to equal the largest one."""
    free = jnp.ones(largest.shape, jnp.bool)
    for candidate in candidates:
        first = free & (candidate == largest)
        yield first
        free &= ~first


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
    check_cotangent(cotangent, (x.shape[0], *windows.counts, x.shape[-1]))
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
    check_cotangent(cotangent, (batch, channels))
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
    check_cotangent(cotangent, (batch, channels))
    return jnp.broadcast_to(cotangent[:, None, None, :] / (height * width), x.shape)


def max_of_regions(
    x: Images,
    row_edges: Int[Array, " rows_plus_1"],
    column_edges: Int[Array, " columns_plus_1"],
    *,
    overlapping: bool = False,
) -> Pooled:
    """y_pq = max x_ij over rows a_p <= i < a_(p+1) and columns b_q <= j < b_(q+1).

    The pooling step of fractional max pooling  [Graham 2014, section 2].

    Args:
      x: images.
      row_edges: increasing numbers a from 0 to the height n, for m regions no two further apart
        than ceil(n / m).
      column_edges: the same of the width.
      overlapping: a region takes in the first row and column of the next ones, as in Graham's
        overlapping regions.
    """
    check_images(x.shape[1:], "max_of_regions")
    return functools.reduce(
        jnp.maximum, (seen for seen, _, _ in _in_regions(x, row_edges, column_edges, overlapping))
    )


def max_of_regions_vjp(
    x: Images,
    row_edges: Int[Array, " rows_plus_1"],
    column_edges: Int[Array, " columns_plus_1"],
    cotangent: Pooled,
    *,
    overlapping: bool = False,
) -> Images:
    """dx_ij = sum of dy_pq over the regions whose first maximum lies at (i, j)."""
    batch, *_, channels = x.shape
    check_cotangent(cotangent, (batch, row_edges.size - 1, column_edges.size - 1, channels))
    seen, rows, columns = zip(*_in_regions(x, row_edges, column_edges, overlapping), strict=True)
    firsts = _first_maxima(seen, functools.reduce(jnp.maximum, seen))
    dx = jnp.zeros_like(x)
    for first, i, j in zip(firsts, rows, columns, strict=True):
        dx = dx.at[:, i[:, None], j[None, :]].add(jnp.where(first, cotangent, 0))
    return dx


def _in_regions(x, row_edges, column_edges, overlapping):
    """The k-th pixels of all regions, -inf in regions of fewer, with their rows and columns."""
    for i, row_is_inside in _region_taps(x.shape[1], row_edges, overlapping):
        for j, column_is_inside in _region_taps(x.shape[2], column_edges, overlapping):
            inside = row_is_inside[:, None] & column_is_inside[None, :]
            pixels = x[:, i[:, None], j[None, :]]
            yield jnp.where(inside[None, :, :, None], pixels, -jnp.inf), i, j


def _region_taps(
    size: int, edges: Array, overlapping: bool
) -> list[tuple[Int[Array, " regions"], Bool[Array, " regions"]]]:
    regions = edges.size - 1
    largest = -(-size // regions) + overlapping
    ends = jnp.minimum(edges[1:] + int(overlapping), size)
    places = [edges[:-1] + k for k in range(largest)]
    return [(jnp.minimum(place, size - 1), place < ends) for place in places]


def max_pool2d(
    window: Pair = 2, *, strides: Pair | None = None, padding: Padding = "VALID"
) -> Layer:
    """The layer of `max_of_windows`."""
    return _pooling("max_pool2d", max_of_windows, max_of_windows_vjp, window, strides, padding)


def avg_pool2d(
    window: Pair = 2, *, strides: Pair | None = None, padding: Padding = "VALID"
) -> Layer:
    """The layer of `mean_of_windows`."""
    return _pooling("avg_pool2d", mean_of_windows, mean_of_windows_vjp, window, strides, padding)


def _pooling(name, function, rule, window, strides, padding) -> Layer:
    settings = {
        "window": pair("window", window),
        "strides": pair("strides", window if strides is None else strides),
        "padding": checked_padding(padding),
    }

    def out_shape(in_shape):
        return (*_windows(in_shape, **settings).counts, in_shape[-1])

    return stateless(
        forward=lambda x: (function(x, **settings), x),
        backward=functools.partial(rule, **settings),
        name=f"{name}({settings['window']})",
        out_shape=out_shape,
    )


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


def fractional_max_pool2d(
    ratio: float | int, *, overlapping: bool = False, pseudorandom: bool = False
) -> Layer:
    """Max pooling to floor(n / ratio) rows and columns, over regions drawn anew at each step.

    The m regions over n rows are floor(n / m) and ceil(n / m) rows high: 1 and 2, for a ratio
    between. They are the same for the whole batch  [Graham 2014, section 2]:

        random          these sizes in a random order
        pseudorandom    edges a_i = ceil(alpha (i + u)) with alpha = n / m and a random u in (0, 1)

    The second kind spreads the sizes evenly, and only shifts them. In evaluation there is no
    randomness: the edges are floor(i n / m).

    Args:
      ratio: between 1, which changes nothing, and 2, ordinary pooling of even images.
      overlapping: see `max_of_regions`.
      pseudorandom: True for the second kind.

    Raises:
      TypeError, ValueError: the ratio is not a number in [1, 2].
      ValueError: (from init) the input is no image, or so small that no region would remain;
        (from forward) training without a key.
    """
    if isinstance(ratio, bool) or not isinstance(ratio, int | float):
        raise TypeError(f"ratio must be a number, known when the layer is made, got {ratio!r}")
    if not 1 <= ratio <= 2:
        raise ValueError(f"ratio must be in [1, 2], got {ratio}")
    name = f"fractional_max_pool2d({ratio})"

    def init(key, in_shape):
        del key
        check_images(in_shape, name)
        counts = [math.floor(size / ratio) for size in in_shape[:2]]
        if 0 in counts:
            raise ValueError(f"{name} leaves no region of images of shape {in_shape}")
        return (), (), (*counts, in_shape[-1])

    def forward(params, state, x, key, train):
        del params
        keys = jax.random.split(checked_key(key, name)) if train else (None, None)
        draw_fn = _pseudorandom_edges if pseudorandom else _random_edges
        edges = [
            (draw_fn if train else _even_edges)(axis_key, size, math.floor(size / ratio))
            for axis_key, size in zip(keys, x.shape[1:3], strict=True)
        ]
        return max_of_regions(x, *edges, overlapping=overlapping), state, (x, *edges)

    def backward(params, saved, dy):
        x, rows, columns = saved
        return params, max_of_regions_vjp(x, rows, columns, dy, overlapping=overlapping)

    return Layer(init, forward, backward, name)


def _even_edges(key: None, size: int, regions: int) -> Edges:
    """0 = a_0 < ... < a_regions = size, evenly spread."""
    del key
    return jnp.asarray(np.arange(regions + 1) * size // regions, jnp.int32)


def _random_edges(key: jax.Array, size: int, regions: int) -> Edges:
    """The steps between the even edges, in a random order."""
    steps = jax.random.permutation(key, jnp.diff(_even_edges(None, size, regions)))
    return jnp.concatenate([jnp.zeros(1, jnp.int32), jnp.cumsum(steps, dtype=jnp.int32)])


def _pseudorandom_edges(key: jax.Array, size: int, regions: int) -> Edges:
    """a_i - a_0, for a_i = ceil(alpha (i + u)) with alpha = n / m and u uniform in (0, 1).

    a_i = ceil((n i + n u) / m) = ceil((n i + k) / m) with k = ceil(n u), as n i is an integer. k is
    uniform in 1 .. n, so that integers will do, in which nothing is rounded. And a_m = n + a_0.
    """
    k = jax.random.randint(key, (), 1, size + 1, jnp.int32)
    a = -((-size * jnp.arange(regions + 1, dtype=jnp.int32) - k) // regions)
    return a - a[0]
