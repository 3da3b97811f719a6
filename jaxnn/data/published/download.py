"""One file from the internet: whole and checked, or not there; interrupted, it is gone on with."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from io import BufferedRandom
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from jaxnn.data.errors import DataCorruptError, DataNotFoundError

TIMEOUT = 30.0  # seconds without a byte, after which a server has stalled

_CHUNK = 1 << 16


def fetch(url: str, path: Path, *, sha256: str, size: int | None = None) -> None:
    """Downloads the file, and renames it to `path` once it is whole and checked.

    Until then it grows in .name.part beside it. Where it is cut off, or the server stalls, it is
    gone on with (HTTP Range) for as long as every attempt brings something new, and by the next
    call, of any process. Another process that fetches the same file is waited for.

    Args:
      url: of the file.
      path: where to; a file that lies there already is left alone.
      sha256: of the file, or at least its first digits.
      size: of the file, where it is known; no more is ever written.

    Raises:
      DataNotFoundError: the server does not have it, or has sent a part only, which is kept.
      DataCorruptError: it is another file, which is not kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _growing(path) as file:
        if file is None:
            return
        resumed = file.tell() > 0
        _complete(url, file, size)
        if resumed and not _digest(file).startswith(sha256):  # what was there was of another file
            file.truncate(0)
            _complete(url, file, size)
        if not (found := _digest(file)).startswith(sha256):
            file.truncate(0)
            raise DataCorruptError(f"{url} has SHA-256 {found}, but {sha256} is registered")
        _even_if_open(file, lambda: os.replace(file.name, path))


def _complete(url: str, file: BufferedRandom, size: int | None) -> None:
    """Appends what is missing."""
    most = file.seek(0, os.SEEK_END)
    while most != size:
        try:
            _append(url, file, size)
            return
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            file.flush()
            here = file.seek(0, os.SEEK_END)
            if here <= most:
                kept = f"{here} bytes are kept, and the next call goes on from there"
                raise DataNotFoundError(
                    f"the download of {url} failed with {_what(error)}{'; ' + kept if here else ''}"
                ) from error
            most = here


def _append(url: str, file: BufferedRandom, size: int | None) -> None:
    here = file.seek(0, os.SEEK_END)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={here}-"} if here else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            file.truncate(0)  # what is here is no part of what is there: the digest would differ
            return
        response.raise_for_status()
        is_rest = response.status_code == requests.codes.partial_content
        if is_rest and not response.headers.get("Content-Range", "").startswith(f"bytes {here}-"):
            raise requests.ConnectionError(f"{url} answers with a part that was not asked for")
        if not is_rest:
            here = file.truncate(0)
        length = response.headers.get("Content-Length", "")
        total = here + int(length) if length.isdecimal() else size
        if size is not None and total != size:
            file.truncate(0)
            raise DataCorruptError(f"{url} has {total} bytes, but {size} are registered")
        bar = tqdm(
            total=total, initial=here, unit="B", unit_scale=True, desc=Path(url).name, disable=None
        )
        with bar:
            while chunk := response.raw.read1(_CHUNK, decode_content=False):  # as it comes
                here += file.write(chunk)
                if total is not None and here > total:
                    file.truncate(0)
                    raise DataCorruptError(f"{url} goes on after its {total} bytes")
                bar.update(len(chunk))
        if total is not None and here < total:
            raise requests.ConnectionError(f"{url} ended after {here} of {total} bytes")


@contextlib.contextmanager
def _growing(path: Path) -> Iterator[BufferedRandom | None]:
    """The file that is to become `path`, for this process alone; None where that is there."""
    part = path.with_name(f".{path.name}.part")
    while True:
        if path.is_file():
            yield None
            return
        with open(part, "ab+") as file:
            _lock(file)  # waits for another process
            if _is(file, part) and not path.is_file():
                try:
                    yield file
                finally:
                    if not file.closed and _is(file, part) and not os.fstat(file.fileno()).st_size:
                        _even_if_open(file, part.unlink)
                return
            if _is(file, part):  # made anew when the other process had renamed its own
                _even_if_open(file, part.unlink)


def _lock(file: BufferedRandom) -> None:
    # Without locks, as on Windows and on some network drives, the digest tells what two have mixed.
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


def _even_if_open(file: BufferedRandom, act: Callable[[], object]) -> None:
    """Does it while the lock is held; or without, where Windows moves and deletes no open file."""
    try:
        act()
    except PermissionError:
        file.close()
        act()


def _is(file: BufferedRandom, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _digest(file: BufferedRandom) -> str:
    file.flush()
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _what(error: Exception) -> str:
    response = getattr(error, "response", None)
    return f"{type(error).__name__}" if response is None else f"HTTP status {response.status_code}"
