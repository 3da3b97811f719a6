"""All losses: how examples of each are drawn, and an independent implementation of it."""

import functools

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np
import optax

CLASSES = 5


def logits(random, batch):
    return random.normal(size=(*batch, CLASSES))


def distribution(random, batch):
    return random.dirichlet(np.ones(CLASSES), batch)


def log_probabilities(random, batch):
    return np.log(distribution(random, batch))


def labels(random, batch):
    return random.integers(0, CLASSES, batch)


def logit(random, batch):
    return 3 * random.normal(size=batch)


def probability(random, batch):
    return random.uniform(0.01, 0.99, batch)


def bit(random, batch):
    return random.integers(0, 2, batch)


def side(random, batch):
    return 2 * bit(random, batch) - 1


def smoothed(z, y):
    one_hot = jax.nn.one_hot(y, CLASSES, dtype=z.dtype)
    return optax.losses.softmax_cross_entropy(z, optax.losses.smooth_labels(one_hot, 0.1))


def log_probability_of_label(log_p, y):
    return -jnp.take_along_axis(log_p, y[..., None], -1)[..., 0]


def cross_entropy(p, t):
    """The divergence of p from t and the entropy of t together."""
    return optax.losses.kl_divergence(jnp.log(p), t) + jax.scipy.special.entr(t).sum(-1)


def mean_divergence_to_the_middle(p, t):
    relative = functools.partial(jax.scipy.special.rel_entr, q=(p + t) / 2)
    return (relative(p) + relative(t)).sum(-1) / 2


# loss: (its predictions, its targets, the independent implementation, which JAX can differentiate)
LOSSES = {
    "absolute_error": (
        logits, logits, lambda p, t: jnp.linalg.norm(p - t, ord=1, axis=-1) / CLASSES,
    ),
    "squared_error": (logits, logits, lambda p, t: optax.losses.squared_error(p, t).mean(-1)),
    "huber": (logits, logits, lambda p, t: optax.losses.huber_loss(p, t).mean(-1)),
    "binary_cross_entropy": (
        probability, bit,
        lambda p, y: optax.losses.sigmoid_binary_cross_entropy(
            jax.scipy.special.logit(p), y.astype(p.dtype)
        ),
    ),
    "sigmoid_binary_cross_entropy": (
        logit, bit,
        lambda z, y: optax.losses.sigmoid_binary_cross_entropy(z, y.astype(z.dtype)),
    ),
    "softmax_cross_entropy": (
        logits, labels, optax.losses.softmax_cross_entropy_with_integer_labels
    ),
    "negative_log_likelihood": (log_probabilities, labels, log_probability_of_label),
    "categorical_cross_entropy": (distribution, distribution, cross_entropy),
    "softmax_cross_entropy_with_soft_targets": (
        logits, distribution, optax.losses.softmax_cross_entropy
    ),
    "smoothed_softmax_cross_entropy": (logits, labels, smoothed),
    "hinge": (logit, side, lambda s, t: optax.losses.hinge_loss(s, t.astype(s.dtype))),
    "multiclass_hinge": (
        logits, labels, lambda z, y: jnp.maximum(optax.losses.multiclass_hinge_loss(z, y), 0)
    ),
    "kl_divergence": (
        distribution, distribution, lambda p, t: optax.losses.kl_divergence(jnp.log(p), t)
    ),
    "js_divergence": (distribution, distribution, mean_divergence_to_the_middle),
}  # fmt: skip
OF_LABELS = [name for name, row in LOSSES.items() if row[1] is labels]


def draw(name, batch):
    """Predictions and targets of a loss for examples of any batch shape."""
    random = np.random.default_rng(0)
    predictions, targets, _ = LOSSES[name]
    return jnp.asarray(predictions(random, batch)), jnp.asarray(targets(random, batch))
