"""Decoded arrays kept as .npy files, verified each time they are loaded."""

import functools
import hashlib
import json
import logging
import os
import stat
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

Arrays = dict[str, np.ndarray]
Fingerprint = list[list[Any]]

_BESIDE = "jaxnn_cache"

_log = logging.getLogger(__name__)


def load_or_build(
    name: str,
    source: Path,
    build: Callable[[], Arrays],
    *,
    sha256: Mapping[str, str] | None = None,
    key: str | None = None,
) -> Arrays:
    """The arrays that `build` makes of the folder `source`, from the cache where that is whole.

    The cache lies in the source folder, or in the user's own cache folder where the source is
    read-only. It holds one .npy file per array, and a manifest.json with the digest of each and
    of all of them, and the name, size and time of every source file; where anything differs, it is
    built again.
    Files get a temporary name first, so another process sees whole files only; two that build at
    once write the same bytes.

    Args:
      name: names the folder in the user's cache, and the data in messages.
      source: the folder that `build` reads.
      build: called without arguments where there is no valid cache.
      sha256: the digest of each array where it is known beforehand.
      key: the digest of all that `build` reads, which stands for the source files, wherever they
        lie; the cache is then in the user's folder alone.

    Returns:
      Read-only arrays, memory-mapped where they come from the cache.
    """
    fingerprint = _fingerprint(source) if key is None else [[key]]
    beside = [source / _BESIDE] if key is None else []
    places = [*beside, *user_folders(name, source if key is None else key)]
    for place in places:
        arrays = _read(place, fingerprint, sha256)
        if arrays is not None:
            return arrays
    arrays = build()
    for array in arrays.values():
        array.flags.writeable = False
    _write(places, fingerprint, arrays)
    return arrays


def digest(array: np.ndarray) -> str:
    """SHA-256 of dtype, shape and the bytes in C order."""
    sha256 = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    sha256.update(np.ascontiguousarray(array).data)
    return sha256.hexdigest()


def user_folders(name: str, source: Path | str) -> list[Path]:
    """Where in the user's own cache things made of that folder or key lie; [] without a home."""
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user without a home, as in some containers
        return []
    identity = source.resolve() if isinstance(source, Path) else source
    key = hashlib.sha256(os.fsencode(identity)).hexdigest()[:16]
    return [base / "jaxnn" / f"{name}-{key}"]


def is_writable(folder: Path) -> bool:
    """Whether the folder, or else the nearest one above, may be written to; by its mode bits.

    So that root, who could, does not write to what was made read-only.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return bool(folder.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def _fingerprint(source: Path) -> Fingerprint:
    files = sorted(path for path in source.iterdir() if path.is_file())
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def _read(place: Path, fingerprint: Fingerprint, sha256: Mapping[str, str] | None) -> Arrays | None:
    try:
        manifest = json.loads((place / "manifest.json").read_bytes())
        if manifest["source"] != fingerprint:
            raise ValueError("the source files changed")
        if sha256 is None and manifest.get("whole") != _whole(manifest["sha256"]):
            raise ValueError("the manifest is damaged")
        expected = manifest["sha256"] if sha256 is None else dict(sha256)
        arrays = {key: np.load(place / f"{key}.npy", mmap_mode="r") for key in expected}
        bad = [key for key, array in arrays.items() if digest(array) != expected[key]]
        if bad:
            raise ValueError(f"wrong SHA-256 of {', '.join(bad)}")
    except (FileNotFoundError, PermissionError):
        return None
    except Exception as error:  # whatever a broken file makes the parsers say, the remedy is one
        _log.warning("the cache in %s is not valid (%s): building it again", place, error)
        return None
    return arrays


def _write(places: list[Path], fingerprint: Fingerprint, arrays: Arrays) -> None:
    digests = {key: digest(array) for key, array in arrays.items()}
    entries = {"source": fingerprint, "sha256": digests, "whole": _whole(digests)}
    manifest = json.dumps(entries, indent=1)
    for place in places:
        try:
            _make_folder(place)
            for key, array in arrays.items():
                _replace(place / f"{key}.npy", functools.partial(np.save, arr=array))
            _replace(place / "manifest.json", lambda file: file.write(manifest.encode()))
        except OSError as error:
            _log.info("no cache in %s: %s", place, error)
        else:
            return
    _log.warning("no folder for a cache could be written, tried %s", ", ".join(map(str, places)))


def _whole(digests: Mapping[str, str]) -> str:
    """What shows that the manifest names every array."""
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def _make_folder(place: Path) -> None:
    if place.name != _BESIDE:
        place.parent.parent.mkdir(parents=True, exist_ok=True)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        place.mkdir(mode=0o700, exist_ok=True)
    elif is_writable(place.parent):
        place.mkdir(exist_ok=True)
    else:
        raise PermissionError(f"{place.parent} is read-only")


def _replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(temporary, "xb") as file:
            write(file)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
