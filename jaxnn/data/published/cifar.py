"""The binary form of CIFAR-10: a label byte, then the red, the green and the blue plane."""

import math

import numpy as np
from jaxtyping import UInt8

from jaxnn.data.errors import DataCorruptError


def parse(
    content: bytes, shape: tuple[int, ...], num_classes: int, name: str
) -> tuple[UInt8[np.ndarray, "n height width channels"], UInt8[np.ndarray, " n"]]:
    """Images and labels of one batch file  [Krizhevsky 2009, the CIFAR-10 web page].

    Args:
      content: of the file.
      shape: height, width, channels of each image.
      num_classes: what every label is below.
      name: of the file, for messages.

    Raises:
      DataCorruptError: it is not a whole number of examples, or a label is none.
    """
    height, width, channels = shape
    size = 1 + math.prod(shape)
    if not content or len(content) % size:
        raise DataCorruptError(
            f"{name} has {len(content)} bytes, which is not a whole number of {size}: a label and"
            f" an image of {list(shape)} each"
        )
    rows = np.frombuffer(content, np.uint8).reshape(-1, size)
    labels = rows[:, 0]
    if labels.max() >= num_classes:
        row = int(np.argmax(labels))
        raise DataCorruptError(
            f"{name}: example {row} has label {labels[row]}, but there are {num_classes} classes"
        )
    planes = rows[:, 1:].reshape(-1, channels, height, width)
    return planes.transpose(0, 2, 3, 1), labels
