"""A folder of images as a data set: class by class in folders, or told by the files' names."""

import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxnn.data import cache
from jaxnn.data.dataset import Dataset, assemble, from_arrays
from jaxnn.data.errors import DataCorruptError
from jaxnn.data.prepare import splits

_Labelled = Sequence[tuple[str, Path]]

_SEEN = "seen 1"  # grows where the same files become other pixels
_NAMED = 10  # of the files that are passed over

_log = logging.getLogger(__name__)


def from_image_folder(
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] = (64, 64),
    channels: int = 3,
    background: str | tuple[int, int, int] = "white",
    skip_unreadable: bool = False,
    test_size: float | int = 0,
    seed: int = 0,
    name: str | None = None,
) -> Dataset:
    """The pictures of a folder as a person sees them, brought to one size, as uint8.

        cat/1.jpg, dog/1.jpg, ...             one folder a class
        cat.1.jpg, dog.1.jpg, ...             the class stands before the first dot
        tabby_cat_1.jpg, dog_1.jpg, ...       or before the last _
        train/..., validation/..., test/...   any of these, with a split; `val` and `valid` too

    Every format that Pillow reads: PNG, JPEG, WebP, TIFF, BMP, GIF and others; of several frames
    the first. Examples are sorted by class and then by name, classes by name. The pixels are kept
    in the user's cache under the SHA-256 of all files. Files that are no images by their endings
    are left out with a warning that counts and names them; hidden ones without.

    Args:
      path: of the folder; it is only read.
      size: height and width of every image, whatever its aspect was; one number for a square.
      channels: 3 for colour, 1 for grey.
      background: the colour under what is transparent, by name or as three numbers up to 255.
      skip_unreadable: leaves out files that cannot be decoded, with a warning that names and counts
        them, instead of refusing them.
      test_size: where there is no folder test, the fraction or number of examples to test on,
        split as splits.split_rows does; 0 for no test split.
      seed: of that split.
      name: of the data set; None for that of the folder.

    Returns:
      Inputs [n, height, width, channels], which a run divides by 255.

    Raises:
      DataNotFoundError: there is no such folder, or no image in it or in the folder of a class.
      DataCorruptError: an image cannot be read, or does not say which of its numbers is white.
      ValueError: an image has no place in the layout; there is one class only, or one to test on
        that is not trained on.
    """
    from jaxnn.data.own import image_layout, picture

    path, shape, rgb = Path(path), _shape(size, channels), picture.colour(background)
    parts, others, is_split = image_layout.find(path)
    if is_split and test_size:
        raise ValueError(
            f"{path} has a folder train, so test_size={test_size} has no use: leave it out, and put"
            " the images to test on into a folder test beside it"
        )
    classes = sorted({label for label, _ in parts["train"]})
    _check_classes(path, classes, parts)

    def build_fn() -> cache.Arrays:
        return _decode(path, parts, classes, shape, rgb)

    key = _content(path, parts, f"{_SEEN} {picture.VERSION} {shape} {rgb}")
    arrays = dict(cache.load_or_build(f"images-{path.resolve().name}", path, build_fn, key=key))
    notes = json.loads(arrays.pop("notes").tobytes())
    _check_unreadable(path, notes["unreadable"], arrays, classes, skip=skip_unreadable)
    _warn(path, others, notes["animated"])
    return _dataset(arrays, name or path.resolve().name, classes, test_size, seed)


