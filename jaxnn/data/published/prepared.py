"""Reads a prepared TFDS array_record folder into arrays; imports no TensorFlow."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import hashing
from tqdm import tqdm

from jaxnn.data import images
from jaxnn.data.cache import Arrays
from jaxnn.data.errors import DataCorruptError
from jaxnn.data.published.release import Published

_CHUNK = 1000  # records read at once; one by one takes twice as long


def read(published: Published, folder: Path, splits: Iterable[str] | None = None) -> Arrays:
    """All examples, as {split}_inputs [n, *shape] and {split}_labels int32 [n].

    The inputs are uint8 for images, float32 for tables.

    Args:
      published: what the folder must hold.
      folder: the version folder, with dataset_info.json in it.
      splits: which of them; None for all.

    Raises:
      DataCorruptError: the folder is not what TFDS prepares; the message names it.
    """
    sizes = {split: published.sizes[split] for split in splits or published.sizes}
    arrays: Arrays = {}
    bar = tqdm(total=sum(sizes.values()), desc=f"decoding {published.name}", disable=None)
    with bar:
        for split, size in sizes.items():
            records = Records(published, folder, split)
            inputs = np.empty((size, *published.shape), records.dtype)
            labels = np.empty(size, np.int32)
            for start in range(0, size, _CHUNK):
                at_once = records.stored[start : start + _CHUNK]  # as they lie, which is faster
                inputs[at_once], labels[at_once] = records.__getitems__(at_once)
                bar.update(len(at_once))
            arrays[f"{split}_inputs"], arrays[f"{split}_labels"] = inputs, labels
    return arrays


class Records:
    """The examples of a split as they are asked for; threads may ask at the same time.

    They come in the order in which they were published: TFDS sorts the examples of a split by
    md5(split + key), and the key of these sets is the example's number.

    Attributes:
      dtype: of the inputs.
      stored: the numbers of the examples in the order in which they lie in the folder.
    """

    def __init__(self, published: Published, folder: Path, split: str):
        self._published, self._folder = published, folder
        size, is_image = published.sizes[split], len(published.shape) == 3
        with _named(folder):
            builder = tfds.builder_from_directory(folder)
            if builder.info.file_format.value != "array_record":
                raise ValueError(
                    f"its format is {builder.info.file_format.value}, not array_record"
                )
            decoders = {"image": tfds.decode.SkipDecoding()} if is_image else None
            self._source = builder.as_data_source(split, decoders=decoders)
            if len(self._source) != size:
                raise ValueError(f"{split} has {len(self._source)} examples instead of {size}")
        self.dtype = np.dtype(np.uint8 if is_image else np.float32)
        self.stored = np.array(sorted(range(size), key=hashing.Hasher(split).hash_key))
        self._place_of = np.argsort(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

    def __getitems__(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels of these examples."""
        shape, resize = self._published.shape, self._published.resize
        inputs, labels = np.empty((len(rows), *shape), self.dtype), np.empty(len(rows), np.int32)
        with _named(self._folder):
            records = self._source.__getitems__(self._place_of[rows].tolist())
            for index, record in enumerate(records):
                if len(shape) == 3:
                    inputs[index] = images.decode(record["image"], shape, resize=resize)
                else:
                    inputs[index] = record["inputs"]
                labels[index] = record["label"]
        return inputs, labels


@contextlib.contextmanager
def _named(folder: Path) -> Iterator[None]:
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # array_record, protobuf and pillow share no error class
        raise DataCorruptError(
            f"{folder} cannot be read ({error}): remove that folder and load again, "
            "which downloads and prepares it"
        ) from error
