"""The text of a file in the encoding that was given, or which encodings it may be in."""

import gzip
import io
from pathlib import Path
from typing import Any

from jaxnn.data.errors import DataCorruptError, DataNotFoundError

_MAGIC = {
    b"PK\x03\x04": "a zip archive or a spreadsheet: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel file: save the sheet as CSV",
    b"PAR1": "Parquet: give data.from_frame what pandas.read_parquet makes of it",
}
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_CANDIDATES = ("utf-8", "cp949", "shift_jis", "gb18030", "cp1252")
_LOOKED_AT = 1 << 16  # bytes by which an encoding is judged


class Text(io.TextIOBase):
    """A file as text; what cannot be decoded is a DataCorruptError that names other encodings."""

    def __init__(self, path: Path, encoding: str):
        self._path, self._encoding = path, encoding
        self._file: Any = None  # it is closed, too, where it could not be opened
        raw: Any = _open(path)
        try:
            codec = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
            self._file = io.TextIOWrapper(raw, encoding=codec, newline="")
        except LookupError as error:
            raw.close()
            raise ValueError(
                f"encoding={encoding!r} is none that Python knows: 'utf-8', 'cp949', 'shift_jis',"
                " 'gb18030', 'cp1252' and 'utf-16' are some"
            ) from error

    def read(self, size: int | None = -1) -> str:
        return self._checked(self._file.read, size)

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        return self._checked(self._file.readline, size)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()

    def _checked(self, read: Any, size: int | None) -> str:
        try:
            text = read(size)
        except UnicodeError as error:
            raise self._no_text() from error
        except (OSError, EOFError) as error:  # of gzip
            raise DataCorruptError(f"{self._path} cannot be read whole: {error}") from error
        if "\0" in text:
            raise self._no_text()
        return text

    def _no_text(self) -> DataCorruptError:
        found = _readings(self._path)
        said = ", ".join(f"encoding={name!r} reads {text!r}" for name, text in found.items())
        advice = f"{said}: give the one that reads right" if said else "save it as text in UTF-8"
        return DataCorruptError(f"{self._path} is no text in {self._encoding}: {advice}")


def _open(path: Path) -> Any:
    """The bytes, unpacked where they are packed by gzip."""
    if path.is_dir():
        raise DataNotFoundError(
            f"{path} is a folder, not a file: give one file in it; data.from_image_folder reads"
            " folders of images"
        )
    try:
        raw = open(path, "rb")  # noqa: SIM115, the caller closes it
    except FileNotFoundError as error:
        raise DataNotFoundError(f"there is no file {path}: check the path") from error
    except OSError as error:
        raise DataCorruptError(f"{path} cannot be read ({error.strerror}): mend that") from error
    first = raw.peek(4)
    for magic, kind in _MAGIC.items():
        if first.startswith(magic):
            raw.close()
            raise DataCorruptError(f"{path} is {kind}")
    if not first.startswith(b"\x1f\x8b"):
        return raw
    raw.close()
    return gzip.open(path)


def _readings(path: Path) -> dict[str, str]:
    """What some telling words of the file are in each encoding that can read it."""
    content = _telling(path)
    if content[:2] in _MARKS:
        names: tuple[str, ...] = (_MARKS[content[:2]],)
    else:
        names = ("utf-16-le", "utf-16-be") if b"\0" in content else _CANDIDATES
    readings = {}
    for name in names:
        try:
            text = content.decode(name).strip("\ufeff")
        except UnicodeError:
            continue
        if all(letter.isprintable() or letter.isspace() for letter in text):
            readings[name] = _words(text)
    return readings


def _telling(path: Path) -> bytes:
    """The first lines of the file that are not plain ASCII, or the last there are."""
    content = b""
    with _open(path) as raw:
        while part := raw.read(_LOOKED_AT):
            content = content[content.rfind(b"\n") + 1 :] + part  # beginning with a line
            if not part.isascii() or b"\0" in part:
                break
    is_cut = len(content) >= _LOOKED_AT and b"\0" not in content
    return content[: content.rfind(b"\n") + 1] or content if is_cut else content


def _words(text: str) -> str:
    lines = text.splitlines() or [""]
    line = next((line for line in lines if not line.isascii()), lines[0])
    start = next((i for i, letter in enumerate(line) if not letter.isascii()), 0)
    return line[max(start - 8, 0) : start + 12]
