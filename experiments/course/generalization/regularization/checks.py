"""What each method is said to do to activations, weights or images, asked of the library itself."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import augment, layers

DRAWS = 4_000  # masks, for a mean over them


def dropout_keeps_the_mean() -> bool:
    """In training what remains is divided by 1 - rate, so that the mean over masks is the input,
    within five standard errors; in evaluation nothing changes.
    """
    rate, x = 0.4, jnp.linspace(-1.0, 2.0, 16)
    layer = layers.dropout(rate)
    keys = jax.random.split(jax.random.key(0), DRAWS)
    drawn = jax.jit(jax.vmap(lambda key: layer.forward((), (), x, key, True)[0]))(keys)
    error = np.abs(drawn.mean(axis=0) - x)
    allowed = 5 * np.abs(x) * math.sqrt(rate / (1 - rate) / DRAWS)
    untouched, _, _ = layer.forward((), (), x, None, False)
    return bool((error <= allowed + 1e-5).all()) and bool((untouched == x).all())


def drop_connect_drops_single_weights() -> bool:
    """Each weight is 0 or W / (1 - rate), some of every unit's; in evaluation it is W."""
    rate, size = 0.4, 50
    layer = layers.drop_connect(size, rate, use_bias=False)
    params, state, _ = layer.init(jax.random.key(0), (size,))
    one_of_each = jnp.eye(size)  # so that the outputs are the weights
    thinned, _, _ = layer.forward(params, state, one_of_each, jax.random.key(1), True)
    whole, _, _ = layer.forward(params, state, one_of_each, None, False)
    kernel = params["kernel"]
    kept = thinned != 0
    scaled = np.isclose(np.where(kept, thinned, kernel / (1 - rate)), kernel / (1 - rate)).all()
    in_every_unit = bool((kept.any(axis=0) & (~kept).any(axis=0)).all())
    return bool(scaled) and in_every_unit and bool(np.allclose(whole, kernel))


def batch_norm_normalises() -> bool:
    """In training each feature has mean 0 and variance 1 over the batch; in evaluation what comes
    of an example does not depend on the others in its batch.
    """
    layer = layers.batch_norm(momentum=0.0, epsilon=1e-6)
    x = 3 + 5 * jax.random.normal(jax.random.key(0), (64, 8))
    params, state, _ = layer.init(jax.random.key(0), (8,))
    y, state, _ = layer.forward(params, state, x, None, True)
    unit = np.allclose(y.mean(axis=0), 0, atol=1e-4) and np.allclose(y.var(axis=0), 1, atol=1e-3)
    in_batch, alone = (layer.forward(params, state, part, None, False)[0] for part in (x, x[:1]))
    return unit and bool(np.allclose(in_batch[:1], alone, atol=1e-6))


def fractional_pooling_shrinks_by_any_ratio() -> bool:
    """floor(n / ratio) rows, for ratios from 1 to 2, over regions that differ from draw to draw."""
    for size in (8, 13, 28):
        for ratio in (1.0, 1.25, 1.5, 1.9, 2.0):
            pool = layers.fractional_max_pool2d(ratio)
            _, _, shape = pool.init(jax.random.key(0), (size, size, 1))
            if shape != (math.floor(size / ratio), math.floor(size / ratio), 1):
                return False
    pool = layers.fractional_max_pool2d(1.5)
    x = jnp.arange(169.0).reshape(1, 13, 13, 1)
    drawn = [pool.forward((), (), x, jax.random.key(seed), True)[0] for seed in range(8)]
    return any(not np.array_equal(drawn[0], other) for other in drawn[1:])


def stochastic_depth_skips() -> bool:
    """x + f(x) or x in training, each about as often as it should be, x + p f(x) in evaluation."""
    survival, branch = 0.7, layers.dense(4)
    layer = layers.stochastic_depth(branch, survival)
    params, state, _ = layer.init(jax.random.key(0), (4,))
    x = jax.random.normal(jax.random.key(1), (3, 4))
    f, _, _ = branch.forward(params, state, x, None, False)
    keys = jax.random.split(jax.random.key(2), DRAWS)
    forward_fn = jax.jit(jax.vmap(lambda key: layer.forward(params, state, x, key, True)[0]))
    drawn = forward_fn(keys)
    whole, skipped = (np.isclose(drawn, y, atol=1e-6).all(axis=(1, 2)) for y in (x + f, x))
    evaluated, _, _ = layer.forward(params, state, x, None, False)
    allowed = 5 * math.sqrt(survival * (1 - survival) / DRAWS)
    return (
        bool((whole ^ skipped).all())
        and abs(float(whole.mean()) - survival) <= allowed
        and bool(np.allclose(evaluated, x + survival * f, atol=1e-6))
    )


def cutout_blanks_a_square() -> bool:
    """Of a white image the black pixels are a square, or what of it lies inside the image."""
    side, white = 3, jnp.ones((8, 8, 1))
    cut_fn = jax.jit(augment.cutout(side))
    for seed in range(20):
        black = np.asarray(cut_fn(jax.random.key(seed), white))[..., 0] == 0
        rows, columns = black.any(axis=1), black.any(axis=0)
        if not (black == np.outer(rows, columns)).all():
            return False
        if not (0 < rows.sum() <= side and 0 < columns.sum() <= side):
            return False
    return True


def mixup_mixes_labels_as_images() -> bool:
    """If the images are their own targets, they still are when mixed, of two at most."""
    own = jnp.eye(16)
    inputs, targets = augment.mixup(1.0)(jax.random.key(0), own, own)
    parts = np.asarray((targets > 0).sum(axis=1))
    return (
        bool(np.allclose(inputs, targets))
        and bool(np.allclose(targets.sum(axis=1), 1, atol=1e-6))
        and int(parts.max()) == 2
    )