def _shape(size: int | tuple[int, int], channels: int) -> tuple[int, int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1 or channels not in (1, 3):
        raise ValueError(f"size={size} and channels={channels}: give sizes above 0, and 1 or 3")
    return height, width, channels


def _check_classes(path: Path, classes: list[str], parts: Mapping[str, _Labelled]) -> None:
    if len(classes) == 1:
        raise ValueError(
            f"{path} holds images of the single class {classes[0]!r}: put each class into a folder"
            " of its own, or its name before the first dot of the file names"
        )
    for part in parts:
        for label, file in parts[part]:
            if label not in classes:
                raise ValueError(
                    f"{file} is of class {label!r}, which has no image to train on: the classes are"
                    f" {', '.join(classes)}"
                )


def _content(path: Path, parts: Mapping[str, _Labelled], settings: str) -> str:
    sha256 = hashlib.sha256(settings.encode())
    for part in parts:
        for label, file in parts[part]:
            content = hashlib.sha256(_bytes(file)).hexdigest()
            sha256.update(f"{part} {label} {content} {_relative(file, path)}\n".encode())
    return sha256.hexdigest()


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataCorruptError(f"{file} cannot be read ({error}): mend or remove it") from error


def _relative(file: Path, path: Path) -> str:
    return file.relative_to(path).as_posix()


def _decode(
    path: Path,
    parts: Mapping[str, _Labelled],
    classes: list[str],
    shape: tuple[int, int, int],
    background: tuple[int, ...],
) -> cache.Arrays:
    """Inputs and labels of each part, and as JSON what there is to say about its files."""
    from tqdm import tqdm

    from jaxnn.data.own import picture

    arrays, notes = cache.Arrays(), {"unreadable": list[str](), "animated": list[str]()}
    number = {label: index for index, label in enumerate(classes)}
    with tqdm(total=sum(map(len, parts.values())), desc="decoding images", disable=None) as bar:
        for part, labelled in parts.items():
            pixels, kept = np.empty((len(labelled), *shape), np.uint8), list[int]()
            for label, file in labelled:
                bar.update()
                try:
                    seen = picture.see(_bytes(file), shape, background)
                except DataCorruptError as error:
                    notes["unreadable"].append(f"{_relative(file, path)} ({error})")
                    continue
                if seen.frames > 1:
                    notes["animated"].append(_relative(file, path))
                pixels[len(kept)] = seen.pixels
                kept.append(number[label])
            arrays[f"{part}_inputs"] = pixels[: len(kept)]
            arrays[f"{part}_labels"] = np.array(kept, np.int32)
    arrays["notes"] = np.frombuffer(json.dumps(notes).encode(), np.uint8).copy()
    return arrays


def _check_unreadable(
    path: Path, unreadable: list[str], arrays: cache.Arrays, classes: list[str], *, skip: bool
) -> None:
    if not unreadable:
        return
    if not skip:
        raise DataCorruptError(
            f"{len(unreadable)} images cannot be read: {path}/{unreadable[0]} is the first; mend or"
            " remove them, or give skip_unreadable=True"
        )
    counts = np.bincount(arrays["train_labels"], minlength=len(classes))
    empty = [part for part in arrays if not len(arrays[part])]
    if not counts.all() or empty:
        what = empty[0].split("_")[0] if counts.all() else f"class {classes[int(counts.argmin())]}"
        raise DataCorruptError(
            f"no image of {what} in {path} can be read: {path}/{unreadable[0]} is the first of"
            f" {len(unreadable)}; mend them, or take its folder away"
        )
    _log.warning(
        "left out %d images that cannot be read: %s",
        len(unreadable),
        ", ".join(f"{path}/{line}" for line in unreadable),
    )


def _warn(path: Path, others: Sequence[Path], animated: list[str]) -> None:
    said = {
        "left out %d files in %s that are no images by their endings: %s": (
            sorted(_relative(file, path) for file in others)
        ),
        "took the first frame of %d files in %s that hold several: %s": animated,
    }
    for text, names in said.items():
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            _log.warning(text, len(names), path, ", ".join(names[:_NAMED]) + more)


def _dataset(
    arrays: cache.Arrays, name: str, classes: list[str], test_size: float | int, seed: int
) -> Dataset:
    held_out = [arrays.pop(f"validation_{kind}", None) for kind in ("inputs", "labels")]
    if test_size:
        x, y = arrays["train_inputs"], arrays["train_labels"]
        rows = splits.split_rows(y, test=test_size, seed=seed)
        arrays = {
            **{"train_inputs": x[rows.train], "train_labels": y[rows.train]},
            **{"test_inputs": x[rows.test], "test_labels": y[rows.test]},
        }
    made = from_arrays(**arrays, name=name, classes=classes, scale=255.0)
    inputs, labels = held_out
    if inputs is None or labels is None:
        return made
    validation = assemble(inputs, labels, classes=classes).train
    return dataclasses.replace(made, validation=validation)
