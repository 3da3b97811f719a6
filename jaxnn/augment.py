"""Image augmentations: pure functions of a key and an image, drawn anew for each image and step.

A change of known size is a function of one image [height, width, channels], such as `rotate(image,
degrees)`. The augmentation, `rotation(max_degrees)`, is a function (key, image) -> image that draws
the size. `per_image` maps augmentations over a batch, as `train.Run(augment=...)` takes them:

    augment.per_image(augment.horizontal_flip(), augment.rotation(15.0))

Pixels are floats in [0, 1] and stay there; the dtype is kept. Geometry is a map of coordinates, by
`resample`: linear between pixels, and 0 beyond the border. Strengths may be traced, and are swept
like any hyperparameter; a strength of 0 leaves the image as it is.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.checks import Number

Image = Float[Array, "height width channels"]
Coordinates = Float[Array, "height width"]
Augmentation = Callable[..., Any]  # (key, image) -> image, or (key, inputs, targets) -> both

LUMA = (0.299, 0.587, 0.114)  # the weights of red, green and blue in grey  [ITU-R BT.601]


def per_image(*augmentations: Augmentation) -> Augmentation:
    """One after the other on every image of a batch, each image with draws of its own.

    Returns:
      (key, images, targets) -> (images, targets): what `train.Run(augment=...)` takes.
    """
    one = chain(*augmentations)

    def batched(key, images, targets):
        return jax.vmap(one)(jax.random.split(key, len(images)), images), targets

    return batched


def chain(*augmentations: Augmentation) -> Augmentation:
    """One after the other, each with a key of its own: all of images, or all of batches."""
    for position, augmentation in enumerate(augmentations):
        if not callable(augmentation):
            raise TypeError(f"augmentation {position} must be a function, got {augmentation!r}")

    def chained(key, *values):
        for position, augmentation in enumerate(augmentations):
            values = augmentation(jax.random.fold_in(key, position), *values)
            values = values if isinstance(values, tuple) else (values,)
        return values if len(values) > 1 else values[0]

    return chained


# Geometry: each change says where in the input a pixel of the output comes from


def resample(image: Image, y: Coordinates, x: Coordinates) -> Image:
    """output[i, j] = image at row y[i, j] and column x[i, j], by linear interpolation.

    The image is surrounded by 0: half a pixel beyond its border it has half its value, and one
    pixel beyond nothing is left.
    """
    _check_image(image)
    dtype = _working_dtype(image)
    coordinates = [y.astype(dtype), x.astype(dtype)]

    def one_channel(channel):
        return map_coordinates(channel, coordinates, order=1, mode="constant", cval=0.0)

    channels = jax.vmap(one_channel, in_axes=-1, out_axes=-1)(image.astype(dtype))
    return channels.astype(image.dtype)


def _warp(image: Image, source: Callable) -> Image:
    """Resamples at source(y, x), for the pixels (y, x) of the output counted from the centre."""
    _check_image(image)
    bottom, right = (image.shape[0] - 1) / 2, (image.shape[1] - 1) / 2
    dtype = _working_dtype(image)
    y, x = jnp.meshgrid(
        jnp.arange(image.shape[0], dtype=dtype) - bottom,
        jnp.arange(image.shape[1], dtype=dtype) - right,
        indexing="ij",
    )
    y, x = source(y, x)
    return resample(image, y + bottom, x + right)


def translate(image: Image, down: Number, right: Number) -> Image:
    """Moves the image by so many pixels, which need not be whole."""
    down, right = _amount(down, image), _amount(right, image)
    return _warp(image, lambda y, x: (y - down, x - right))


def translation(max_pixels: Number) -> Augmentation:
    """`translate` by U(-max_pixels, max_pixels), down and right independently."""
    checks.nonnegative("max_pixels", max_pixels)

    def augmentation(key, image):
        down, right = _symmetric(key, max_pixels, image, (2,))
        return translate(image, down, right)

    return augmentation


def rotate(image: Image, degrees: Number) -> Image:
    """Turns the image around its centre, anticlockwise as one looks at it."""
    angle = _amount(degrees, image) * (math.pi / 180)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return _warp(image, lambda y, x: (cos * y + sin * x, cos * x - sin * y))


def rotation(max_degrees: Number) -> Augmentation:
    """`rotate` by U(-max_degrees, max_degrees), with max_degrees in [0, 180]."""
    _check_within("max_degrees", max_degrees, 180)
    return lambda key, image: rotate(image, _symmetric(key, max_degrees, image))


def stretch(image: Image, vertical: Number, horizontal: Number) -> Image:
    """Makes the image so many times as high and as wide around its centre, and keeps its shape."""
    vertical, horizontal = _amount(vertical, image), _amount(horizontal, image)
    return _warp(image, lambda y, x: (y / vertical, x / horizontal))


def random_stretch(max_stretch: Number) -> Augmentation:
    """`stretch` by (1 + max_stretch)^u, u in U(-1, 1), vertically and horizontally independent."""
    checks.nonnegative("max_stretch", max_stretch)

    def augmentation(key, image):
        log_largest = jnp.log1p(_amount(max_stretch, image))
        vertical, horizontal = jnp.exp(_symmetric(key, log_largest, image, (2,)))
        return stretch(image, vertical, horizontal)

    return augmentation


def shear(image: Image, slope: Number) -> Image:
    """Pushes each row to the right by slope times its height above the centre."""
    slope = _amount(slope, image)
    return _warp(image, lambda y, x: (y, x + slope * y))


def random_shear(max_slope: Number) -> Augmentation:
    """`shear` by U(-max_slope, max_slope)."""
    checks.nonnegative("max_slope", max_slope)
    return lambda key, image: shear(image, _symmetric(key, max_slope, image))


def distort(image: Image, strength: Number) -> Image:
    """What a lens makes of the image: a barrel for strength > 0, a pincushion for strength < 0.

    The pixel at radius r comes from radius r (1 + strength r^2), with r = 1 in the corners: the
    first radial term of [Brown 1966]. It is one to one for strength > -1/3.
    """
    _check_image(image)
    strength = _amount(strength, image)
    height, width, _ = image.shape
    corner = max(((height - 1) ** 2 + (width - 1) ** 2) / 4, 1)  # its radius, squared

    def source(y, x):
        factor = 1 + strength * ((y * y + x * x) / corner)
        return y * factor, x * factor

    return _warp(image, source)


def lens_distortion(max_strength: Number) -> Augmentation:
    """`distort` by U(-max_strength, max_strength), with max_strength in [0, 1/3]."""
    _check_within("max_strength", max_strength, 1 / 3)
    return lambda key, image: distort(image, _symmetric(key, max_strength, image))


def crop_and_resize(min_side: Number) -> Augmentation:
    """A window with U(min_side, 1) of each side, anywhere in the image, enlarged to its size.

    Its proportions are the image's; with `random_stretch` before it, they vary, as in [Szegedy et
    al. 2015, section 6]. min_side is in [0, 1]; at 1 nothing is cropped.
    """
    _check_within("min_side", min_side, 1)

    def augmentation(key, image):
        side_key, place_key = jax.random.split(key)
        share = _uniform(side_key, image)
        side = 1 - share * (1 - _amount(min_side, image))
        down, right = _symmetric(place_key, 1 - side, image, (2,))
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
        _check_image(image)
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
    _check_within("probability", probability, 1)

    def augmentation(key, image):
        _check_image(image)
        is_flipped = _uniform(key, image) < _amount(probability, image)
        return jnp.where(is_flipped, jnp.flip(image, axis), image)

    return augmentation


# Colour


def adjust_brightness(image: Image, change: Number) -> Image:
    """Adds the change to every pixel, and cuts off at 0 and 1."""
    return _adjusted(image, lambda pixels: pixels + _amount(change, image))


def brightness(max_change: Number) -> Augmentation:
    """`adjust_brightness` by U(-max_change, max_change), with max_change in [0, 1]."""
    _check_within("max_change", max_change, 1)
    return lambda key, image: adjust_brightness(image, _symmetric(key, max_change, image))


def adjust_contrast(image: Image, factor: Number) -> Image:
    """Multiplies each channel's distance from its mean by the factor, and cuts off at 0 and 1."""

    def change(pixels):
        mean = jnp.broadcast_to(pixels.mean(axis=(0, 1), keepdims=True), pixels.shape)
        return _mix(mean, pixels, factor)

    return _adjusted(image, change)


