"""The layer of a convolution."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxnn import checks
from jaxnn.layers.fast_convolve import Form, checked_form, fast_convolve2d, fast_convolve2d_vjp
from jaxnn.layers.layer import Layer
from jaxnn.layers.windows import (
    Padding,
    Pair,
    check_images,
    checked_padding,
    pair,
    windows_over,
)


def conv2d(
    features: int,
    kernel_size: Pair,
    *,
    strides: Pair = 1,
    padding: Padding = "SAME",
    dilation: Pair = 1,
    groups: int = 1,
    kernel_init: jax.nn.initializers.Initializer = jax.nn.initializers.glorot_uniform(),
    bias_init: jax.nn.initializers.Initializer = jax.nn.initializers.zeros,
    use_bias: bool = True,
    form: Form = "auto",
) -> Layer:
    """A layer of `features` kernels that slide over the images; see `convolve2d` for the settings.

    Args:
      features: number of kernels, which is that of the output's channels.
      kernel_size: rows and columns of a kernel.
      strides: the step from one window to the next.
      padding: "SAME", "VALID" or ((above, below), (left, right)).
      dilation: the step from one weight to the next.
      groups: 1 connects every channel to every feature; as many as channels is depthwise.
      kernel_init: draws the kernel [rows, columns, channels / groups, features].
      bias_init: draws the bias [features].
      use_bias: False leaves the bias out of the params, as before a batch norm.
      form: how it is computed: see `fast_convolve2d`.

    Raises:
      TypeError, ValueError: a setting that is not of its kind or outside its range.
      ValueError: (from init) the input is no image, smaller than the kernel, or has channels that
        the groups do not divide.
    """
    checks.positive_int("features", features)
    checks.positive_int("groups", groups)
    size = pair("kernel_size", kernel_size)
    sliding: dict[str, Any] = {
        "strides": pair("strides", strides),
        "padding": checked_padding(padding),
        "dilation": pair("dilation", dilation),
    }
    how: dict[str, Any] = {"groups": groups, "form": checked_form(form)}
    if features % groups:
        raise ValueError(f"{groups} groups do not divide {features} features")

    def init(key, in_shape):
        check_images(in_shape, "conv2d")
        channels = in_shape[-1]
        if channels % groups:
            raise ValueError(f"{groups} groups do not divide the {channels} channels of {in_shape}")
        windows = windows_over(in_shape[:2], size, **sliding)
        kernel_key, bias_key = jax.random.split(key)
        params = {"kernel": kernel_init(kernel_key, (*size, channels // groups, features))}
        if use_bias:
            params["bias"] = bias_init(bias_key, (features,))
        return params, (), (*windows.counts, features)

    def forward(params, state, x, key, train):
        del key, train
        y = fast_convolve2d(x, params["kernel"], **how, **sliding)
        if use_bias:
            y += jnp.broadcast_to(params["bias"], y.shape)
        return y, state, x

    def backward(params, x, dy):
        dx, dkernel = fast_convolve2d_vjp(x, params["kernel"], dy, **how, **sliding)
        dparams = {"kernel": dkernel}
        if use_bias:
            dparams["bias"] = dy.sum(axis=(0, 1, 2))  # the bias is added at every place
        return dparams, dx

    return Layer(init, forward, backward, f"conv2d({features}, {size})")
