"""The bridge between our layers and Flax modules: the same numbers under other names.

A module's parts stand in the order of the layers, so that both trees are walked side by side:

    layers            Flax
    dense, conv2d     nnx.Linear, nnx.Conv: kernel, bias
    layer_norm        nnx.LayerNorm: scale, bias
    batch_norm        nnx.BatchNorm: scale, bias; the running moments are mean, var
    elman             nnx.SimpleCell: dense_i (kernel, bias), dense_h (kernel)
    lstm              nnx.OptimizedLSTMCell: dense_i (kernel), dense_h (kernel, bias)
    self_attention    nnx.MultiHeadAttention: query, key, value, out, each cut into heads
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxnn.layers.norm import RunningMoments
from jaxnn.models.trees import check_fits


def params_of(module: nnx.Module) -> tuple[Any, Any]:
    """The params and the state of the layers that compute what the module does; copies of nothing.

    Raises:
      TypeError: a part of the module has no counterpart among our layers.
    """
    return _read(module)


def load(module: nnx.Module, params: Any, state: Any) -> None:
    """Writes the params and the state of our layers into the module.

    Raises:
      ValueError: they belong to another module; both trees are shown, and where they differ.
      TypeError: a part of the module has no counterpart among our layers.
    """
    check_fits(
        {"params": params, "state": state},
        dict(zip(("params", "state"), _read(module), strict=True)),
        given="what was given",
        wanted=type(module).__name__,
    )
    write(module, params, state)


def _read(module: Any) -> tuple[Any, Any]:
    match module:
        case nnx.Module(parts=parts):
            read = [_read(part) for part in parts]
            return tuple(params for params, _ in read), tuple(state for _, state in read)
        case nnx.Module(body=body):
            return _read(body)
        case nnx.BatchNorm():
            moments = RunningMoments(module.mean[...], module.var[...])
            return _values(module, "scale", "bias"), moments
        case nnx.LayerNorm():
            return _values(module, "scale", "bias"), ()
        case nnx.Linear() | nnx.Conv():
            return _values(module, "kernel", "bias"), ()
        case nnx.RNN(cell=nnx.SimpleCell() | nnx.OptimizedLSTMCell() as cell):
            return {name: variable[...] for name, variable in _gates(cell).items()}, ()
        case nnx.MultiHeadAttention():
            return _read_attention(module), ()
        case nnx.Module() if jax.tree.leaves(nnx.state(module, nnx.Param)):
            raise TypeError(
                f"nnx.{type(module).__name__} has no counterpart among jaxnn's layers; train the"
                " module itself: train.Run(model=...) takes it"
            )
    return (), ()


def write(module: Any, params: Any, state: Any) -> None:
    """`load` without a look at what fits."""
    match module:
        case nnx.Module(parts=parts):
            for part, part_params, part_state in zip(parts, params, state, strict=True):
                write(part, part_params, part_state)
        case nnx.Module(body=body):
            write(body, params, state)
        case nnx.RNN(cell=cell):
            for name, variable in _gates(cell).items():
                variable.set_value(params[name])
        case nnx.MultiHeadAttention():
            _write_attention(module, params)
        case nnx.Module():
            for name, value in dict(params).items():
                getattr(module, name).set_value(value)
            if isinstance(module, nnx.BatchNorm):
                module.mean.set_value(state.mean)
                module.var.set_value(state.variance)


def _values(module: nnx.Module, *names: str) -> dict[str, jax.Array]:
    variables = {name: getattr(module, name) for name in names}
    return {name: variable[...] for name, variable in variables.items() if variable is not None}


def _gates(cell: Any) -> dict[str, Any]:
    bias = cell.dense_i.bias if isinstance(cell, nnx.SimpleCell) else cell.dense_h.bias
    return {
        "kernel": cell.dense_i.kernel,
        "bias": bias,
        "recurrent_kernel": cell.dense_h.kernel,
    }


def _read_attention(module: Any) -> dict[str, jax.Array]:
    into = module.query, module.key, module.value
    features = module.out.bias[...].size
    return {
        "in_kernel": jnp.concatenate(
            [part.kernel[...].reshape(features, -1) for part in into], axis=1
        ),
        "in_bias": jnp.concatenate([part.bias[...].reshape(-1) for part in into]),
        "out_kernel": module.out.kernel[...].reshape(-1, features),
        "out_bias": module.out.bias[...],
    }


def _write_attention(module: Any, params: Any) -> None:
    kernels = jnp.split(params["in_kernel"], 3, axis=1)
    biases = jnp.split(params["in_bias"], 3)
    for part, kernel, bias in zip(
        (module.query, module.key, module.value), kernels, biases, strict=True
    ):
        part.kernel.set_value(kernel.reshape(part.kernel[...].shape))
        part.bias.set_value(bias.reshape(part.bias[...].shape))
    module.out.kernel.set_value(params["out_kernel"].reshape(module.out.kernel[...].shape))
    module.out.bias.set_value(params["out_bias"])