def contrast(max_change: Number) -> Augmentation:
    """`adjust_contrast` by U(1 - max_change, 1 + max_change), with max_change in [0, 1]."""
    _check_within("max_change", max_change, 1)
    return lambda key, image: adjust_contrast(image, 1 + _symmetric(key, max_change, image))


def adjust_saturation(image: Image, factor: Number) -> Image:
    """Multiplies each pixel's distance from its grey by the factor, and cuts off at 0 and 1.

    A factor of 0 gives the grey image, with the weights `LUMA`.
    """
    _check_colours(image)

    def change(pixels):
        grey = pixels @ jnp.asarray(LUMA, pixels.dtype)
        return _mix(jnp.broadcast_to(grey[..., None], pixels.shape), pixels, factor)

    return _adjusted(image, change)


def saturation(max_change: Number) -> Augmentation:
    """`adjust_saturation` by U(1 - max_change, 1 + max_change), with max_change in [0, 1]."""
    _check_within("max_change", max_change, 1)
    return lambda key, image: adjust_saturation(image, 1 + _symmetric(key, max_change, image))


def adjust_hue(image: Image, turn: Number) -> Image:
    """Turns the hue H by so much of the colour circle; S and V of HSV stay  [Smith 1978].

    A turn of 1/3 makes green of red, blue of green and red of blue.
    """
    _check_colours(image)

    def change(pixels):
        value, chroma = pixels.max(axis=-1), pixels.max(axis=-1) - pixels.min(axis=-1)
        divisor = jnp.where(chroma == 0, 1, chroma)
        red, green, blue = jnp.unstack(pixels, axis=-1)
        hue = jnp.select(  # in sixths of the circle
            [red == value, green == value],
            [(green - blue) / divisor, (blue - red) / divisor + 2],
            (red - green) / divisor + 4,
        )
        hue = hue + 6 * _amount(turn, image)
        # A channel falls from the maximum to the minimum as the hue moves away from its own.
        away = [jnp.mod(hue + offset, 6) for offset in (5, 3, 1)]
        fallen = [jnp.clip(jnp.minimum(k, 4 - k), 0, 1) for k in away]
        return jnp.stack([value - chroma * share for share in fallen], axis=-1)

    return _adjusted(image, change)


