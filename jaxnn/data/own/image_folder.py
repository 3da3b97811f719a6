"""A folder of images as a data set: class by class in folders, or told by the files' names."""

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxnn.data import cache
from jaxnn.data.dataset import Dataset, from_arrays
from jaxnn.data.errors import DataCorruptError, DataNotFoundError
from jaxnn.data.prepare import splits

_ENDINGS = (".png", ".jpg", ".jpeg")

_log = logging.getLogger(__name__)


def from_image_folder(
    path: str | os.PathLike[str],
    *,
    size: tuple[int, int] = (64, 64),
    channels: int = 3,
    skip_unreadable: bool = False,
    test_size: float | int = 0,
    seed: int = 0,
    name: str | None = None,
) -> Dataset:
    """The PNG and JPEG files of a folder, brought to one size, as uint8.

        cat/1.jpg, dog/1.jpg, ...          one folder a class
        cat.1.jpg, dog.1.jpg, ...          the class stands before the first dot
        train/..., test/...                either, with a split

    Examples are sorted by class and then by name, classes by name. The pixels are kept in the
    user's cache under the SHA-256 of all files.

    Args:
      path: of the folder; it is only read.
      size: height and width of every image, whatever its aspect was.
      channels: 3 for colour, 1 for grey.
      skip_unreadable: leaves out files that cannot be decoded, with a warning that names and counts
        them, instead of refusing them.
      test_size: where there is no folder test, the fraction or number of examples to test on,
        split as splits.split_rows does; 0 for no test split.
      seed: of that split.
      name: of the data set; None for that of the folder.

    Raises:
      DataNotFoundError: there is no such folder, or no image in it.
      DataCorruptError: an image cannot be read.
      ValueError: there is one class only, or one to test on that is not trained on.
    """
    path = Path(path)
    if min(*size, channels) < 1 or channels not in (1, 3):
        raise ValueError(f"size={size} and channels={channels}: give sizes above 0, and 1 or 3")
    is_split = (path / "train").is_dir()
    if is_split and test_size:
        raise ValueError(f"{path} has a folder train, so test_size={test_size} has no use")
    files = {split: _files(path / split) for split in ("train", "test") if (path / split).is_dir()}
    if not is_split:
        files = {"train": _files(path)}
    classes = sorted({label for label, _ in files["train"]})
    _check_classes(path, classes, files)
    number = {label: index for index, label in enumerate(classes)}
    shape = (*size, channels)

    def build_fn() -> cache.Arrays:
        return _decode(files, number, shape, skip=skip_unreadable)

    key = _content(path, files, f"{shape} {skip_unreadable}")
    arrays = cache.load_or_build(f"images-{path.name}", path, build_fn, key=key)
    if test_size:
        x, y = arrays["train_inputs"], arrays["train_labels"]
        rows = splits.split_rows(y, test=test_size, seed=seed)
        arrays = {
            **{"train_inputs": x[rows.train], "train_labels": y[rows.train]},
            **{"test_inputs": x[rows.test], "test_labels": y[rows.test]},
        }
    return from_arrays(**arrays, name=name or path.name, classes=classes, scale=255.0)


def _files(folder: Path) -> list[tuple[str, Path]]:
    """(class, file) of every image, sorted."""
    if not folder.is_dir():
        raise DataNotFoundError(f"there is no folder {folder}")
    inside = [child for child in folder.iterdir() if not child.name.startswith(".")]
    found = [
        (child.name, file)
        for child in inside
        if child.is_dir()
        for file in child.iterdir()
        if _is_image(file)
    ]
    if not found:
        found = [(file.name.split(".")[0], file) for file in inside if _is_image(file)]
    if not found:
        raise DataNotFoundError(
            f"{folder} holds no image: there are no {', '.join(_ENDINGS)} files in it or in folders"
            " of classes"
        )
    return sorted(found, key=lambda item: (item[0], item[1].name))


def _is_image(file: Path) -> bool:
    hidden = file.name.startswith(".")
    return file.suffix.lower() in _ENDINGS and not hidden and file.is_file()


def _check_classes(
    path: Path, classes: list[str], files: Mapping[str, list[tuple[str, Path]]]
) -> None:
    if len(classes) < 2:
        raise ValueError(
            f"{path} holds images of the single class {classes[0]!r}: put each class into a folder"
            " of its own, or its name before the first dot of the file names"
        )
    for label, file in files.get("test", []):
        if label not in classes:
            raise ValueError(
                f"{file} is of class {label!r}, which has no image to train on: the classes are"
                f" {', '.join(classes)}"
            )


def _content(path: Path, files: Mapping[str, list[tuple[str, Path]]], settings: str) -> str:
    sha256 = hashlib.sha256(settings.encode())
    for split in files:
        for _, file in files[split]:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            sha256.update(f"{content} {file.relative_to(path).as_posix()}\n".encode())
    return sha256.hexdigest()


def _decode(
    files: Mapping[str, list[tuple[str, Path]]],
    number: Mapping[str, int],
    shape: tuple[int, ...],
    *,
    skip: bool,
) -> cache.Arrays:
    from tqdm import tqdm

    from jaxnn.data import images

    arrays, unreadable = {}, list[str]()
    bar = tqdm(total=sum(map(len, files.values())), desc="decoding images", disable=None)
    with bar:
        for split, labelled in files.items():
            pixels, kept = np.empty((len(labelled), *shape), np.uint8), list[int]()
            for label, file in labelled:
                try:
                    pixels[len(kept)] = images.decode(file.read_bytes(), shape, resize=True)
                    kept.append(number[label])
                except DataCorruptError as error:
                    unreadable.append(f"{file} ({error})")
                bar.update()
            arrays[f"{split}_inputs"] = pixels[: len(kept)]
            arrays[f"{split}_labels"] = np.array(kept, np.int32)
    if unreadable and not skip:
        raise DataCorruptError(
            f"{len(unreadable)} images cannot be read: {unreadable[0]} is the first; mend or remove"
            " them, or give skip_unreadable=True"
        )
    if unreadable:
        _log.warning("left out %d images: %s", len(unreadable), ", ".join(unreadable))
    return arrays
