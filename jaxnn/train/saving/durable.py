"""Files that survive a kill and show their damage: sealed, synced, moved into place, locked."""

import hashlib
import importlib
import json
import os
import socket
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from jaxnn.train.errors import CheckpointLockedError

_LOCKED_BYTE = 2**30  # on Windows, where nobody can read what is locked: far behind the text


class DamagedError(Exception):
    """A file is not what was written."""


def seal(content: Any) -> bytes:
    """JSON with its own SHA-256, for `unseal`."""
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return json.dumps({"sha256": digest, "content": content}, indent=1).encode() + b"\n"


def unseal(path: Path) -> Any:
    """The content of a sealed file; DamagedError where a single bit is not as it was written."""
    if not path.is_file():
        raise DamagedError(f"{path.name} is missing")
    raw = path.read_bytes()
    try:
        content = json.loads(raw)["content"]
        if seal(content) != raw:
            raise ValueError("its SHA-256 is wrong")
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise DamagedError(f"{path.name}: {error}") from error
    return content


def write(path: Path, raw: bytes) -> None:
    """Writes a file and waits until it is on the disk."""
    with open(path, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Waits until a folder, with all in it, is on the disk."""
    for path in [*folder.rglob("*"), folder]:
        sync_one(path)


def sync_one(path: Path) -> None:
    """Waits until a file, or what a folder says of its files, is on the disk."""
    is_folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    except PermissionError:
        if is_folder:  # Windows opens none, and writes their names by itself
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digests(folder: Path) -> dict[str, list]:
    """The size and SHA-256 of each file under a folder."""
    return {
        path.relative_to(folder).as_posix(): [path.stat().st_size, _sha256(path)]
        for path in sorted(_files(folder))
    }


def check(folder: Path, expected: Mapping[str, list]) -> None:
    """DamagedError where a file is missing or not the one of which `digests` were taken."""
    for name, (size, sha256) in expected.items():
        path = folder / name
        if not path.is_file():
            raise DamagedError(f"{name} is missing")
        if path.stat().st_size != size:
            raise DamagedError(f"{name} has {path.stat().st_size} bytes of {size}")
        if _sha256(path) != sha256:
            raise DamagedError(f"the SHA-256 of {name} is wrong")


def lock(path: Path) -> IO[str]:
    """Takes the lock, which ends with `unlock` or with the process, however that ends.

    Raises:
      CheckpointLockedError: somebody holds it, in this process or in another.
    """
    file = open(path, "a+")  # noqa: SIM115
    try:
        _take(file)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
    except BlockingIOError as error:
        file.seek(0)
        holder = file.read() or "another process"
        file.close()
        raise CheckpointLockedError(
            f"{path.parent} is in use by {holder}: wait until it ends, stop it, or choose another"
            " directory"
        ) from error
    except BaseException:
        file.close()
        raise
    return file


def unlock(file: IO[str]) -> None:
    """Gives the lock back; also where a forked process has inherited it."""
    if file.closed:
        return
    if (fcntl := _module("fcntl")) is not None:
        fcntl.flock(file, fcntl.LOCK_UN)
    elif (msvcrt := _module("msvcrt")) is not None:
        os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
    file.close()


def _take(file: IO[str]) -> None:
    """BlockingIOError where somebody has it."""
    if (fcntl := _module("fcntl")) is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    elif (msvcrt := _module("msvcrt")) is not None:
        os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(*error.args) from error
    else:
        warnings.warn(
            f"this system has no locks: see to it that no other run uses {Path(file.name).parent}",
            stacklevel=4,
        )


def _module(name: str) -> Any:
    """One that only some systems have: fcntl is not on Windows, msvcrt nowhere else."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
