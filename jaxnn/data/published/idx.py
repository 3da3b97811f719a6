"""The IDX format of LeCun's MNIST: big-endian sizes, then bytes in C order."""

import gzip
import io
import math
import os
import struct
import zlib

import numpy as np
from jaxtyping import UInt8

from jaxnn.data.errors import DataCorruptError

_UINT8 = 0x08
_MAX_RANK = 64  # of a NumPy array


def read(path: str | os.PathLike[str], *, max_bytes: int = 1 << 28) -> UInt8[np.ndarray, "..."]:
    """The array of an IDX file of unsigned bytes, plain or gzipped.

        00 00 08 d | n_1 ... n_d, each uint32 | n_1 * ... * n_d bytes      [LeCun 1998, mnist]

    Args:
      path: the file.
      max_bytes: a larger array is refused before its first byte is read.

    Raises:
      DataCorruptError: the file is not exactly that; the message names it and says what is wrong.
    """
    try:
        with open(path, "rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            stream: io.BufferedIOBase = gzip.GzipFile(fileobj=file) if zipped else file
            return _parse(stream, os.fspath(path), max_bytes)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataCorruptError(f"{os.fspath(path)} is not a whole gzip file: {error}") from error


def _parse(file: io.BufferedIOBase, name: str, max_bytes: int) -> np.ndarray:
    zeros, kind, rank = struct.unpack(">HBB", _exactly(file, 4, name))
    if (zeros, kind) != (0, _UINT8) or rank == 0:
        raise DataCorruptError(
            f"{name} starts with {zeros:04x}{kind:02x}{rank:02x}, but an IDX file of unsigned "
            "bytes starts with 000008 and the number of its axes, at least 01"
        )
    shape = struct.unpack(f">{rank}I", _exactly(file, 4 * rank, name))
    size = math.prod(shape)
    room = math.prod(n or 1 for n in shape)  # NumPy refuses long axes beside an empty one, too
    if room > max_bytes:
        raise DataCorruptError(f"{name} claims {room} bytes in {list(shape)}, over {max_bytes}")
    if rank > _MAX_RANK:
        raise DataCorruptError(f"{name} claims {rank} axes, over {_MAX_RANK}")
    array = np.frombuffer(_exactly(file, size, name), np.uint8).reshape(shape)
    if file.read(1):
        raise DataCorruptError(f"{name} goes on after the {size} bytes of its {list(shape)} array")
    return array


def _exactly(file: io.BufferedIOBase, count: int, name: str) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise DataCorruptError(f"{name} ends after {len(data)} of {count} bytes")
    return data
