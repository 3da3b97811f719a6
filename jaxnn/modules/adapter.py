"""A Flax module as a Layer: split at the door, plain pytrees and JAX inside.

In training the module's running statistics are the layer's state, and each of its streams of random
numbers is seeded anew from the key of the step. The backward pass is that of `jax.vjp`.
"""

import inspect
from collections.abc import Callable
from typing import Any

import flax.linen
import jax
from flax import nnx

from jaxnn.layers.layer import Layer, checked_key


def as_layer(model: Any) -> Layer:
    """The layer that a Flax module is.

    Args:
      model: one of
        - an NNX class, or any function of `rngs` that makes an NNX module: `MLP`,
          `functools.partial(MLP, 10)`, `lambda rngs: MLP(10, rngs=rngs)`. The weights are drawn by
          the run's seed.
        - an NNX module: every run starts from the weights that it has, under every seed.
        - a Linen module, whose weights are drawn by the run's seed.
        What the module is called with besides the inputs is found by name: `train`, `training` or
        `is_training`, `deterministic` or `use_running_average`, and `key`. Modules of NNX are also
        set by their methods `train()` and `eval()`.

    Raises:
      TypeError: it is none of these.
    """
    if isinstance(model, Layer):
        return model
    if isinstance(model, flax.linen.Module):
        return _linen(model)
    if isinstance(model, nnx.Module):
        return _nnx(lambda rngs: nnx.clone(model), type(model).__name__, model)
    if callable(model):
        return _nnx(lambda rngs: model(rngs=rngs), _name(model), model)
    raise TypeError(
        "a model is a Layer, a Flax module, or a function of `rngs` that makes an NNX module, such"
        f" as lambda rngs: MLP(10, rngs=rngs); got {model!r}"
    )


def _nnx(make: Callable, name: str, model: Any) -> Layer:
    def init(key, in_shape):
        module = _made(make, nnx.Rngs(key), model)
        _, params, state, _ = _split(module)
        x = jax.ShapeDtypeStruct((1, *in_shape), jax.numpy.result_type(float))
        params, state = nnx.to_pure_dict(params), nnx.to_pure_dict(state)
        out = jax.eval_shape(lambda x: forward(params, state, x, None, False)[0], x)
        return params, state, out.shape[1:]

    def forward(params, state, x, key, train):
        def apply(params, x):
            # made in this trace, so that traced settings are in it; XLA removes its unread weights
            graph, own_params, own_state, others = _split(_made(make, nnx.Rngs(0), model))
            nnx.replace_by_pure_dict(own_params, params)
            nnx.replace_by_pure_dict(own_state, state)
            module = nnx.merge(graph, own_params, own_state, others)
            module.train() if train else module.eval()
            if train:
                _reseed(module, key, name)
            y = _called(name, module, x, _settings(type(module).__call__, key, train))
            return y, nnx.to_pure_dict(_split(module)[2])

        y, back, after = jax.vjp(apply, params, x, has_aux=True)
        return y, after if train else state, back

    return Layer(init, forward, _backward, name)


def _made(make: Callable, rngs: nnx.Rngs, model: Any) -> nnx.Module:
    module = make(rngs)
    if not isinstance(module, nnx.Module):
        raise TypeError(f"{model!r} must make an NNX module of its rngs, got {module!r}")
    return module


def _split(module: nnx.Module) -> tuple[Any, Any, Any, Any]:
    """What it is, its params, its other variables, and the rest: random streams and settings."""

    def is_kept(path, value):
        is_variable = isinstance(value, nnx.Variable)
        return is_variable and not isinstance(value, nnx.RngState)

    return nnx.split(module, nnx.Param, is_kept, ...)


def _reseed(module: nnx.Module, key: jax.Array | None, name: str) -> None:
    nodes = [node for _, node in nnx.iter_graph(module)]
    for position, stream in enumerate(n for n in nodes if isinstance(n, nnx.RngStream)):
        stream.key.set_value(jax.random.fold_in(checked_key(key, name), position))
        stream.count.set_value(jax.numpy.zeros_like(stream.count[...]))


def _linen(model: flax.linen.Module) -> Layer:
    name = type(model).__name__

    def init(key, in_shape):
        keys = dict(zip(("params", "dropout"), jax.random.split(key), strict=True))
        x = jax.numpy.zeros((1, *in_shape))
        out, variables = _called(
            name, lambda x, **settings: model.init_with_output(keys, x, **settings), x,
            _settings(type(model).__call__, None, False),
        )  # fmt: skip
        params = variables.get("params", {})
        state = {kind: tree for kind, tree in variables.items() if kind != "params"}
        return params, state, out.shape[1:]

    def forward(params, state, x, key, train):
        def apply(params, x):
            def call(x, **settings):
                return model.apply(
                    {"params": params, **state}, x, mutable=list(state) if train else False,
                    rngs=None if key is None else {"dropout": key}, **settings,
                )  # fmt: skip

            settings = _settings(type(model).__call__, key, train)
            out = _called(name, call, x, settings)
            return out if train else (out, state)

        y, back, after = jax.vjp(apply, params, x, has_aux=True)
        return y, dict(after), back

    return Layer(init, forward, _backward, name)


def _backward(params, back, dy):
    del params
    return back(dy)


def _settings(call: Callable, key: jax.Array | None, train: bool) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(("train", "training", "is_training"), train)
    values |= dict.fromkeys(("deterministic", "use_running_average"), not train)
    values["key"] = key
    wanted = inspect.signature(call).parameters
    return {name: value for name, value in values.items() if name in wanted}


def _called(name: str, call: Callable, x: jax.Array, settings: dict[str, Any]) -> Any:
    try:
        return call(x, **settings)
    except jax.errors.TracerBoolConversionError as error:
        raise TypeError(
            f"{name} asks in Python for the value of a number that a sweep traces, as Flax's"
            " Dropout does with its rate: take jaxnn.modules.Dropout, whose rate may be traced, or"
            " let the set-up read the number from a string or a tuple, of which each makes its own"
            " program"
        ) from error


def _name(model: Any) -> str:
    model = getattr(model, "func", model)  # of functools.partial
    return getattr(model, "__name__", type(model).__name__)
