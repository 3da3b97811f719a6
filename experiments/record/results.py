"""Results as files: a labelled array and, beside it, where it came from and what it shows.

Both files are functions of the run alone: no time, host or path is in them, so that running again
on the same platform writes the same bytes.
"""

import dataclasses
import hashlib
import importlib.metadata
import io
import json
import os
import pathlib
import platform
import tempfile
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
import xarray as xr

import jaxnn
from jaxnn import data

ROOT = pathlib.Path(__file__).resolve().parents[2]
_PACKAGES = ("jax", "jaxlib", "matplotlib", "numpy", "optax", "scipy", "xarray")


class NoResultsError(LookupError):
    """The folder holds no results, or only half of them."""


def save(folder: pathlib.Path, dataset: xr.Dataset, record: dict[str, Any]) -> None:
    """Writes results.nc and results.json; the record carries the sum of the array file.

    A run that is killed between the two leaves a sum that does not fit, which load refuses.
    """
    array = to_bytes(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "results.nc", array)
    record = {**record, "sha256": hashlib.sha256(array).hexdigest()}
    write(folder / "results.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def load(folder: pathlib.Path) -> tuple[xr.Dataset, dict[str, Any]]:
    """The dataset and the record that save wrote.

    Raises:
      NoResultsError: there are none, or they do not belong together.
    """
    try:
        array = (folder / "results.nc").read_bytes()
        record = json.loads((folder / "results.json").read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError) as error:
        raise NoResultsError(f"no complete results in {folder}") from error
    if hashlib.sha256(array).hexdigest() != record.get("sha256"):
        raise NoResultsError(f"{folder}: results.nc and results.json are of different runs")
    return from_bytes(array), record


def write(path: pathlib.Path, content: str | bytes) -> None:
    """Replaces the file in one step: a reader sees the old content or the new, never a part."""
    content = content.encode("utf-8") if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)  # mkstemp's own mode hides the file from everybody else
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def to_bytes(dataset: xr.Dataset) -> bytes:
    """The dataset as a netCDF-3 file."""
    return bytes(encode(dataset).to_netcdf(engine="scipy"))


def from_bytes(array: bytes) -> xr.Dataset:
    """The dataset of a netCDF-3 file that to_bytes wrote."""
    return decode(xr.load_dataset(io.BytesIO(array), engine="scipy"))


def encode(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset in netCDF-3's types; attributes of the whole (seconds, host) are dropped.

    Tuples become JSON text; 64-bit and unsigned integers become 32-bit, where they fit. Variables
    are sorted by name, so that equal datasets become equal bytes.
    """
    encoded = dataset.drop_encoding()
    for name, variable in dataset.variables.items():
        values = variable.values
        if values.dtype == object and all(isinstance(value, tuple) for value in values.flat):
            texts = [json.dumps(value) for value in values.flat]
            values, was = np.array(texts).reshape(values.shape), "tuple"
        elif values.dtype.kind in "iu" and values.dtype not in (np.int8, np.int16, np.int32):
            values, was = _narrow(values, str(name)), str(values.dtype)
        else:
            continue
        encoded[name] = (variable.dims, values, {**variable.attrs, "stored_from": was})
    in_order = {str(name): encoded.variables[name] for name in sorted(encoded.variables, key=str)}
    return xr.Dataset(in_order).set_coords(list(encoded.coords))


def decode(encoded: xr.Dataset) -> xr.Dataset:
    """What encode was given, up to the attributes of the whole."""
    dataset = encoded.drop_encoding()
    for name, variable in encoded.variables.items():
        attrs = dict(variable.attrs)
        was = attrs.pop("stored_from", None)
        values = variable.values
        if was == "tuple":
            values = np.empty(variable.shape, object)
            for index, text in np.ndenumerate(variable.values):
                values[index] = _tuples(json.loads(str(text)))
        elif was is not None:
            values = values.astype(was)
        elif values.dtype == object:  # netCDF-3 text comes back as objects
            values = values.astype(str)
        else:
            continue
        dataset[name] = (variable.dims, values, attrs)
    return dataset


def record(
    name: str, config: Any, identities: dict[str, Any], verdicts: Iterable[Any]
) -> dict[str, Any]:
    """Where a result came from, and what it shows, as plain JSON."""
    return {
        "experiment": name,
        "config": plain(config),
        "data": identities,
        "versions": versions(),
        "platform": platform_of_run(),
        "verdicts": [dataclasses.asdict(verdict) for verdict in verdicts],
    }


def plain(config: Any) -> Any:
    """A config dataclass as JSON gives it back: tuples are lists."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def versions() -> dict[str, str]:
    """Versions of what computes the numbers."""
    packages = {package: importlib.metadata.version(package) for package in _PACKAGES}
    return {"jaxnn": jaxnn.__version__, "python": platform.python_version(), **packages}


def platform_of_run() -> dict[str, str]:
    """What the last bits depend on: the kind of machine, not which one, and how XLA compiles."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "backend": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


def _processor() -> str:
    """The model, since the order of additions, and so the last bits, depend on it."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:  # not on Linux
        return platform.processor()
    fields = dict(reversed([line.split("\t", 1) for line in lines if "\t" in line]))
    known = {key.strip(): value.strip(": \t") for key, value in fields.items()}
    if "model name" not in known:  # not on x86
        return platform.processor()
    return f"{known['model name']}, family {known['cpu family']}, model {known['model']}"


def identities(names: Iterable[str]) -> dict[str, Any]:
    """What each data set is, by its content; None where it is not at hand."""
    return {name: _identity(name) for name in names}


def _identity(name: str) -> dict[str, Any] | None:
    try:
        dataset = data.load(name)
    except data.DataNotFoundError:
        return None
    digest = hashlib.sha256()
    splits = {"train": dataset.train, "test": dataset.test}
    arrays = [array for split in splits.values() if split is not None for array in split]
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    sizes = {split: 0 if part is None else len(part.inputs) for split, part in splits.items()}
    return {**sizes, "sha256": digest.hexdigest()}


def _narrow(values: np.ndarray, name: str) -> np.ndarray:
    narrow = values.astype(np.int32)
    if not np.array_equal(narrow.astype(values.dtype), values):
        raise ValueError(f"{name} holds integers that netCDF-3's 32 bits cannot")
    return narrow


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
