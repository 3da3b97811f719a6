"""The publishers' own files to examples, form by form; read with the standard library alone.

Each form is a function of what was published and of its files, and gives the examples of each
split in the order of publication: (encoded PNG or JPEG image, or features; label).
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from jaxnn.data import images
from jaxnn.data.errors import DataCorruptError
from jaxnn.data.published import archives, cifar, idx
from jaxnn.data.published.release import Published

Files = Mapping[str, Path]
_SPARE = 100  # numbers to go on to where a file is no image

ExampleOf = Iterator[tuple[bytes | np.ndarray, int]]


def idx_files(published: Published, files: Files) -> dict[str, ExampleOf]:
    """MNIST and its relatives: images and labels of a split in an IDX file each."""
    return {
        split: _idx_pair(
            files[f"{prefix}-images-idx3-ubyte.gz"], files[f"{prefix}-labels-idx1-ubyte.gz"]
        )
        for split, prefix in {"train": "train", "test": "t10k"}.items()
    }


def cifar_archive(published: Published, files: Files) -> dict[str, ExampleOf]:
    """CIFAR-10: data_batch_1.bin, ... and test_batch.bin in one tar.gz."""
    (path,) = files.values()
    members = archives.tar_members(path)
    batches = {name.rsplit("/", 1)[-1]: name for name in sorted(members)}

    def examples_fn(start: str) -> ExampleOf:
        for short, name in batches.items():
            if short.startswith(start) and short.endswith(".bin"):
                where = f"{path}: {name}"
                shape, classes = published.shape, len(published.classes)
                for image, label in zip(
                    *cifar.parse(members[name], shape, classes, where), strict=True
                ):
                    yield _png(image), int(label)

    return {"train": examples_fn("data_batch"), "test": examples_fn("test_batch")}


def zoo_table(published: Published, files: Files) -> dict[str, ExampleOf]:
    """A name, the features, and the class from 1, in each row; without a header."""
    (path,) = files.values()
    width = published.shape[0] + 2

    def examples_fn() -> ExampleOf:
        with open(path, newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file), 1):
                try:
                    if row and len(row) != width:
                        raise ValueError(f"{len(row)} cells instead of {width}")
                    if row:
                        yield np.array(row[1:-1], np.float32), int(row[-1]) - 1
                except ValueError as error:
                    raise DataCorruptError(f"{path}, row {number}: {error}") from error

    return {"train": examples_fn()}


def image_zip(published: Published, files: Files) -> dict[str, ExampleOf]:
    """Images in one zip as [split/]class/name or [split/]class.number.jpg."""
    (path,) = files.values()
    return _by_split(published, lambda: archives.zip_members(path))


def pet_archive(published: Published, files: Files) -> dict[str, ExampleOf]:
    """PetImages/Cat/1.jpg, ... in the zip of Microsoft: as many as are published, by their numbers.

    Of each class the first from number 1 on to train, the first from 4001 on to test. Some of the
    files are no image: their places go to the next numbers.
    """
    (path,) = files.values()

    def examples_fn(split: str) -> ExampleOf:
        count = published.per_class[split]
        first = {"train": 1, "test": 4001}[split]
        pattern = re.compile(r"PetImages/(Cat|Dog)/(\d{1,5})\.jpg")

        def wanted_fn(name: str) -> bool:
            match = pattern.fullmatch(name)
            return match is not None and first <= int(match[2]) < first + count + _SPARE

        content = dict(archives.zip_members(path, wanted=wanted_fn))
        for label, kind in enumerate(("Cat", "Dog")):
            missing = count
            for number in range(first, first + count + _SPARE):
                encoded = content.get(f"PetImages/{kind}/{number}.jpg", b"")
                if missing and _is_image(encoded, published.shape):
                    missing -= 1
                    yield encoded, label
            if missing:
                raise DataCorruptError(
                    f"{path} lacks {missing} of {count} images of PetImages/{kind} from {first} on"
                )

    return {split: examples_fn(split) for split in published.sizes}


def image_folder(published: Published, files: Files) -> dict[str, ExampleOf]:
    """Images in a folder, named as in image_zip."""
    return _by_split(published, lambda: ((name, path.read_bytes()) for name, path in files.items()))


FORMS: dict[str, Callable[[Published, Files], dict[str, ExampleOf]]] = {
    "idx": idx_files,
    "cifar": cifar_archive,
    "zoo": zoo_table,
    "zip": image_zip,
    "pets": pet_archive,
    "folder": image_folder,
}


def _idx_pair(images: Path, labels: Path) -> ExampleOf:
    pixels, classes = idx.read(images), idx.read(labels)
    if len(pixels) != len(classes):
        raise DataCorruptError(
            f"{images} has {len(pixels)} images, but {labels} has {len(classes)} labels"
        )
    for image, label in zip(pixels, classes, strict=True):
        yield _png(image), int(label)


def _by_split(
    published: Published, named: Callable[[], Iterator[tuple[str, bytes]]]
) -> dict[str, ExampleOf]:
    def examples_fn(split: str) -> ExampleOf:
        for name, content in named():
            parts = name.split("/")
            if len(published.sizes) > 1 and parts.pop(0) != split:
                continue
            label = parts[0] if parts[1:] else parts[0].split(".")[0]
            if label not in published.classes:
                raise DataCorruptError(f"{name} is of none of {len(published.classes)} classes")
            yield content, published.classes.index(label)

    return {split: examples_fn(split) for split in published.sizes}


def _is_image(encoded: bytes, shape: tuple[int, ...]) -> bool:
    try:
        images.decode(encoded, shape, resize=True)
    except DataCorruptError:
        return False
    return True


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
