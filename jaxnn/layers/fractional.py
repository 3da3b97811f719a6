"""Fractional max pooling: the maximum over random regions of one, two or more pixels a side.

By windows an image can only shrink to a half, a third, and so on; by regions of different sizes it
can shrink by any ratio, and so more slowly from layer to layer  [Graham 2014]. Of tied maxima the
first, row by row, takes the gradient.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from jaxnn import checks
from jaxnn.layers.layer import Layer, checked_key
from jaxnn.layers.pool import Images, Pooled, first_maximum
from jaxnn.layers.windows import check_images

Edges = Int[Array, " regions_plus_1"]


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
    checks.cotangent(cotangent, (batch, row_edges.size - 1, column_edges.size - 1, channels))
    seen, rows, columns = zip(*_in_regions(x, row_edges, column_edges, overlapping), strict=True)
    first = first_maximum(seen)
    dx = jnp.zeros_like(x)
    for number, (i, j) in enumerate(zip(rows, columns, strict=True)):
        dx = dx.at[:, i[:, None], j[None, :]].add(jnp.where(first == number, cotangent, 0))
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
