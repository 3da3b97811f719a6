"""What augmentations share: their types, draws in the image's precision, and checks."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.checks import Number

Image = Float[Array, "height width channels"]
Augmentation = Callable[..., Any]  # (key, image) -> image, or (key, inputs, targets) -> both


def uniform(key: Array, image: Array, shape: tuple[int, ...] = ()) -> Array:
    return jax.random.uniform(key, shape, working_dtype(image))


def symmetric(key: Array, strength: Number, image: Array, shape: tuple[int, ...] = ()) -> Array:
    """Draws from U(-strength, strength)."""
    return (2 * uniform(key, image, shape) - 1) * amount(strength, image)


def amount(value: Number, image: Array) -> Array:
    return jnp.asarray(value).astype(working_dtype(image))


def working_dtype(image: Array) -> Any:
    """At least float32: in bfloat16 there is no column 257."""
    return jnp.float64 if image.dtype == jnp.float64 else jnp.float32


def check_image(image: Array) -> None:
    if not jnp.issubdtype(image.dtype, jnp.floating):
        raise TypeError(f"an image must be of floats in [0, 1], got {image.dtype}")
    if image.ndim != 3:
        raise ValueError(f"an image must be [height, width, channels], got shape {image.shape}")


def check_colours(image: Array) -> None:
    check_image(image)
    if image.shape[-1] != 3:
        raise ValueError(f"colours need 3 channels, red, green and blue, got {image.shape[-1]}")


def check_within(name: str, value: Number, highest: float | int) -> None:
    checks.nonnegative(name, value)
    if not isinstance(value, jax.core.Tracer) and value > highest:
        raise ValueError(f"{name} must be in [0, {highest:.4g}], got {value}")