def hue(max_turn: Number) -> Augmentation:
    """`adjust_hue` by U(-max_turn, max_turn) of the colour circle, with max_turn in [0, 1/2]."""
    _check_within("max_turn", max_turn, 1 / 2)
    return lambda key, image: adjust_hue(image, _symmetric(key, max_turn, image))


def color_jitter(
    max_brightness: Number, max_contrast: Number, max_saturation: Number, max_hue: Number
) -> Augmentation:
    """`brightness`, `contrast`, `saturation` and `hue`, one after the other."""
    return chain(
        brightness(max_brightness), contrast(max_contrast), saturation(max_saturation), hue(max_hue)
    )


def _adjusted(image: Image, change: Callable) -> Image:
    _check_image(image)
    return jnp.clip(change(image.astype(_working_dtype(image))), 0, 1).astype(image.dtype)


def _mix(start: Array, end: Array, share: Number) -> Array:
    """Start for a share of 0, end for a share of 1, exactly; beyond the end for more."""
    share = jnp.asarray(share).astype(end.dtype)
    return end + (share - 1) * (end - start)


# Erasing and mixing


def cutout(size: Number) -> Augmentation:
    """A square of size x size pixels becomes 0  [DeVries and Taylor 2017, section 3.2].

    Its centre is any pixel, so that a part of it may lie outside of the image.
    """
    checks.nonnegative("size", size)

    def augmentation(key, image):
        _check_image(image)
        side = jnp.floor(_amount(size, image))
        centre = jax.random.randint(key, (2,), 0, jnp.asarray(image.shape[:2]))
        first = centre.astype(side.dtype) - jnp.floor(side / 2)
        rows, columns = (
            (place >= start) & (place < start + side)
            for place, start in zip(
                (jnp.arange(length, dtype=side.dtype) for length in image.shape[:2]),
                first,
                strict=True,
            )
        )
        return jnp.where((rows[:, None] & columns[None, :])[..., None], 0, image)

    return augmentation


