"""The forms in which a convolution and its two gradients are computed, and which is taken where."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxnn.layers import convolve
from jaxnn.layers.axes import alike
from jaxnn.layers.convolve import LAYOUT
from jaxnn.layers.windows import Windows

FASTEST = {"cpu": "transposed"}  # by platform; on others the library's own
ELSEWHERE = "library"


def compute(
    which: int, platform: str, one: Array, other: Array,
    *, lanes: tuple[bool, bool], windows: Windows, groups: int, form: str,
) -> Array:  # fmt: skip
    """The gradient of the images (0) or of the kernel (1), or the convolution itself (2).

    Args:
      which: 0 takes (kernel, dy), 1 (x, dy), 2 (x, kernel).
      platform: for which the program is lowered.
      one: an array.
      other: an array.
      lanes: which of them has a leading axis of lanes.
      windows: over the images.
      groups: the parts in which channels and features are connected.
      form: see `fast_convolve2d`.
    """
    if form == "auto":
        form = FASTEST.get(platform, ELSEWHERE)
    how: dict[str, Any] = {"windows": windows, "groups": groups}
    by_taps = functools.partial(_BY_TAPS[which], **how)
    function = functools.partial(_in_form(which, form, one.shape[-1], **how), **how)
    if not any(lanes):
        return function(one, other)
    return _over_lanes(which, form, function, by_taps, lanes, (one, other))


def plain(
    which: int, one: Array, other: Array, *, windows: Windows, groups: int, form: str
) -> Array:
    """The same by XLA's own operations, without lanes."""
    del form
    return _BY_XLA[which](one, other, windows, groups)


def _in_form(which: int, form: str, channels: int, windows: Windows, groups: int) -> Callable:
    """How one lane is computed."""
    if form != "transposed":
        return (_BY_XLA if form == "library" else _BY_TAPS)[which]
    num_taps = windows.rows.taps * windows.columns.taps
    # XLA makes products of numbers of the products of matrices with a single channel
    if which == 2 and channels == 1:
        return _by_taps
    if which == 1 and groups == 1 and num_taps > 1:
        return _kernel_gradient_transposed
    return (convolve.input_gradient, convolve.kernel_gradient, convolve.matches)[which]


def _over_lanes(which, form, function, by_taps, lanes, arrays) -> Array:
    """No grouped convolution, which is what `jax.vmap` would make of kernels of many lanes.

    On CPUs lanes come one after another, each as fast as it is alone; elsewhere the products of all
    lanes make up one batch for every tap. Lanes that share their kernel are one larger batch.
    """
    axes = tuple(0 if has else None for has in lanes)
    share_kernel = which != 1 and not lanes[0 if which == 0 else 1]
    if share_kernel:
        return jax.vmap(function, axes)(*arrays)
    if form != "transposed":
        return jax.vmap(by_taps, axes)(*arrays)

    def one_lane(own):
        left = iter(own)
        chosen = zip(lanes, arrays, strict=True)
        return function(*(next(left) if has else array for has, array in chosen))

    return lax.map(one_lane, [array for has, array in zip(lanes, arrays, strict=True) if has])


def _kernel_gradient_transposed(x: Array, dy: Array, windows: Windows, groups: int) -> Array:
    assert groups == 1
    x = lax.optimization_barrier(x)  # or XLA computes x again in the order of the transpose
    pads = [  # so many pixels that dy lies at as many places as there are taps
        (a.before, (a.number - 1) * a.stride + (a.taps - 1) * a.dilation + 1 - a.before - a.pixels)
        for a in windows
    ]
    return lax.conv_general_dilated(
        x.transpose(3, 1, 2, 0),  # [channels, height, width, examples]
        dy.transpose(1, 2, 0, 3),  # [rows, columns, examples, features]
        [axis.dilation for axis in windows],
        pads,
        rhs_dilation=[axis.stride for axis in windows],
        dimension_numbers=LAYOUT,
    ).transpose(1, 2, 0, 3)


def _input_gradient_of_xla(kernel: Array, dy: Array, windows: Windows, groups: int) -> Array:
    pixels = windows.rows.pixels, windows.columns.pixels
    x = jnp.zeros((len(dy), *pixels, kernel.shape[2] * groups), dy.dtype)
    return _transposed(lambda x: convolve.matches(x, kernel, windows, groups), x, dy)


def _kernel_gradient_of_xla(x: Array, dy: Array, windows: Windows, groups: int) -> Array:
    taps = windows.rows.taps, windows.columns.taps
    kernel = jnp.zeros((*taps, x.shape[-1] // groups, dy.shape[-1]), dy.dtype)
    return _transposed(lambda w: convolve.matches(x, w, windows, groups), kernel, dy)


def _transposed(linear: Callable, like: Array, dy: Array) -> Array:
    """Of the devices that share an axis each has its own: a type without it would add them up."""
    return jax.linear_transpose(linear, alike(like, dy))(dy)[0]


def _by_taps(x: Array, kernel: Array, windows: Windows, groups: int) -> Array:
    """y_p = sum_i x_(ps+id) w_i, a product of matrices for every tap i."""
    padded = windows.padded(x)
    channels, features = x.shape[-1] // groups, kernel.shape[-1]
    out = x.shape[0], *windows.counts, features
    weights = kernel.reshape(*kernel.shape[:3], groups, features // groups)
    rows = math.prod(out[:3])
    return sum(
        (
            jnp.einsum(
                "ngc,cgo->ngo",
                windows.seen(padded, tap).reshape(rows, groups, channels),
                weights[tap],
            ).reshape(out)
            for tap in windows.taps()
        ),
        jnp.zeros(out, x.dtype),
    )


def _input_gradient_by_taps(kernel: Array, dy: Array, windows: Windows, groups: int) -> Array:
    """dx = sum_i dy w_i, put back where the tap i has seen it."""
    channels, features = kernel.shape[2], kernel.shape[3]
    weights = kernel.reshape(*kernel.shape[:3], groups, features // groups)
    by_group = dy.reshape(*dy.shape[:3], groups, features // groups)
    pixels = dy.shape[0], windows.rows.pixels, windows.columns.pixels, channels * groups
    return sum(
        (
            windows.put_back(
                jnp.einsum("npqgo,cgo->npqgc", by_group, weights[tap]).reshape(
                    *dy.shape[:3], channels * groups
                ),
                tap,
            )
            for tap in windows.taps()
        ),
        jnp.zeros(pixels, dy.dtype),
    )


_BY_TAPS = _input_gradient_by_taps, convolve.kernel_gradient, _by_taps
_BY_XLA = _input_gradient_of_xla, _kernel_gradient_of_xla, convolve.matches
