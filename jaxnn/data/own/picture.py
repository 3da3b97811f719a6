"""One picture file of any kind as a person sees it, within a stated size."""

import functools
import io
import warnings
from typing import Any, NamedTuple

import numpy as np
import PIL
from jaxtyping import UInt8
from PIL import Image, ImageColor, ImageOps

from jaxnn.data.errors import DataCorruptError
from jaxnn.data.images import MAX_PIXELS

# what Pillow only knows the name of, or hands to another program
_NO_PICTURES = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
_ANIMATED = {"AVIF", "DCX", "FLI", "GIF", "PNG", "TIFF", "WEBP"}  # frames; a phone's are previews
_SIXTEEN_BITS_AS_32 = {"PNG", "PPM"}  # formats whose mode I is 16 bits in wider numbers
VERSION = PIL.__version__  # of the decoders

Background = tuple[int, ...]


class Picture(NamedTuple):
    """The pixels, and how many frames the file holds: the pixels are those of the first."""

    pixels: UInt8[np.ndarray, "height width channels"]
    frames: int


@functools.cache
def formats() -> tuple[str, ...]:
    """The names of the formats that Pillow reads and of which files have an ending."""
    known = set(Image.registered_extensions().values())
    return tuple(sorted(known & set(Image.OPEN) - _NO_PICTURES))


@functools.cache
def endings() -> frozenset[str]:
    """The endings of their files, in small letters, with the dot."""
    readable = set(formats())
    return frozenset(end for end, form in Image.registered_extensions().items() if form in readable)


def colour(background: str | tuple[int, int, int]) -> Background:
    """Red, green and blue from 0 to 255 of a colour's name, as Pillow has them, or of themselves.

    Raises:
      ValueError: it is no colour.
    """
    try:
        rgb = ImageColor.getrgb(background) if isinstance(background, str) else tuple(background)
        if len(rgb) != 3 or not all(value in range(256) for value in rgb):
            raise ValueError
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"background={background!r} is no opaque colour: give a name such as 'white' or"
            " '#ff8800', or three numbers from 0 to 255"
        ) from error
    return rgb


def see(encoded: bytes, shape: tuple[int, int, int], background: Background) -> Picture:
    """What a viewer would show of the file, brought to a shape whatever its aspect was.

    Grey levels of 16 bits are divided by 257; what is transparent lies on the background; the
    picture is turned as its EXIF orientation says; palettes, CMYK and the like become colour. The
    size is changed by a triangle filter over all the pixels that fall into a new one.

    Args:
      encoded: the content of the file.
      shape: height, width and channels: 1 for grey (ITU-R 601 luma), 3 for colour.
      background: red, green and blue.

    Raises:
      DataCorruptError: it is no whole picture, is larger than MAX_PIXELS, or does not say which
        of its numbers is white.
    """
    height, width, channels = shape
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tags that are odd, beside pixels that are not
            with Image.open(io.BytesIO(encoded), formats=formats()) as image:
                if image.width * image.height > MAX_PIXELS:  # before it is unpacked
                    raise ValueError(f"{image.width} x {image.height} pixels are over {MAX_PIXELS}")
                frames = getattr(image, "n_frames", 1) if image.format in _ANIMATED else 1
                seen = _opaque(ImageOps.exif_transpose(image), image.format, background)
        seen = seen.convert("L" if channels == 1 else "RGB")
        if seen.size != (width, height):
            seen = seen.resize((width, height), Image.Resampling.BILINEAR)
        return Picture(np.asarray(seen, np.uint8).reshape(shape), frames)
    except MemoryError:
        raise
    except PIL.UnidentifiedImageError as error:
        what = "is none that Pillow knows" if encoded else "is empty"
        raise DataCorruptError(f"the file {what}") from error
    except Exception as error:  # Pillow's decoders share no error class
        raise DataCorruptError(str(error) or type(error).__name__) from error


def _opaque(image: Any, form: str | None, background: Background) -> Any:
    """Mode L or RGB."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(image, form, background)
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    if not image.has_transparency_data:
        return image.convert("L" if image.mode in ("1", "L") else "RGB")
    opacity = image.info.get("transparency")
    if isinstance(opacity, tuple) and max(opacity) > 255:  # of 16 bits; the pixels are cut to 8
        image.info["transparency"] = tuple(value >> 8 for value in opacity)
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (*background, 255)), image).convert(
        "RGB"
    )


def _eight_bits(image: Any, form: str | None, background: Background) -> Any:
    pixels = np.asarray(image)
    if image.mode == "F" or (image.mode == "I" and form not in _SIXTEEN_BITS_AS_32):
        kind = "floating numbers" if image.mode == "F" else "integers of 32 bits"
        raise ValueError(
            f"its pixels are {kind} from {pixels.min()} to {pixels.max()}, and nothing says which"
            " of them is white: save it with 8 or 16 bits"
        )
    grey = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)  # to the nearest
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return Image.fromarray(grey)
    rgb = np.repeat(grey[..., None], 3, axis=-1)
    return Image.fromarray(
        np.where((pixels == clear)[..., None], np.array(background, np.uint8), rgb)
    )
