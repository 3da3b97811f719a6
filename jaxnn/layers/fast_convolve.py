"""The convolution in the form that is fast where it runs.

XLA's convolution is fast on CPUs, and so is the gradient of its input. That of the kernel is not:
as autodiff writes it, it falls off the fast path in a compiled loop. And kernels of many lanes, as
`jax.vmap` of a network makes them, become a grouped convolution, which is slow.
docs/convolutions.md has the measurements.
"""

import math
from typing import Literal, cast, get_args

from jaxnn import checks
from jaxnn.layers import convolution_forms
from jaxnn.layers.convolve import Kernel, Maps, windows_of
from jaxnn.layers.trilinear import Operations
from jaxnn.layers.windows import Images, Padding, Pair

Form = Literal["auto", "transposed", "library", "taps"]

# S(x, w, dy) = sum_pqo dy_pqo sum_ijc x_(ps+id, qs+jd, c) w_ijco and its three derivatives
ALONG_IMAGES, ALONG_KERNEL, ALONG_MAPS = range(3)
NAMES = "convolve2d_input_gradient", "convolve2d_kernel_gradient", "convolve2d"
_derivative = Operations(
    NAMES, convolution_forms.compute, convolution_forms.plain, convolution_forms.FASTEST
)


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

    `jax.grad` takes its gradient by `fast_convolve2d_vjp`. With respect to one of its arrays, y is
    linear in x and in w, so that derivatives of any order, forwards too, are convolutions again.

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
        "auto": what is fastest on the platform for which the program is lowered, by the table
          `convolution_forms.FASTEST`.
    """
    windows = windows_of(x, kernel, strides, padding, dilation, groups)
    settings = {"windows": windows, "groups": groups, "form": checked_form(form)}
    return _derivative(ALONG_MAPS, x, kernel, **settings)


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
    settings = {"windows": windows, "groups": groups, "form": checked_form(form)}
    dx = _derivative(ALONG_IMAGES, kernel, cotangent, **settings)
    return dx, _derivative(ALONG_KERNEL, x, cotangent, **settings)


def checked_form(form: str) -> Form:
    """The form, if it is one."""
    if form not in get_args(Form):
        raise ValueError(f"form must be one of {', '.join(get_args(Form))}, got {form!r}")
    return cast(Form, form)


def num_products(name: str, one: tuple, other: tuple, result: tuple) -> float:
    """The multiplications of numbers in one of the three, from the shapes: one per term of S."""
    kernel, maps = ((one, other), (result, other), (other, result))[NAMES.index(name)]
    lanes = math.prod(max(shape[:-4] for shape in (one, other, result)))
    return float(lanes * math.prod(maps[-4:]) * math.prod(kernel[-4:-1]))
