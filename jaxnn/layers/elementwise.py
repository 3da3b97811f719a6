"""Activation functions as layers, and changes of shape: layers without parameters."""

import functools
import math
from collections.abc import Callable

from jaxnn import activations, checks
from jaxnn.layers.layer import Layer, Shape, stateless
from jaxnn.rules import vjp_of


def activation(function: Callable) -> Layer:
    """The layer of a function of `jaxnn.activations`, or of any function beside its `_vjp`.

    Those of jaxnn are ready below: `layers.swish`, or with their settings `layers.elu(0.5)`. The
    settings of another function are bound by `functools.partial(function, setting=0.2)`.

    Raises:
      LookupError: the function has no hand-derived rule beside it.
    """
    return _layer_of(function, out_shape=lambda in_shape: in_shape)


def _layer_of(function: Callable, *, out_shape: Callable[[Shape], Shape]) -> Layer:
    plain = function.func if isinstance(function, functools.partial) else function
    vjp_of(function)  # without a rule it is no layer

    def forward(x):
        return function(x), x

    forward.__module__ = plain.__module__
    return stateless(
        forward=forward,
        backward=lambda x, dy: vjp_of(function)(x, dy),  # the rule that stands there then
        name=plain.__name__,
        out_shape=out_shape,
    )


def _with_features(in_shape: Shape) -> Shape:
    if not in_shape:
        raise ValueError(f"a softmax needs an axis of features, got shape {in_shape}")
    return in_shape


identity = activation(activations.identity)
step = activation(activations.step)
sigmoid = activation(activations.sigmoid)
tanh = activation(activations.tanh)
relu = activation(activations.relu)
selu = activation(activations.selu)
softplus = activation(activations.softplus)
swish = activation(activations.swish)
gelu = activation(activations.gelu)
gelu_tanh = activation(activations.gelu_tanh)
hard_sigmoid = activation(activations.hard_sigmoid)
hard_tanh = activation(activations.hard_tanh)
hard_swish = activation(activations.hard_swish)
softmax = _layer_of(activations.softmax, out_shape=_with_features)
log_softmax = _layer_of(activations.log_softmax, out_shape=_with_features)


def leaky_relu(negative_slope: checks.Number = 0.1) -> Layer:
    """The layer of `activations.leaky_relu`; the slope may be traced.

    Raises:
      TypeError, ValueError: negative_slope is not a finite number of at least 0.
    """
    checks.nonnegative("negative_slope", negative_slope)
    return activation(functools.partial(activations.leaky_relu, negative_slope=negative_slope))


def elu(alpha: checks.Number = 1.0) -> Layer:
    """The layer of `activations.elu`; alpha may be traced.

    Raises:
      TypeError, ValueError: alpha is not a finite number of at least 0.
    """
    checks.nonnegative("alpha", alpha)
    return activation(functools.partial(activations.elu, alpha=alpha))


def maxout(num_pieces: int = 2) -> Layer:
    """The layer of `activations.maxout`: of n features it makes n / num_pieces.

    Raises:
      TypeError, ValueError: num_pieces is not an int of at least 1.
      ValueError: (from init) num_pieces does not divide the features.
    """
    checks.positive_int("num_pieces", num_pieces)

    def out_shape(in_shape):
        if not in_shape or in_shape[-1] % num_pieces:
            raise ValueError(f"maxout of {num_pieces} pieces cannot divide the shape {in_shape}")
        return (*in_shape[:-1], in_shape[-1] // num_pieces)

    return _layer_of(functools.partial(activations.maxout, pieces=num_pieces), out_shape=out_shape)


flatten = stateless(
    forward=lambda x: (x.reshape(x.shape[0], math.prod(x.shape[1:])), x.shape),
    backward=lambda shape, dy: checks.cotangent(dy, (shape[0], math.prod(shape[1:]))).reshape(
        shape
    ),
    name="flatten",
    out_shape=lambda in_shape: (math.prod(in_shape),),
)


def reshape(shape: tuple[int, ...]) -> Layer:
    """Each example in another shape, its numbers in the same order: y_k = x_k, counted row by row.

    dx_k = dy_k: the gradient, in the shape of x.

    Raises:
      TypeError, ValueError: the shape is not one of ints of at least 1.
      ValueError: (from init) the input has another number of elements.
    """
    if not isinstance(shape, tuple | list):
        raise TypeError(f"the shape must be a tuple of ints, got {shape!r}")
    shape = tuple(shape)
    for size in shape:
        checks.positive_int("an axis of the shape", size)

    def out_shape(in_shape):
        if math.prod(in_shape) != math.prod(shape):
            raise ValueError(
                f"{in_shape}, of {math.prod(in_shape)} elements, cannot become {shape}"
            )
        return shape

    return stateless(
        forward=lambda x: (x.reshape(x.shape[0], *shape), x.shape),
        backward=lambda in_shape, dy: checks.cotangent(dy, (in_shape[0], *shape)).reshape(in_shape),
        name=f"reshape{shape}",
        out_shape=out_shape,
    )
