"""What a layer is, and how layers are chained: `serial` is the whole backpropagation engine."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

Shape = tuple[int, ...]  # of one example, without the batch axis
Params = Any
State = Any


class Layer(NamedTuple):
    """A triple of pure functions, and the name by which errors speak of it.

    Attributes:
      init: (key, in_shape) -> (params, state, out_shape); shapes are those of one example.
      forward: (params, state, x, key, train) -> (y, state, saved), with x of [batch, *in_shape].
        `saved` is what the backward pass needs and nothing more.
      backward: (params, saved, dy) -> (dparams, dx), derived by hand.
      name: the layer in words, such as "dense(100)".
      parts: the layers of which it is made, each behind the one before, for `models.summary`.
      vocabulary: of a layer whose inputs are ids: how many there are. They reach it as integers, in
        every precision; the inputs of others are quantities, and floats.
      keeps_integers: whether its inputs are either, and integers among the data remain integers.
    """

    init: Callable[[jax.Array, Shape], tuple[Params, State, Shape]]
    forward: Callable[[Params, State, jax.Array, jax.Array | None, bool], tuple[Any, State, Any]]
    backward: Callable[[Params, Any, jax.Array], tuple[Params, jax.Array]]
    name: str
    parts: tuple["Layer", ...] = ()
    vocabulary: int | None = None
    keeps_integers: bool = False


def vocabulary_of(layer: Layer) -> int | None:
    """How many ids the layer reads, itself or by one of its parts; None for quantities."""
    if layer.vocabulary is not None:
        return layer.vocabulary
    return next((found for part in layer.parts if (found := vocabulary_of(part)) is not None), None)


def keeps_integers(layer: Layer) -> bool:
    """Whether integers reach the layer as integers, itself or one of its parts."""
    return layer.keeps_integers or any(map(keeps_integers, layer.parts))


def stateless(
    forward: Callable, backward: Callable, *, name: str, out_shape: Callable[[Shape], Shape]
) -> Layer:
    """A layer without parameters, state or randomness.

    Args:
      forward: x -> (y, saved).
      backward: (saved, dy) -> dx.
      name: the layer in words.
      out_shape: in_shape -> out_shape; raises ValueError for a shape that it cannot take.
    """

    def init(key, in_shape):
        del key
        return (), (), out_shape(in_shape)

    def layer_forward(params, state, x, key, train):
        del params, key, train
        y, saved = forward(x)
        return y, state, saved

    layer_forward.__module__ = forward.__module__  # whose layer it is

    def layer_backward(params, saved, dy):
        return params, backward(saved, dy)

    return Layer(init, layer_forward, layer_backward, name)


def checked_key(key: jax.Array | None, name: str) -> jax.Array:
    """The key of a layer that draws at random, if it was given one."""
    if key is None:
        raise ValueError(f"{name} draws at random in training and needs a key, got None")
    return key


def serial(*layers: Layer) -> Layer:
    """One layer after the other, x_i = f_i(x_(i-1)) for i = 1, ..., n; itself a Layer, so it nests.

    dx_(i-1) = (d f_i / d x_(i-1))^T dx_i for i = n, ..., 1, the chain rule: backward walks the same
    list in reverse, and each layer adds the gradient of its own params. The gradient with respect
    to the input x_0 comes back too; under `jit`, XLA removes it where nobody reads it.

    Raises:
      TypeError: one of the layers is not a Layer.
      ValueError: (from init) a layer cannot take the shape that the one before it gives.
    """
    for position, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise TypeError(
                f"serial takes layers, but argument {position} is {layer!r}"
                " (a function such as activations.relu becomes one by layers.activation)"
            )

    def init(key, in_shape):
        params, states, shape = [], [], tuple(in_shape)
        for position, layer in enumerate(layers):
            try:
                layer_params, state, shape = layer.init(jax.random.fold_in(key, position), shape)
            except ValueError as error:
                raise ValueError(
                    f"layer {position}, {layer.name}, does not fit behind"
                    f" {layers[position - 1].name if position else 'the input'}: {error}"
                ) from error
            params.append(layer_params)
            states.append(state)
        return tuple(params), tuple(states), shape

    def forward(params, state, x, key, train):
        states, saved = [], []
        for position, layer in enumerate(layers):
            layer_key = None if key is None else jax.random.fold_in(key, position)
            x, layer_state, layer_saved = layer.forward(
                params[position], state[position], x, layer_key, train
            )
            states.append(layer_state)
            saved.append(layer_saved)
        return x, tuple(states), tuple(saved)

    def backward(params, saved, dy):
        dparams = []
        for layer, layer_params, layer_saved in reversed(
            list(zip(layers, params, saved, strict=True))
        ):
            layer_dparams, dy = layer.backward(layer_params, layer_saved, dy)
            dparams.append(layer_dparams)
        return tuple(reversed(dparams)), dy

    name = f"serial({', '.join(layer.name for layer in layers)})"
    return Layer(init, forward, backward, name, layers)
