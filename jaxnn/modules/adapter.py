"""A Flax module as a Layer: split at the door, plain pytrees and JAX inside.

In training the module's running statistics are the layer's state, and each of its streams of random
numbers is seeded anew from the key of the step. The backward pass is that of `jax.vjp`. Integers
among the data reach the module as integers.
"""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import flax.errors
import flax.linen
import jax
from flax import nnx

from jaxnn.layers.layer import Layer, checked_key

IN_TRAINING = ("train", "training", "is_training")  # what is true then, by its name
IN_EVALUATION = ("deterministic", "use_running_average")


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
        `is_training`, `deterministic` or `use_running_average`, and `key`. Fields of these names
        are set likewise, also those of modules that are fields of it (and the last two of every
        NNX module, by its methods `train()` and `eval()`).
        Streams of any name may be drawn from in training. In evaluation there is no key: a Linen
        module that draws is refused, and a stream of an NNX module gives the same numbers always.
        What is sown into "intermediates" is read by nobody; into others, it is refused.

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
        params, state = nnx.to_pure_dict(params), nnx.to_pure_dict(state)
        out = _of_floats_or_integers(
            lambda x: jax.eval_shape(lambda x: forward(params, state, x, None, False)[0], x),
            in_shape,
        )
        return params, state, out.shape[1:]

    def forward(params, state, x, key, train):
        def apply(params, x):
            # made in this trace, so that traced settings are in it; XLA removes its unread weights
            graph, own_params, own_state, others = _split(_made(make, nnx.Rngs(0), model))
            nnx.replace_by_pure_dict(own_params, params)
            nnx.replace_by_pure_dict(own_state, state)
            module = nnx.merge(graph, own_params, own_state, others)
            _switch(module, train)
            if train:
                _reseed(module, key, name)
            y = _called(name, module, x, _settings(type(module).__call__, key, train))
            return y, nnx.to_pure_dict(_split(module)[2])

        y, back, after = jax.vjp(apply, params, x, has_aux=True)
        if train:
            _check_state(name, state, after)
        return y, after if train else state, back

    return Layer(init, forward, _backward, name, keeps_integers=True)


def _switch(module: nnx.Module, train: bool) -> None:
    """Into training or evaluation, by methods and by fields."""
    method = getattr(module, "train" if train else "eval")
    if callable(method):  # and no field of this name
        method()
    for _, part in nnx.iter_modules(module):
        for name in IN_TRAINING:
            if isinstance(getattr(part, name, None), bool):
                setattr(part, name, train)
        for name in IN_EVALUATION:
            if not callable(method) and isinstance(getattr(part, name, None), bool):
                setattr(part, name, not train)


def _of_floats_or_integers(call: Callable, in_shape: tuple[int, ...]) -> Any:
    """What a call makes of one example: of floats, or of ids where it refuses those."""
    floats, integers = (
        jax.ShapeDtypeStruct((1, *in_shape), dtype)
        for dtype in (jax.numpy.result_type(float), jax.numpy.int32)
    )
    try:
        return call(floats)
    except (TypeError, ValueError):
        try:
            return call(integers)
        except (TypeError, ValueError):
            pass
        raise


def _check_state(name: str, before: Any, after: Any) -> None:
    """A run carries the state from step to step: it must keep its form."""
    old, new = (
        {
            jax.tree_util.keystr(path, simple=True, separator="/"): f"{leaf.dtype}{leaf.shape}"
            for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        }
        for tree in (before, after)
    )
    if old != new:
        changed = sorted(path for path in old | new if old.get(path) != new.get(path))
        raise ValueError(
            f"{name} changes the form of its variables in training: {', '.join(changed)}. What is"
            " sown is read by nobody in a run, which passes over it in `intermediates`"
            " (nnx.Intermediate) alone: sow it there, or make it part of the output"
        )


def _made(make: Callable, rngs: nnx.Rngs, model: Any) -> nnx.Module:
    module = make(rngs)
    if not isinstance(module, nnx.Module):
        raise TypeError(f"{model!r} must make an NNX module of its rngs, got {module!r}")
    return module


def _split(module: nnx.Module) -> tuple[Any, Any, Any, Any]:
    """What it is, its params, its other variables, and the rest: random streams and settings."""

    def is_kept(path, value):
        is_variable = isinstance(value, nnx.Variable)
        return is_variable and not isinstance(value, nnx.RngState | nnx.Intermediate)

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
        switched = _switched(model, train=False)

        def start(x, **settings):
            return switched.init_with_output(keys, x, **settings)

        settings = _settings(type(model).__call__, None, False)
        out, variables = _of_floats_or_integers(
            lambda x: _called(name, start, jax.numpy.zeros(x.shape, x.dtype), settings), in_shape
        )
        params = variables.get("params", {})
        state = {
            kind: tree
            for kind, tree in variables.items()
            if kind not in ("params", "intermediates")
        }
        return params, state, out.shape[1:]

    def forward(params, state, x, key, train):
        def apply(params, x):
            def call(x, **settings):
                return _switched(model, train).apply(
                    {"params": params, **state}, x, mutable=list(state) if train else False,
                    rngs=_streams(key) if train else None, **settings,
                )  # fmt: skip

            settings = _settings(type(model).__call__, key, train)
            out = _called(name, call, x, settings)
            return out if train else (out, state)

        y, back, after = jax.vjp(apply, params, x, has_aux=True)
        if train:
            _check_state(name, state, after)
        return y, dict(after), back

    return Layer(init, forward, _backward, name, keeps_integers=True)


def _switched(model: Any, train: bool) -> Any:
    """The module, and those that are fields of it, for training or evaluation."""
    if isinstance(model, list | tuple) and not hasattr(model, "_fields"):
        return type(model)(_switched(each, train) for each in model)
    if not isinstance(model, flax.linen.Module):
        return model
    changed = {}
    for field in dataclasses.fields(model):
        value = getattr(model, field.name, None)
        if field.name in IN_TRAINING + IN_EVALUATION and isinstance(value, bool):
            changed[field.name] = (field.name in IN_TRAINING) == train
        elif field.name not in ("parent", "name"):
            now = _switched(value, train)
            if now is not value and now != value:
                changed[field.name] = now
    return model.clone(**changed) if changed else model


def _streams(key: jax.Array | None) -> dict[str, jax.Array] | None:
    """Keys for all streams: Flax takes that of "params" for those which have none."""
    if key is None:
        return None
    return {"dropout": key, "params": jax.random.fold_in(key, 1)}


def _backward(params, back, dy):
    del params
    return back(dy)


def _settings(call: Callable, key: jax.Array | None, train: bool) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(IN_TRAINING, train)
    values |= dict.fromkeys(IN_EVALUATION, not train)
    values["key"] = key
    wanted = inspect.signature(call).parameters
    return {name: value for name, value in values.items() if name in wanted}


def _called(name: str, call: Callable, x: jax.Array, settings: dict[str, Any]) -> Any:
    try:
        return call(x, **settings)
    except flax.errors.InvalidRngError as error:
        raise ValueError(
            f"{name} draws at random where it has no key, as in evaluation: {error}. Let it draw"
            f" where an argument or field called {' or '.join(IN_TRAINING)} is true, or one called"
            f" {' or '.join(IN_EVALUATION)} false"
        ) from error
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
