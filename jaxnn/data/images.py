"""One encoded image to an array, within a stated size."""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxnn.data.errors import DataCorruptError

MAX_PIXELS = 1 << 26  # of one encoded image; 64 Mi of three bytes each while it is unpacked

_MODES = {1: "L", 3: "RGB"}


def decode(
    encoded: bytes, shape: tuple[int, ...], *, resize: bool = False
) -> UInt8[np.ndarray, "height width channels"]:
    """The pixels of a PNG or JPEG image.

    Args:
      encoded: the content of the file.
      shape: height, width and channels: 1 for grey, 3 for colour.
      resize: brings an image of any size and mode to that shape, whatever its aspect  [r_tutorial
        2.5], by a triangle filter over all the pixels that fall into a new one. Otherwise the
        image must have that shape.

    Raises:
      DataCorruptError: it is no such image, or larger than MAX_PIXELS.
    """
    height, width, channels = shape
    if channels not in _MODES:
        raise ValueError(f"shape {list(shape)} has {channels} channels: give 1 or 3")
    try:
        with Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MAX_PIXELS:  # before it is unpacked
                raise ValueError(f"{image.width} x {image.height} pixels are over {MAX_PIXELS}")
            if not resize and (image.height, image.width, len(image.getbands())) != shape:
                raise ValueError(f"an image is {image.size} {image.mode} instead of {list(shape)}")
            pixels = image.convert(_MODES[channels]) if resize else image
            if resize and pixels.size != (width, height):
                pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(pixels, np.uint8).reshape(height, width, channels)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders share no error class
        raise DataCorruptError(str(error) or type(error).__name__) from error
