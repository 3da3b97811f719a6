"""Reads a prepared TFDS array_record folder into arrays; imports no TensorFlow."""

from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import hashing
from tqdm import tqdm

from jaxnn.data import images
from jaxnn.data.cache import Arrays
from jaxnn.data.errors import DataCorruptError
from jaxnn.data.published import Published

_CHUNK = 1000  # records read at once; one by one takes twice as long


def read(published: Published, folder: Path) -> Arrays:
    """All examples, as {split}_inputs [n, *shape] and {split}_labels int32 [n].

    The inputs are uint8 for images, float32 for tables.

    They come in the order in which they were published: TFDS sorts the examples of a split by
    md5(split + key), and the key of these sets is the example's number.

    Args:
      published: what the folder must hold.
      folder: the version folder, with dataset_info.json in it.

    Raises:
      DataCorruptError: the folder is not what TFDS prepares; the message names it.
    """
    try:
        return _read(published, folder)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # array_record, protobuf and pillow share no error class
        raise DataCorruptError(
            f"{folder} cannot be read ({error}): remove that folder and load again, "
            "which downloads and prepares it"
        ) from error


def _read(published: Published, folder: Path) -> Arrays:
    shape, sizes = published.shape, published.sizes
    builder = tfds.builder_from_directory(folder)
    if builder.info.file_format.value != "array_record":
        raise ValueError(f"its format is {builder.info.file_format.value}, not array_record")
    is_image = len(shape) == 3
    decoders = {"image": tfds.decode.SkipDecoding()} if is_image else None

    def decode_fn(record: dict) -> np.ndarray:
        if is_image:
            return images.decode(record["image"], shape, resize=published.resize)
        return record["inputs"]

    arrays: Arrays = {}
    bar = tqdm(total=sum(sizes.values()), desc=f"decoding {published.name}", disable=None)
    with bar:
        for split, size in sizes.items():
            source = builder.as_data_source(split, decoders=decoders)
            if len(source) != size:
                raise ValueError(f"{split} has {len(source)} examples instead of {size}")
            order = sorted(range(size), key=hashing.Hasher(split).hash_key)
            inputs = np.empty((size, *shape), np.uint8 if is_image else np.float32)
            labels = np.empty(size, np.int32)
            for start in range(0, size, _CHUNK):
                chunk = order[start : start + _CHUNK]
                records = source.__getitems__(list(range(start, start + len(chunk))))
                for index, record in zip(chunk, records, strict=True):
                    inputs[index] = decode_fn(record)
                    labels[index] = record["label"]
                bar.update(len(chunk))
            arrays[f"{split}_inputs"], arrays[f"{split}_labels"] = inputs, labels
    return arrays
