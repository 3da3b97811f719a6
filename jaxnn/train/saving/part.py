"""Some lanes of a sweep after some epochs, in memory and on disk."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxnn.train.errors import CheckpointMismatchError
from jaxnn.train.saving import durable, orbax_arrays
from jaxnn.train.saving.identity import differences

TEMPORARY = ".tmp-"  # how the name of what a killed writer leaves behind begins


class Part(NamedTuple):
    """Some lanes of a sweep after some epochs.

    Attributes:
      lanes: int [n], which runs of the sweep, by number.
      epochs: how many each has completed.
      carry: a pytree of host arrays with a leading axis of lanes.
      history: name -> [n, epochs].
    """

    lanes: np.ndarray
    epochs: int
    carry: Any
    history: dict[str, np.ndarray]

    def check(self) -> None:
        """ValueError where the arrays are not of these lanes and epochs."""
        lanes = np.asarray(self.lanes)
        if lanes.ndim != 1 or not len(lanes) or len(set(lanes.tolist())) < len(lanes):
            raise ValueError(f"lanes must be numbers that differ, got {self.lanes}")
        for name, leaf in _leaves(self.carry).items():
            if leaf.shape[:1] != lanes.shape:
                raise ValueError(f"carry{name} of shape {leaf.shape} is not of {len(lanes)} lanes")
        for name, values in self.history.items():
            if values.shape[:2] != (len(lanes), self.epochs):
                raise ValueError(
                    f"the history {name} of shape {values.shape} is not of {len(lanes)} lanes and"
                    f" {self.epochs} epochs"
                )

    def rows(self, rows: list[int]) -> "Part":
        """Some of the lanes."""
        chosen = np.array(rows)
        return Part(
            self.lanes[chosen],
            self.epochs,
            jax.tree.map(lambda leaf: leaf[chosen], self.carry),
            {name: values[chosen] for name, values in self.history.items()},
        )


class SavedPart(NamedTuple):
    """A part on disk: arrays/ is an Orbax checkpoint, manifest.json says what is in it.

    Attributes:
      epochs, number: in the order of which a part is newer; the number is that of the folder.
      lanes: lane -> its row in the arrays.
    """

    folder: Path
    epochs: int
    number: int
    lanes: dict[int, int]

    @classmethod
    def find(cls, folder: Path) -> "SavedPart":
        """What the manifest says; DamagedError where it is not as it was written."""
        manifest = durable.unseal(folder / "manifest.json")
        lanes = {lane: row for row, lane in enumerate(manifest["lanes"])}
        return cls(folder, manifest["epochs"], number_of(folder), lanes)

    def __str__(self) -> str:
        return f"{self.folder} (epoch {self.epochs})"

    @property
    def age(self) -> tuple[int, int]:
        """Larger for what is newer."""
        return self.epochs, self.number

    def write(self, part: Part) -> None:
        """Writes under another name first: the folder appears whole, and when it is on the disk."""
        temporary = self.folder.with_name(TEMPORARY + self.folder.name)
        carry, history = _leaves(part.carry), part.history
        manifest = {
            "lanes": list(self.lanes),
            "epochs": self.epochs,
            "carry": {name: _kind(leaf) for name, leaf in carry.items()},
            "history": {name: _kind(values) for name, values in history.items()},
            "key_kinds": {name: _key_kind(leaf) for name, leaf in carry.items() if _is_key(leaf)},
        }
        arrays = {"carry": _numbered(carry.values()), "history": _numbered(history.values())}
        try:
            temporary.mkdir()
            orbax_arrays.write(temporary / "arrays", {"lanes": np.array(part.lanes), **arrays})
            manifest["files"] = durable.digests(temporary)
            durable.write(temporary / "manifest.json", durable.seal(manifest))
            durable.sync(temporary)
            temporary.rename(self.folder)
            durable.sync_one(self.folder.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def read(self, like: Any) -> Part:
        """The part, with its carry in the structure of like.

        Raises:
          DamagedError: a file is not as it was written.
          CheckpointMismatchError: the carry has other leaves than like.
        """
        try:
            manifest = durable.unseal(self.folder / "manifest.json")
            _check_kinds(manifest["carry"], like, str(self))
            durable.check(self.folder, manifest["files"])
            arrays = orbax_arrays.read(self.folder / "arrays")
        except OSError as error:
            raise durable.DamagedError(str(error)) from error
        carry = _restored(arrays.get("carry", {}), manifest["carry"], len(self.lanes))
        for name, kind in manifest["key_kinds"].items():
            carry[name] = jax.random.wrap_key_data(carry[name], impl=kind)
        history = _restored(arrays.get("history", {}), manifest["history"], len(self.lanes))
        in_structure = jax.tree.unflatten(jax.tree.structure(like), carry.values())
        return Part(arrays["lanes"], self.epochs, in_structure, history)

    def delete(self) -> None:
        """A kill on the way leaves the part whole or under a name that does not count."""
        doomed = self.folder.with_name(TEMPORARY + self.folder.name)
        try:
            self.folder.rename(doomed)
        except PermissionError:  # Windows moves no folder with an open file: it is only outdated
            return
        shutil.rmtree(doomed, ignore_errors=True)


def number_of(folder: Path) -> int:
    """The 7 of part_000007."""
    return int(folder.name.removeprefix("part_"))


def _check_kinds(saved: Mapping[str, list], like: Any, name: str) -> None:
    kinds = {path: _kind(leaf) for path, leaf in _leaves(like).items()}
    lines = list(differences(saved, kinds))
    if lines:
        raise CheckpointMismatchError(
            "\n  ".join([f"{name} holds other arrays than this set-up has:", *lines])
            + "\nTake the old set-up back, or choose another directory."
        )


def _leaves(tree: Any) -> dict[str, Any]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree.leaves_with_path(tree)}


def _kind(leaf: Any) -> list:
    return [str(leaf.dtype), list(leaf.shape[1:])]


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _key_kind(keys: Any) -> str:
    return str(jax.random.key_impl(keys))


def _numbered(leaves: Any) -> dict[str, np.ndarray]:
    """For Orbax, whose names are those of files, and which takes no empty arrays."""
    data = [np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf) for leaf in leaves]
    return {str(i): leaf for i, leaf in enumerate(data) if leaf.size}


def _restored(numbered: Mapping[str, np.ndarray], kinds: Mapping, lanes: int) -> dict[str, Any]:
    return {
        name: numbered[str(i)] if str(i) in numbered else np.empty((lanes, *shape), dtype)
        for i, (name, (dtype, shape)) in enumerate(kinds.items())
    }
