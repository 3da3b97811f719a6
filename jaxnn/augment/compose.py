"""Augmentations one after the other, of images or of whole batches."""

import jax

from jaxnn.augment.common import Augmentation


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
