"""Which file of a folder is a picture of what: every file has its place, or is named."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from jaxnn.data.errors import DataNotFoundError
from jaxnn.data.own import picture

_PARTS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_NOISE = {"thumbs.db", "desktop.ini", "__macosx", "jaxnn_cache"}  # of file managers, and our own
_FLAT = "before the first dot of the file names (cat.1.jpg) or before the last _ (tabby_cat_1.jpg)"


class Layout(NamedTuple):
    """The pictures of each part as (class, file), sorted by both, and the files that are none."""

    parts: dict[str, list[tuple[str, Path]]]
    others: list[Path]
    is_split: bool


def find(path: Path) -> Layout:
    """The pictures of a folder.

    Raises:
      DataNotFoundError: there is no such folder, or no picture in it or in the folder of a class.
      ValueError: a picture or a folder has no place in the layout.
    """
    if not path.is_dir():
        what = "it is a file: unpack it, or give its folder" if path.exists() else "check the path"
        raise DataNotFoundError(f"there is no folder {path}: {what}")
    folders, files = _inside(path)
    named = {folder: _PARTS.get(folder.name.lower()) for folder in folders}
    layout = Layout({}, [], is_split="train" in named.values())
    if not layout.is_split:
        layout.parts["train"] = _part(path, layout.others)
        return layout
    _check_beside_train(path, folders, files, named)
    layout.others.extend(files)
    for folder, part in named.items():
        if part in layout.parts:
            raise ValueError(f"{path} has two folders for {part}, {folder.name} is one: join them")
        if part is not None:
            layout.parts[part] = _part(folder, layout.others)
    return layout


def _inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """Its folders and its files, sorted, without what is hidden."""
    shown = sorted(
        child
        for child in folder.iterdir()
        if not child.name.startswith(".") and child.name.lower() not in _NOISE
    )
    return [c for c in shown if c.is_dir()], [c for c in shown if not c.is_dir()]


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in picture.endings() and file.is_file()


def _check_beside_train(
    path: Path, folders: list[Path], files: list[Path], named: dict[Path, str | None]
) -> None:
    strange = [folder for folder in folders if named[folder] is None]
    strange += [file for file in files if _is_image(file)]
    if strange:
        raise ValueError(
            f"{path} has a folder train, and {_listed(strange, path)} beside it: put the images"
            " into train, validation or test, and other folders elsewhere"
        )


def _part(folder: Path, others: list[Path]) -> list[tuple[str, Path]]:
    """(class, file) of every picture of one part."""
    folders, files = _inside(folder)
    loose = [file for file in files if _is_image(file)]
    others.extend(file for file in files if file not in set(loose))
    found = [(child.name, file) for child in folders for file in _of_class(child, others)]
    if found and loose:
        raise ValueError(
            f"{folder} holds images in folders, and {len(loose)} beside them"
            f" ({_listed(loose, folder)}): put each into the folder of its class"
        )
    if not found and not loose:
        raise DataNotFoundError(
            f"{folder} holds no image: there are no .png, .jpg, .webp, .tiff, .bmp, .gif or other"
            " files that Pillow reads in it or in folders of classes"
        )
    found = found or [(_class_of(file), file) for file in loose]
    named = [(unicodedata.normalize("NFC", label), file) for label, file in found]
    return sorted(named, key=lambda item: (item[0], item[1].name))


def _of_class(folder: Path, others: list[Path]) -> list[Path]:
    deeper, files = _inside(folder)
    nested = [file for child in deeper for file in sorted(child.rglob("*")) if _is_image(file)]
    if nested:
        raise ValueError(
            f"{folder} holds {len(nested)} images one level too deep"
            f" ({_listed(nested, folder)}): where its folders are the classes, give the path"
            f" {folder}; otherwise put the images right into it"
        )
    images = [file for file in files if _is_image(file)]
    if not images:
        raise DataNotFoundError(
            f"the folder {folder} holds no image ({_listed(files + deeper, folder) or 'nothing'}):"
            " put the images of its class there, or take the folder away"
        )
    others.extend(file for file in files + deeper if file not in set(images))
    return images


def _class_of(file: Path) -> str:
    """`cat` of cat.1.jpg, `tabby_cat` of tabby_cat_1.jpg."""
    before, dot, after = file.stem.partition(".")
    if dot:
        is_clear = bool(before and re.fullmatch(r"[^.]+|[\d.]+", after))
    else:
        before, _, after = file.stem.rpartition("_")
        is_clear = bool(before and after) and not re.search(r"_\d+$", before)
    if not is_clear:
        raise ValueError(
            f"the name of {file} does not say of which class it is: put each class into a folder"
            f" of its own, or its name {_FLAT}"
        )
    return before


def _listed(paths: Iterable[Path], folder: Path, most: int = 3) -> str:
    names = [path.relative_to(folder).as_posix() for path in paths]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
