"""The convolution of images, [batch, height, width, channels], as its equation has it."""

import math

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.layers.windows import (
    Images,
    Padding,
    Pair,
    Windows,
    check_images,
    windows_over,
)

Kernel = Float[Array, "kernel_rows kernel_columns channels_per_group features"]
Maps = Float[Array, "batch rows columns features"]
LAYOUT = ("NHWC", "HWIO", "NHWC")


def convolve2d(
    x: Images,
    kernel: Kernel,
    *,
    strides: Pair = 1,
    padding: Padding = "SAME",
    dilation: Pair = 1,
    groups: int = 1,
) -> Maps:
    """The kernel's match with every window of the image, the convolution of neural networks.

        y_pqo = sum_ijc x_(ps+id, qs+jd, c) w_ijco

    for every image, with s = strides, d = dilation and x padded by zeros  [LeCun et al. 1989;
    Dumoulin and Visin 2016]. The kernel is not flipped, so it is what mathematics calls a
    cross-correlation.

    Args:
      x: images.
      kernel: the weights; its channels are those of one group.
      strides: the step from one window to the next, for rows and columns or for both.
      padding: "SAME" gives ceil(n / s) windows, "VALID" pads nothing, or the pixels added, as
        ((above, below), (left, right)).
      dilation: the step from one weight to the next in the image.
      groups: features in the g-th of `groups` equal parts see the channels in the g-th part only.

    Raises:
      ValueError: the kernel is larger than the padded image, or its channels and features do not
        fit the image's channels and the groups; a setting out of its range.
    """
    return matches(x, kernel, windows_of(x, kernel, strides, padding, dilation, groups), groups)


def matches(x: Array, kernel: Array, windows: Windows, groups: int) -> Array:
    """The convolution, of windows that have been found."""
    return lax.conv_general_dilated(
        x,
        kernel,
        [axis.stride for axis in windows],
        [(axis.before, axis.after) for axis in windows],
        rhs_dilation=[axis.dilation for axis in windows],
        dimension_numbers=LAYOUT,
        feature_group_count=groups,
    )


def convolve2d_vjp(
    x: Images,
    kernel: Kernel,
    cotangent: Maps,
    *,
    strides: Pair = 1,
    padding: Padding = "SAME",
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Images, Kernel]:
    """dx_ac = sum_(pi: ps+id=a) sum_o dy_po w_ico,  dw_ico = sum_np x_(ps+id, c) dy_po.

    Written for one image axis; the other is like it. x_a meets w_i in those windows p in which
    p s + i d = a, which gives dx. Put s - 1 zeros between the rows of dy and call it e: with
    e_ps = dy_p, dx_a = sum_i e_(a-id) w_i, a convolution of e by the flipped kernel, with features
    and channels exchanged. And each weight is a product of dy with what its tap has seen.
    """
    windows = windows_of(x, kernel, strides, padding, dilation, groups)
    checks.cotangent(cotangent, (x.shape[0], *windows.counts, kernel.shape[-1]))
    dx = input_gradient(kernel, cotangent, windows, groups)
    return dx, kernel_gradient(x, cotangent, windows, groups)


def input_gradient(kernel: Array, dy: Array, windows: Windows, groups: int) -> Array:
    """dx, as a convolution of dy."""
    rows, columns, channels, features = kernel.shape
    by_group = kernel[::-1, ::-1].reshape(rows, columns, channels, groups, features // groups)
    exchanged = by_group.transpose(0, 1, 4, 3, 2)  # [rows, columns, features, groups, channels]
    # With (k - 1) d zeros on both sides, e would give the gradient of the padded image as far as
    # its windows reach. Of it, the rows before the image are cut off, by negative pads if need be,
    # and behind it as many are cut off or added as make n.
    pads = [
        (
            (axis.taps - 1) * axis.dilation - axis.before,
            axis.before + axis.pixels - ((axis.number - 1) * axis.stride + 1),
        )
        for axis in windows
    ]
    return lax.conv_general_dilated(
        dy,
        exchanged.reshape(rows, columns, features // groups, groups * channels),
        (1, 1),
        pads,
        lhs_dilation=[axis.stride for axis in windows],
        rhs_dilation=[axis.dilation for axis in windows],
        dimension_numbers=LAYOUT,
        feature_group_count=groups,
    )


def kernel_gradient(x: Array, dy: Array, windows: Windows, groups: int) -> Array:
    """dw, as a product of matrices for every tap."""
    padded, examples = windows.padded(x), math.prod(dy.shape[:3])
    dy = dy.reshape(examples, groups, dy.shape[-1] // groups)
    products = [
        jnp.einsum(
            "ngc,ngo->cgo",
            windows.seen(padded, tap).reshape(examples, groups, x.shape[-1] // groups),
            dy,
        )
        for tap in windows.taps()
    ]
    taps = windows.rows.taps, windows.columns.taps
    return jnp.stack(products).reshape(*taps, x.shape[-1] // groups, -1)


def windows_of(
    x: Array, kernel: Array, strides: Pair, padding: Padding, dilation: Pair, groups: int
) -> Windows:
    """The windows over the images; refuses what `convolve2d` refuses."""
    checks.positive_int("groups", groups)
    check_images(x.shape[1:], "convolve2d")
    channels, features = x.shape[-1], kernel.shape[-1]
    if channels != kernel.shape[2] * groups or features % groups:
        raise ValueError(
            f"images of {channels} channels in {groups} groups do not fit a kernel of shape"
            f" {kernel.shape}: it needs {channels}/{groups} channels, and features that"
            f" {groups} divides"
        )
    return windows_over(
        x.shape[1:3], kernel.shape[:2], strides=strides, padding=padding, dilation=dilation
    )
