"""Files inside zip and tar.gz archives, read into memory only and within a stated size.

Nothing is ever written under the name that an archive gives, and names that point out of the
archive are refused all the same.
"""

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from jaxnn.data.errors import DataCorruptError

MAX_MEMBER = 1 << 26  # bytes of one unpacked file
MAX_TOTAL = 1 << 29  # bytes of all of them


def zip_members(
    path: str | os.PathLike[str],
    *,
    max_member: int = MAX_MEMBER,
    max_total: int = MAX_TOTAL,
    wanted: Callable[[str], bool] = lambda name: True,
) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each wanted file in a zip, sorted by name, one at a time.

    Raises:
      DataCorruptError: it is no whole zip, has a name twice or one that points outside, or unpacks
        to more than that.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted((m for m in archive.infolist() if not m.is_dir()), key=_name)
            members = [member for member in members if wanted(member.filename)]
            _check([(m.filename, m.file_size) for m in members], path, max_member, max_total)
            for member in members:
                with archive.open(member) as file:
                    content = file.read(member.file_size + 1)
                if len(content) != member.file_size:
                    raise DataCorruptError(
                        f"{os.fspath(path)}: {member.filename} is not of {member.file_size} bytes"
                    )
                yield member.filename, content
    except (DataCorruptError, FileNotFoundError, MemoryError, GeneratorExit):
        raise
    except Exception as error:  # broken headers make zipfile raise nearly anything
        raise DataCorruptError(f"{os.fspath(path)} is not a whole zip file: {error}") from error


def tar_members(
    path: str | os.PathLike[str], *, max_member: int = MAX_MEMBER, max_total: int = MAX_TOTAL
) -> dict[str, bytes]:
    """Name -> content of each regular file in a .tar.gz.

    Raises:
      DataCorruptError: as zip_members.
    """
    sizes: list[tuple[str, int]] = []
    members = {}
    try:
        with open(path, "rb") as file, gzip.GzipFile(fileobj=file) as unzipped:
            limited = _Limited(unzipped, max_total, os.fspath(path))
            with tarfile.open(fileobj=limited, mode="r|") as archive:
                for member in archive:
                    if not member.isfile():
                        continue
                    sizes.append((member.name, member.size))
                    _check(sizes, path, max_member, max_total)
                    extracted = archive.extractfile(member)
                    members[member.name] = extracted.read() if extracted else b""
                    if len(members[member.name]) != member.size:
                        raise DataCorruptError(f"{os.fspath(path)} ends within {member.name}")
            while limited.read(1 << 16):  # the check sum of gzip comes last
                pass
    except (DataCorruptError, FileNotFoundError, MemoryError):
        raise
    except Exception as error:
        raise DataCorruptError(f"{os.fspath(path)} is not a whole tar.gz file: {error}") from error
    return members


class _Limited(io.BufferedIOBase):
    """A stream that refuses to give more than so many bytes."""

    def __init__(self, stream: io.BufferedIOBase, limit: int, name: str):
        self._stream, self._left, self._limit, self._name = stream, limit, limit, name

    def read(self, size: int | None = -1, /) -> bytes:
        most = self._left + 1
        data = self._stream.read(most if size is None or size < 0 else min(size, most))
        self._left -= len(data)
        if self._left < 0:
            raise DataCorruptError(f"{self._name} unpacks to more than {self._limit} bytes")
        return data


def _name(member: zipfile.ZipInfo) -> str:
    return member.filename


def _check(
    members: list[tuple[str, int]],
    path: str | os.PathLike[str],
    max_member: int,
    max_total: int,
) -> None:
    archive, names = Path(path), [name for name, _ in members]
    for name, size in members:
        parts = name.replace("\\", "/").split("/")
        if name != name.replace("\\", "/") or ".." in parts or not parts[0] or ":" in parts[0]:
            raise DataCorruptError(f"{archive} holds {name!r}, which points outside of it")
        if size > max_member:
            raise DataCorruptError(f"{archive}: {name} claims {size} bytes, over {max_member}")
    if sum(size for _, size in members) > max_total:
        raise DataCorruptError(f"{archive} unpacks to more than {max_total} bytes")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataCorruptError(f"{archive} holds {twice!r} twice")