def mixup(alpha: Number) -> Augmentation:
    """Each example is mixed with another one of its batch  [Zhang et al. 2018, eq. 1].

        x = l x_i + (1 - l) x_j,  t = l t_i + (1 - l) t_j,  l ~ Beta(alpha, alpha)

    Of l and 1 - l we give the larger to example i, which changes no pair: so that i is the greater
    part of its mixture, and the accuracy is that of telling it.

    Args:
      alpha: >= 0; at 0 nothing is mixed, at 1 every l is as likely as any other.

    Returns:
      (key, inputs, targets) -> (inputs, targets), for targets of floats: with labels of classes,
      train.Run(targets=functools.partial(jax.nn.one_hot, num_classes=...)) and a loss of soft
      targets such as `losses.softmax_cross_entropy_with_soft_targets`.

    Raises:
      TypeError: (from the function) the targets are not floats.
    """
    checks.nonnegative("alpha", alpha)

    def augmentation(key, inputs, targets):
        if not jnp.issubdtype(targets.dtype, jnp.floating):
            raise TypeError(
                f"mixup takes targets of floats, got {targets.dtype}: make them one-hot by"
                " train.Run(targets=functools.partial(jax.nn.one_hot, num_classes=...))"
            )
        partner_key, share_key = jax.random.split(key)
        partners = jax.random.permutation(partner_key, len(inputs))
        strength = _amount(alpha, inputs)
        used = jnp.where(strength > 0, strength, 1)  # Beta(0, 0) has no draws
        drawn = jax.random.beta(share_key, used, used, (len(inputs),), used.dtype)
        share = jnp.where(strength > 0, jnp.maximum(drawn, 1 - drawn), 1)

        def mixed(values):
            weight = jax.lax.expand_dims(share.astype(values.dtype), range(1, values.ndim))
            return weight * values + (1 - weight) * values[partners]

        return mixed(inputs), mixed(targets)

    return augmentation


# What they share


def _uniform(key: Array, image: Array, shape: tuple[int, ...] = ()) -> Array:
    return jax.random.uniform(key, shape, _working_dtype(image))


def _symmetric(key: Array, strength: Number, image: Array, shape: tuple[int, ...] = ()) -> Array:
    """Draws from U(-strength, strength)."""
    return (2 * _uniform(key, image, shape) - 1) * _amount(strength, image)


def _amount(value: Number, image: Array) -> Array:
    return jnp.asarray(value).astype(_working_dtype(image))


def _working_dtype(image: Array) -> Any:
    """At least float32: in bfloat16 there is no column 257."""
    return jnp.float64 if image.dtype == jnp.float64 else jnp.float32


def _check_image(image: Array) -> None:
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise TypeError(f"an image must be of floats in [0, 1], got {image.dtype}")
    if image.ndim != 3:
        raise ValueError(f"an image must be [height, width, channels], got shape {image.shape}")


def _check_colours(image: Array) -> None:
    _check_image(image)
    if image.shape[-1] != 3:
        raise ValueError(f"colours need 3 channels, red, green and blue, got {image.shape[-1]}")


def _check_within(name: str, value: Number, highest: float | int) -> None:
    checks.nonnegative(name, value)
    if not isinstance(value, jax.core.Tracer) and value > highest:
        raise ValueError(f"{name} must be in [0, {highest:.4g}], got {value}")
