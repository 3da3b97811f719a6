"""Params and state in a safetensors file: no pickle, and the architecture described in JSON.

safetensors holds arrays by name; its metadata say what network they belong to, so that one of
`jaxnn.models` can be made again from the file alone, and any other program can read the arrays.
"""

import hashlib
import inspect
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.layers import Layer
from jaxnn.models import networks, trees

FORMAT = "jaxnn-1"
MODELS = {
    function.__name__: function
    for function in (
        networks.logistic_regression,
        networks.mlp,
        networks.conv_net,
        networks.autoencoder,
        networks.conv_autoencoder,
        networks.rnn_classifier,
        networks.lstm_classifier,
        networks.transformer_classifier,
        networks.resnet,
    )
}


class FileError(ValueError):
    """The file holds no network that was saved by `models.save`, or not all of one."""


class Loaded(NamedTuple):
    """A network as it was saved."""

    model: Layer
    params: Any
    state: Any
    in_shape: tuple[int, ...]


def save(
    path: str | os.PathLike,
    params: Any,
    state: Any,
    *,
    model: str | Layer,
    in_shape: Sequence[int],
    **settings: Any,
) -> None:
    """Writes the file whole or not at all.

    Args:
      path: of the file; one that is there is replaced.
      params: of the network.
      state: of its layers.
      model: the name of a function of `jaxnn.models`, or a Layer, which is described by its name.
      in_shape: shape of one example.
      **settings: the arguments of that function.

    Raises:
      ValueError: no model of this name; params or state are not those of the model.
      TypeError: settings that the model does not have.
    """
    layer = _made(model, settings)
    tree = {"params": params, "state": state}
    trees.check_fits(tree, _like(layer, in_shape), given="what was given", wanted=layer.name)
    described: dict[str, Any] = {"format": FORMAT, "layers": layer.name, "in_shape": list(in_shape)}
    if isinstance(model, str):
        described |= {"model": model, "settings": settings}
    from safetensors.numpy import save as to_bytes

    arrays = {name: np.ascontiguousarray(leaf) for name, leaf in _named(tree).items()}
    architecture = json.dumps(described)
    digest = _digest(architecture, arrays)
    content = to_bytes(arrays, {"architecture": architecture, "sha256": digest})
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load(
    path: str | os.PathLike, *, model: Layer | None = None, in_shape: Sequence[int] | None = None
) -> Loaded:
    """Reads a file of `save`.

    Args:
      path: of the file.
      model: the network into which the arrays are to go; None makes it again from the file.
      in_shape: shape of one example for it; None is that of the file.

    Raises:
      FileNotFoundError: there is no such file.
      FileError: it is damaged, cut short, or none of `save`; or its model cannot be made again.
      TreeMismatchError: its arrays do not fit the model: both trees, and where they differ.
    """
    arrays, described = _read(pathlib.Path(path))
    shape = tuple(described["in_shape"] if in_shape is None else in_shape)
    if model is None:
        if "model" not in described:
            raise FileError(
                f"{path} holds {described['layers']}, a network of your own, which cannot be made"
                " from its name: give load(..., model=...) the Layer"
            )
        model = _made(described["model"], described["settings"])
    like = _like(model, shape)
    trees.check_kinds(
        {name: trees.kind(array) for name, array in arrays.items()},
        trees.kinds(like),
        given=str(path),
        wanted=model.name,
    )
    leaves = [jnp.asarray(arrays[name]) for name in _named(like)]
    tree = jax.tree.unflatten(jax.tree.structure(like), leaves)
    return Loaded(model, tree["params"], tree["state"], shape)


def _read(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            described = json.loads(metadata["architecture"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise FileError(
            f"{path} is damaged or cut short ({error}): restore it from a copy"
        ) from error
    except (KeyError, json.JSONDecodeError) as error:
        raise FileError(f"{path} does not say what network it holds: write it by save") from error
    if described.get("format") != FORMAT:
        raise FileError(f"{path} is of the format {described.get('format')!r}, not {FORMAT!r}")
    written = metadata.get("sha256")  # files of before it was written have none
    if written is not None and written != _digest(metadata["architecture"], arrays):
        raise FileError(
            f"{path} is damaged: its SHA-256 is not the one that was written; restore it from a"
            " copy"
        )
    return arrays, described


def _digest(architecture: str, arrays: dict[str, np.ndarray]) -> str:
    """SHA-256 of all that the file says: a bit that was flipped in a number is a number, too."""
    sums = hashlib.sha256(architecture.encode())
    for name, array in sorted(arrays.items()):
        sums.update(repr((name, str(array.dtype), array.shape)).encode())
        sums.update(np.ascontiguousarray(array).tobytes())
    return sums.hexdigest()


def _made(model: str | Layer, settings: dict[str, Any]) -> Layer:
    if isinstance(model, Layer):
        if settings:
            raise TypeError(f"a Layer has its settings already, got {', '.join(settings)} besides")
        return model
    if model not in MODELS:
        raise ValueError(f"no model is called {model!r}: there are {', '.join(MODELS)}")
    wanted = inspect.signature(MODELS[model]).parameters
    unknown = [name for name in settings if name not in wanted]
    if unknown:
        raise TypeError(f"{model} has no setting {unknown[0]}: it has {', '.join(wanted)}")
    return MODELS[model](**settings)


def _like(layer: Layer, in_shape: Sequence[int]) -> dict[str, Any]:
    def start():
        params, state, _ = layer.init(jax.random.key(0), tuple(in_shape))
        return {"params": params, "state": state}

    return jax.eval_shape(start)


def _named(tree: Any) -> dict[str, Any]:
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in jax.tree.leaves_with_path(tree)
    }
