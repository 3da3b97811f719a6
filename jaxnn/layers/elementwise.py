"""Activation functions as layers, and changes of shape: layers without parameters."""

import functools
import math
from collections.abc import Callable

from jaxnn import activations
from jaxnn.layers.layer import Layer, stateless
from jaxnn.rules import vjp_of


def activation(function: Callable) -> Layer:
    """The layer of a function of `jaxnn.activations`, or of any function beside its `_vjp`.

    A setting is bound by `functools.partial(activations.leaky_relu, negative_slope=0.2)`.

    Raises:
      LookupError: the function has no hand-derived rule beside it.
    """
    rule = vjp_of(function)
    plain = function.func if isinstance(function, functools.partial) else function
    return stateless(
        forward=lambda x: (function(x), x),
        backward=rule,
        name=plain.__name__,
        out_shape=lambda in_shape: in_shape,
    )


identity = activation(activations.identity)
sigmoid = activation(activations.sigmoid)
tanh = activation(activations.tanh)
relu = activation(activations.relu)

flatten = stateless(
    forward=lambda x: (x.reshape(x.shape[0], math.prod(x.shape[1:])), x.shape),
    backward=lambda shape, dy: dy.reshape(shape),
    name="flatten",
    out_shape=lambda in_shape: (math.prod(in_shape),),
)
