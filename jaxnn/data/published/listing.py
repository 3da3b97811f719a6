"""The files of a data set that lies in a folder, each with the start of its SHA-256.

8ab0f3e2c1d09f77  bart_simpson/000.png
"""

import hashlib
from pathlib import Path

from jaxnn.data.errors import DataCorruptError

_DIGITS = 16


def write(folder: Path, listing: Path) -> None:
    """Lists every file under the folder, sorted by its path."""
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    lines = [f"{_start(folder / file)}  {file.as_posix()}\n" for file in files]
    listing.write_text("".join(lines), "utf-8")


def read(listing: Path) -> dict[str, str]:
    """Path inside the folder -> the start of the file's SHA-256, in the order of the list."""
    lines = (line.split("  ", 1) for line in listing.read_text("utf-8").splitlines())
    return {name: start for start, name in lines}


def check(folder: Path, listing: Path) -> dict[str, Path]:
    """Path inside the folder -> path, of all files that are listed, in the order of the list.

    Raises:
      DataCorruptError: one is missing or changed; the message names the first, and counts them.
    """
    files, bad = {}, []
    for name, start in read(listing).items():
        files[name] = folder / name
        if not files[name].is_file():
            bad.append(f"{files[name]} is missing")
        elif _start(files[name]) != start:
            bad.append(f"{files[name]} was changed or cut off")
    if bad:
        more = f", and {len(bad) - 1} more are missing or changed" if bad[1:] else ""
        raise DataCorruptError(f"{bad[0]}{more}: copy the original files there again")
    return files


def _start(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_DIGITS]
