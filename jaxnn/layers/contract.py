"""What a layer of one's own must keep to, found out from shapes before anything trains."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxnn.layers.layer import Layer

WRONG = (TypeError, ValueError, LookupError, AttributeError)  # what a layer's code raises itself


def check_own_layers(model: Layer, x: jax.ShapeDtypeStruct, *, by_hand: bool) -> None:
    """Goes through the layers of a model that are not jaxnn's, in the order in which they compute.

    Args:
      model: a layer, with its parts.
      x: the shape and dtype of a batch.
      by_hand: whether the backward passes are to be used, and looked at.

    Raises:
      TypeError, ValueError: the message names the layer, what it gave, and what was expected.
    """
    if any(not is_own for is_own in _are_ours(model)):
        _walk(model, x, by_hand, is_first=True)


def _are_ours(layer: Layer) -> list[bool]:
    if layer.parts and _is_ours(layer):
        return [each for part in layer.parts for each in _are_ours(part)]
    return [_is_ours(layer)]


def _is_ours(layer: Layer) -> bool:
    return str(getattr(layer.forward, "__module__", "")).partition(".")[0] == "jaxnn"


def _walk(layer: Layer, x: Any, by_hand: bool, is_first: bool) -> Any:
    """The shape and dtype of what the layer makes of a batch."""
    if layer.parts and _is_ours(layer):
        for part in layer.parts:
            x = _walk(part, x, by_hand, is_first)
            is_first = False
        return x
    read = by_hand and not _is_ours(layer)

    def contract(key, x):
        return _keeps_to_it(layer, key, x, by_hand=read, needs_dx=read and not is_first)

    return jax.eval_shape(contract, jax.eval_shape(lambda: jax.random.key(0)), x)


def _keeps_to_it(layer: Layer, key: Any, x: Any, *, by_hand: bool, needs_dx: bool) -> Any:
    params, state, out_shape = _results(
        layer, "init", "(params, state, out_shape)", layer.init, key, x.shape[1:]
    )
    for train in (False, True):
        y, after, saved = _results(
            layer, f"forward, with train={train},", "(y, state, saved)", layer.forward,
            params, state, x, key if train else None, train,
        )  # fmt: skip
        expected = (x.shape[0], *out_shape)
        if getattr(y, "shape", None) != expected:
            raise ValueError(
                f"the forward pass of {layer.name} gives {_shown(y)} for inputs of shape {x.shape},"
                f" but its init promises {expected}"
            )
        _check_alike(f"the state after the forward pass of {layer.name}", after, "before", state)
    if by_hand:
        dparams, dx = _results(
            layer, "backward", "(dparams, dx)", layer.backward, params, saved, jnp.ones_like(y)
        )
        check_gradient(layer.name, params, dparams)
        if needs_dx and getattr(dx, "shape", None) != x.shape:
            raise ValueError(
                f"the backward pass of {layer.name} gives dx as {_shown(dx)}, where that of its"
                f" inputs is expected: {x.shape}"
            )
    return y


def check_gradient(name: str, params: Any, dparams: Any) -> None:
    """Refuses gradients that are not a tree like the params; what is traced has shapes as well."""
    _check_alike(f"dparams, from the backward pass of {name},", dparams, "its params", params)


def _check_alike(what: str, tree: Any, of: str, like: Any) -> None:
    found, expected = _described(tree), _described(like)
    if found != expected:
        raise ValueError(
            f"{what} must be a tree like {of}: expected {_listed(expected)}, got {_listed(found)}"
        )


def _described(tree: Any) -> dict[str, str]:
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): _shown(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def _shown(leaf: Any) -> str:
    if not hasattr(leaf, "shape"):
        return repr(leaf)
    return f"{leaf.dtype}[{','.join(map(str, leaf.shape))}]"


def _listed(described: dict[str, str]) -> str:
    return ", ".join(f"{path or 'an array'}: {what}" for path, what in described.items()) or "none"


def _results(layer: Layer, what: str, names: str, function: Callable, *arguments: Any) -> tuple:
    """What a function of a layer gives: so many things as its names."""
    try:
        given = function(*arguments)
    except WRONG as error:
        raise ValueError(
            f"the {what.rstrip(',')} of {layer.name} failed: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(given, tuple) or len(given) != len(names.split(",")):
        what_came = f"{len(given)} things" if isinstance(given, tuple) else repr(given)
        raise TypeError(f"the {what} of {layer.name} must give {names}, got {what_came}")
    return given
