"""The convolution in the forms that are fast, and which of them is taken where.

XLA's convolution is fast on CPUs, and so is the gradient of its input. That of the kernel is not:
as autodiff writes it, it falls off the fast path in a compiled loop. And kernels of many lanes, as
`jax.vmap` of a network makes them, become a grouped convolution, which is slow.
docs/convolutions.md has the measurements.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, Literal, cast, get_args

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxnn import checks
from jaxnn.layers import convolve
from jaxnn.layers.convolve import LAYOUT, Kernel, Maps, windows_of
from jaxnn.layers.windows import Images, Padding, Pair, Windows

Form = Literal["auto", "transposed", "library", "taps"]
FASTEST: dict[str, Form] = {"cpu": "transposed"}  # by backend; on others the library's own
ELSEWHERE: Form = "library"


def fast_convolve2d(
    x: Images,
    kernel: Kernel,
    *,
    strides: Pair = 1,
    padding: Padding = "SAME",
    dilation: Pair = 1,
    groups: int = 1,
    form: Form = "auto",
) -> Maps:
    """y_pqo = sum_ijc x_(ps+id, qs+jd, c) w_ijco, as `convolve2d`, in the form that is fast here.

    `jax.grad` takes its gradient by `fast_convolve2d_vjp`. So it has no forward-mode derivative;
    `convolve2d` has.

    Args:
      x: images.
      kernel: the weights.
      strides: as for `convolve2d`, like the three settings after it.
      padding: "SAME", "VALID" or pixels.
      dilation: the step from one weight to the next.
      groups: the parts in which channels and features are connected.
      form: "transposed", "library" and "taps" differ in how the gradient is computed, and in
        nothing but rounding:
        "transposed": that of the kernel is the convolution of the images by the cotangent, both
          laid out anew so that examples are channels; with several groups, as under "taps". Images
          of one channel go forward as under "taps";
        "library": XLA's own;
        "taps": one product of matrices for every weight of the window, the forward pass included;
        "auto": what is fastest on the default backend, by the table `FASTEST`.
    """
    windows = windows_of(x, kernel, strides, padding, dilation, groups)
    return _convolve(x, kernel, windows, groups, _chosen(form))


def fast_convolve2d_vjp(
    x: Images,
    kernel: Kernel,
    cotangent: Maps,
    *,
    strides: Pair = 1,
    padding: Padding = "SAME",
    dilation: Pair = 1,
    groups: int = 1,
    form: Form = "auto",
) -> tuple[Images, Kernel]:
    """dw_ico = sum_p (sum_n x_(n, ps+id, c) dy_npo), a convolution; dx as in `convolve2d_vjp`.

    Written for one image axis. The sum over windows p slides an image of x, with the channels c for
    examples and the examples n for channels, under a kernel of dy, whose weights p lie s apart; it
    is taken at the places id, which lie d apart. So strides and dilation have changed places.
    """
    windows = windows_of(x, kernel, strides, padding, dilation, groups)
    checks.cotangent(cotangent, (x.shape[0], *windows.counts, kernel.shape[-1]))
    return _gradients(windows, groups, _chosen(form), (x, kernel), cotangent)


def checked_form(form: str) -> Form:
    """The form, if it is one."""
    if form not in get_args(Form):
        raise ValueError(f"form must be one of {', '.join(get_args(Form))}, got {form!r}")
    return cast(Form, form)


def _chosen(form: str) -> str:
    """What "auto" stands for."""
    if checked_form(form) != "auto":
        return form
    return FASTEST.get(jax.default_backend(), ELSEWHERE)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _convolve(x: Array, kernel: Array, windows: Windows, groups: int, form: str) -> Array:
    how: dict[str, Any] = {"windows": windows, "groups": groups}
    by_taps = functools.partial(_by_taps, **how)
    # XLA makes products of numbers of the products of matrices with a single channel
    is_by_taps = form == "taps" or (form == "transposed" and x.shape[-1] == 1)
    whole = by_taps if is_by_taps else functools.partial(convolve.matches, **how)
    return _over_lanes(whole, by_taps, form, kernel_at=1)(x, kernel)


def _saved(x, kernel, windows, groups, form):
    return _convolve(x, kernel, windows, groups, form), (x, kernel)


def _gradients(windows: Windows, groups: int, form: str, saved, dy) -> tuple[Array, Array]:
    x, kernel = saved
    num_taps = windows.rows.taps * windows.columns.taps
    if form == "library":
        along_x, along_kernel = _input_gradient_of_xla, _kernel_gradient_of_xla
    elif form == "taps":
        along_x, along_kernel = _input_gradient_by_taps, convolve.kernel_gradient
    elif groups > 1 or num_taps == 1:
        along_x, along_kernel = convolve.input_gradient, convolve.kernel_gradient
    else:
        along_x, along_kernel = convolve.input_gradient, _kernel_gradient_transposed
    how: dict[str, Any] = {"windows": windows, "groups": groups}
    of_x, x_by_taps, of_kernel, kernel_by_taps = (
        functools.partial(function, **how)
        for function in (along_x, _input_gradient_by_taps, along_kernel, convolve.kernel_gradient)
    )
    dx = _over_lanes(of_x, x_by_taps, form, kernel_at=0)(kernel, dy)
    return dx, _over_lanes(of_kernel, kernel_by_taps, form)(x, dy)


_convolve.defvjp(_saved, _gradients)


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
    x = jax.ShapeDtypeStruct((len(dy), *pixels, kernel.shape[2] * groups), dy.dtype)
    return jax.linear_transpose(lambda x: convolve.matches(x, kernel, windows, groups), x)(dy)[0]


def _kernel_gradient_of_xla(x: Array, dy: Array, windows: Windows, groups: int) -> Array:
    taps = windows.rows.taps, windows.columns.taps
    kernel = jax.ShapeDtypeStruct((*taps, x.shape[-1] // groups, dy.shape[-1]), dy.dtype)
    return jax.linear_transpose(lambda w: convolve.matches(x, w, windows, groups), kernel)(dy)[0]


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


def _over_lanes(
    function: Callable, by_taps: Callable, form: str, kernel_at: int | None = None
) -> Callable:
    """The function, which under `jax.vmap` becomes no grouped convolution.

    On CPUs lanes come one after another, each as fast as it is alone; elsewhere the products of all
    lanes make up one batch for every tap. Lanes that share their kernel are one larger batch.

    Args:
      function: of two arrays.
      by_taps: the same by products of matrices.
      form: of the convolution.
      kernel_at: which of the arrays is the kernel, if one is.
    """
    mapped = jax.custom_batching.custom_vmap(function)

    @mapped.def_vmap
    def over_lanes(size, has_lanes, *arrays):
        del size
        axes = tuple(0 if has else None for has in has_lanes)
        if kernel_at is not None and not has_lanes[kernel_at]:
            return jax.vmap(function, axes)(*arrays), True
        if form != "transposed":
            return jax.vmap(by_taps, axes)(*arrays), True
        own = [array for has, array in zip(has_lanes, arrays, strict=True) if has]

        def one_lane(lane):
            left = iter(lane)
            chosen = zip(has_lanes, arrays, strict=True)
            return mapped(*(next(left) if has else array for has, array in chosen))

        return lax.map(one_lane, own), True

    return mapped
