"""Erasing a part of an image, and mixing the examples of a batch."""

import jax
import jax.numpy as jnp

from jaxnn import checks
from jaxnn.augment.common import Augmentation, amount, check_image
from jaxnn.checks import Number


def cutout(size: Number) -> Augmentation:
    """A square of size x size pixels becomes 0  [DeVries and Taylor 2017, section 3.2].

    Its centre is any pixel, so that a part of it may lie outside of the image.
    """
    checks.nonnegative("size", size)

    def augmentation(key, image):
        check_image(image)
        side = jnp.floor(amount(size, image))
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
        strength = amount(alpha, inputs)
        used = jnp.where(strength > 0, strength, 1)  # Beta(0, 0) has no draws
        drawn = jax.random.beta(share_key, used, used, (len(inputs),), used.dtype)
        share = jnp.where(strength > 0, jnp.maximum(drawn, 1 - drawn), 1)

        def mixed(values):
            weight = jax.lax.expand_dims(share.astype(values.dtype), range(1, values.ndim))
            return weight * values + (1 - weight) * values[partners]

        return mixed(inputs), mixed(targets)

    return augmentation
