"""Colour: brightness, contrast, saturation and hue."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array

from jaxnn.augment.common import (
    Augmentation,
    Image,
    amount,
    check_colours,
    check_image,
    check_within,
    symmetric,
    working_dtype,
)
from jaxnn.augment.compose import chain
from jaxnn.checks import Number

LUMA = (0.299, 0.587, 0.114)  # the weights of red, green and blue in grey  [ITU-R BT.601]


def adjust_brightness(image: Image, change: Number) -> Image:
    """Adds the change to every pixel, and cuts off at 0 and 1."""
    return _adjusted(image, lambda pixels: pixels + amount(change, image))


def brightness(max_change: Number) -> Augmentation:
    """`adjust_brightness` by U(-max_change, max_change), with max_change in [0, 1]."""
    check_within("max_change", max_change, 1)
    return lambda key, image: adjust_brightness(image, symmetric(key, max_change, image))


def adjust_contrast(image: Image, factor: Number) -> Image:
    """Multiplies each channel's distance from its mean by the factor, and cuts off at 0 and 1."""

    def change(pixels):
        mean = jnp.broadcast_to(pixels.mean(axis=(0, 1), keepdims=True), pixels.shape)
        return _mix(mean, pixels, factor)

    return _adjusted(image, change)


def contrast(max_change: Number) -> Augmentation:
    """`adjust_contrast` by U(1 - max_change, 1 + max_change), with max_change in [0, 1]."""
    check_within("max_change", max_change, 1)
    return lambda key, image: adjust_contrast(image, 1 + symmetric(key, max_change, image))


def adjust_saturation(image: Image, factor: Number) -> Image:
    """Multiplies each pixel's distance from its grey by the factor, and cuts off at 0 and 1.

    A factor of 0 gives the grey image, with the weights `LUMA`.
    """
    check_colours(image)

    def change(pixels):
        grey = pixels @ jnp.asarray(LUMA, pixels.dtype)
        return _mix(jnp.broadcast_to(grey[..., None], pixels.shape), pixels, factor)

    return _adjusted(image, change)


def saturation(max_change: Number) -> Augmentation:
    """`adjust_saturation` by U(1 - max_change, 1 + max_change), with max_change in [0, 1]."""
    check_within("max_change", max_change, 1)
    return lambda key, image: adjust_saturation(image, 1 + symmetric(key, max_change, image))


def adjust_hue(image: Image, turn: Number) -> Image:
    """Turns the hue H by so much of the colour circle; S and V of HSV stay  [Smith 1978].

    A turn of 1/3 makes green of red, blue of green and red of blue.
    """
    check_colours(image)

    def change(pixels):
        value, chroma = pixels.max(axis=-1), pixels.max(axis=-1) - pixels.min(axis=-1)
        divisor = jnp.where(chroma == 0, 1, chroma)
        red, green, blue = jnp.unstack(pixels, axis=-1)
        # Not `red == value`: XLA may compute the pixels twice, and round them otherwise.
        hue = jnp.select(  # in sixths of the circle
            [(red >= green) & (red >= blue), green >= blue],
            [(green - blue) / divisor, (blue - red) / divisor + 2],
            (red - green) / divisor + 4,
        )
        hue = hue + 6 * amount(turn, image)
        # A channel falls from the maximum to the minimum as the hue moves away from its own.
        away = [jnp.mod(hue + offset, 6) for offset in (5, 3, 1)]
        fallen = [jnp.clip(jnp.minimum(k, 4 - k), 0, 1) for k in away]
        return jnp.stack([value - chroma * share for share in fallen], axis=-1)

    return _adjusted(image, change)


def hue(max_turn: Number) -> Augmentation:
    """`adjust_hue` by U(-max_turn, max_turn) of the colour circle, with max_turn in [0, 1/2]."""
    check_within("max_turn", max_turn, 1 / 2)
    return lambda key, image: adjust_hue(image, symmetric(key, max_turn, image))


def color_jitter(
    max_brightness: Number, max_contrast: Number, max_saturation: Number, max_hue: Number
) -> Augmentation:
    """`brightness`, `contrast`, `saturation` and `hue`, one after the other."""
    return chain(
        brightness(max_brightness), contrast(max_contrast), saturation(max_saturation), hue(max_hue)
    )


def _adjusted(image: Image, change: Callable) -> Image:
    check_image(image)
    return jnp.clip(change(image.astype(working_dtype(image))), 0, 1).astype(image.dtype)


def _mix(start: Array, end: Array, share: Number) -> Array:
    """Start for a share of 0, end for a share of 1, exactly; beyond the end for more."""
    share = jnp.asarray(share).astype(end.dtype)
    return end + (share - 1) * (end - start)
