"""Geometry: each change says where in the input a pixel of the output comes from."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.augment.common import (
    Augmentation,
    Image,
    amount,
    check_image,
    check_within,
    symmetric,
    uniform,
    working_dtype,
)
from jaxnn.checks import Number

Coordinates = Float[Array, "height width"]


def resample(image: Image, y: Coordinates, x: Coordinates) -> Image:
    """output[i, j] = image at row y[i, j] and column x[i, j], by linear interpolation.

    The image is surrounded by 0: half a pixel beyond its border it has half its value, and one
    pixel beyond nothing is left.
    """
    check_image(image)
    dtype = working_dtype(image)
    coordinates = [y.astype(dtype), x.astype(dtype)]

    def one_channel(channel):
        return map_coordinates(channel, coordinates, order=1, mode="constant", cval=0.0)

    channels = jax.vmap(one_channel, in_axes=-1, out_axes=-1)(image.astype(dtype))
    return channels.astype(image.dtype)


def _warp(image: Image, source: Callable) -> Image:
    """Resamples at source(y, x), for the pixels (y, x) of the output counted from the centre."""
    check_image(image)
    bottom, right = (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2
    dtype = working_dtype(image)
    y, x = jnp.meshgrid(
        jnp.arange(image.shape[0], dtype=dtype) - bottom,
        jnp.arange(image.shape[1], dtype=dtype) - right,
        indexing="ij",
    )
    y, x = source(y, x)
    return resample(image, y + bottom, x + right)


def translate(image: Image, down: Number, right: Number) -> Image:
    """Moves the image by so many pixels, which need not be whole."""
    down, right = amount(down, image), amount(right, image)
    return _warp(image, lambda y, x: (y - down, x - right))


def translation(max_pixels: Number) -> Augmentation:
    """`translate` by U(-max_pixels, max_pixels), down and right independently."""
    checks.nonnegative("max_pixels", max_pixels)

    def augmentation(key, image):
        down, right = symmetric(key, max_pixels, image, (2,))
        return translate(image, down, right)

    return augmentation


def rotate(image: Image, degrees: Number) -> Image:
    """Turns the image around its centre, anticlockwise as one looks at it."""
    angle = amount(degrees, image) * (math.pi / 180)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return _warp(image, lambda y, x: (cos * y + sin * x, cos * x - sin * y))


def rotation(max_degrees: Number) -> Augmentation:
    """`rotate` by U(-max_degrees, max_degrees), with max_degrees in [0, 180]."""
    check_within("max_degrees", max_degrees, 180)
    return lambda key, image: rotate(image, symmetric(key, max_degrees, image))


def stretch(image: Image, vertical: Number, horizontal: Number) -> Image:
    """Makes the image so many times as high and as wide around its centre, and keeps its shape."""
    vertical, horizontal = amount(vertical, image), amount(horizontal, image)
    return _warp(image, lambda y, x: (y / vertical, x / horizontal))


def random_stretch(max_stretch: Number) -> Augmentation:
    """`stretch` by (1 + max_stretch)^u, u in U(-1, 1), vertically and horizontally independent."""
    checks.nonnegative("max_stretch", max_stretch)

    def augmentation(key, image):
        log_largest = jnp.log1p(amount(max_stretch, image))
        vertical, horizontal = jnp.exp(symmetric(key, log_largest, image, (2,)))
        return stretch(image, vertical, horizontal)

    return augmentation


def shear(image: Image, slope: Number) -> Image:
    """Pushes each row to the right by slope times its height above the centre."""
    slope = amount(slope, image)
    return _warp(image, lambda y, x: (y, x + slope * y))


def random_shear(max_slope: Number) -> Augmentation:
    """`shear` by U(-max_slope, max_slope)."""
    checks.nonnegative("max_slope", max_slope)
    return lambda key, image: shear(image, symmetric(key, max_slope, image))


def distort(image: Image, strength: Number) -> Image:
    """What a lens makes of the image: a barrel for strength > 0, a pincushion for strength < 0.

    The pixel at radius r comes from radius r (1 + strength r^2), with r = 1 in the corners: the
    first radial term of [Brown 1966]. It is one to one for strength > -1/3.
    """
    check_image(image)
    strength = amount(strength, image)
    height, width, _ = image.shape
    corner = max(((height - 1) ** 2 + (width - 1) ** 2) / 4, 1)  # its radius, squared

    def source(y, x):
        factor = 1 + strength * ((y * y + x * x) / corner)
        return y * factor, x * factor

    return _warp(image, source)


def lens_distortion(max_strength: Number) -> Augmentation:
    """`distort` by U(-max_strength, max_strength), with max_strength in [0, 1/3]."""
    check_within("max_strength", max_strength, 1 / 3)
    return lambda key, image: distort(image, symmetric(key, max_strength, image))


def crop_and_resize(min_side: Number) -> Augmentation:
    """A window with U(min_side, 1) of each side, anywhere in the image, enlarged to its size.

    Its proportions are the image's; with `random_stretch` before it, they vary, as in [Szegedy et
    al. 2015, section 6]. min_side is in [0, 1]; at 1 nothing is cropped.
    """
    check_within("min_side", min_side, 1)

    def augmentation(key, image):
        side_key, place_key = jax.random.split(key)
        share = uniform(side_key, image)
        side = 1 - share * (1 - amount(min_side, image))
        down, right = symmetric(place_key, 1 - side, image, (2,))
        height, width = (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2
        return _warp(image, lambda y, x: (side * y + down * height, side * x + right * width))

    return augmentation


def pad_and_crop(padding: int) -> Augmentation:
    """Pads by so many pixels of 0 on each side, and crops anywhere to the size of before.

    So the image moves by a whole number of pixels [Lee et al. 2015, section 3.1].
    """
    if isinstance(padding, bool) or not isinstance(padding, int):
        raise TypeError(f"padding must be an int, got {padding!r}")
    checks.nonnegative("padding", padding)

    def augmentation(key, image):
        check_image(image)
        padded = jnp.pad(image, ((padding, padding), (padding, padding), (0, 0)))
        top, left = jax.random.randint(key, (2,), 0, 2 * padding + 1)
        return jax.lax.dynamic_slice(padded, (top, left, jnp.zeros_like(top)), image.shape)

    return augmentation


def horizontal_flip(probability: Number = 0.5) -> Augmentation:
    """Exchanges left and right with this probability."""
    return _flip(probability, axis=1)


def vertical_flip(probability: Number = 0.5) -> Augmentation:
    """Turns the image upside down with this probability."""
    return _flip(probability, axis=0)


def _flip(probability: Number, axis: int) -> Augmentation:
    check_within("probability", probability, 1)

    def augmentation(key, image):
        check_image(image)
        is_flipped = uniform(key, image) < amount(probability, image)
        return jnp.where(is_flipped, jnp.flip(image, axis), image)

    return augmentation
