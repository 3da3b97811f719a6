"""The proof that the referee works: wrong gradients, seeded on purpose, are caught."""

import jax
import jax.numpy as jnp

from jaxnn import activations, layers, losses, regularizers
from jaxnn.activations import SELU_ALPHA, sigmoid, softmax
from tests.mistakes import ALL, Mistakes


def by_layer(layer):
    """As if the layer were another one."""

    def wrong(rule, params, x, state, key, dy):
        return layer.backward(params, x, dy)

    return wrong


def interleaved(rule, params, x, state, key, dy):
    """As if the three pieces of a unit did not stand side by side."""

    def regroup(x, *shape):
        return x.reshape(4, *shape).swapaxes(1, 2).reshape(4, 6)

    return params, regroup(activations.maxout_vjp(regroup(x, 3, 2), dy, pieces=3), 2, 3)


# mistake: (row of the table, wrong rule, the judges that catch it); the right rule comes in first
NARROW = ("autodiff", "differences")  # too small for the Taylor remainder to lose an order
WRONG = {
    "sign": ("tanh", lambda rule, x, dy: -rule(x, dy), ALL),
    "cotangent ignored": ("sigmoid", lambda rule, x, dy: rule(x, jnp.ones_like(dy)), ALL),
    "of the output instead of the input": ("sigmoid", lambda rule, x, dy: dy * x * (1 - x), ALL),
    "input not saved": ("tanh", lambda rule, x, dy: dy * (1 - x * x), ALL),
    "second factor dropped": ("sigmoid", lambda rule, x, dy: dy * sigmoid(x), ALL),
    "term of the product rule dropped": ("swish", lambda rule, x, dy: dy * sigmoid(x), ALL),
    "outer derivative only": ("softplus", lambda rule, x, dy: dy * jnp.exp(x), ALL),
    "derivative of the approximation": (
        "gelu",
        lambda rule, x, dy: activations.gelu_tanh_vjp(x, dy),
        ALL,
    ),
    "wrong branch": ("relu", lambda rule, x, dy: jnp.where(x < 0, dy, 0), ALL),
    "branch of the output's sign": ("elu", lambda rule, x, dy: jnp.where(dy > 0, dy, 0), ALL),
    "setting forgotten": ("elu (alpha=0.5)", lambda rule, x, dy: rule(x, dy) / 0.5, ALL),
    "default setting": ("leaky_relu (negative_slope=0.01)", lambda rule, x, dy: 0.1 * dy, ALL),
    "straight through": ("step", lambda rule, x, dy: dy, ALL),
    "kinks at other places": (
        "hard_tanh",
        lambda rule, x, dy: jnp.where(jnp.abs(x) < 3, dy, 0),
        ALL,
    ),
    "scale forgotten": ("hard_sigmoid", lambda rule, x, dy: 6 * rule(x, dy), ALL),
    "all pieces win": ("maxout", lambda rule, x, dy: jnp.repeat(dy, 2, axis=-1), ALL),
    "the last piece wins": (
        "maxout",
        lambda rule, x, dy: jnp.stack([0 * dy, dy], axis=-1).reshape(x.shape),
        ALL,
    ),
    "pieces interleaved the other way": (
        "maxout",
        lambda rule, x, dy: rule(x, dy).reshape(4, 3, 2).swapaxes(1, 2).reshape(4, 6),
        ALL,
    ),
    "diagonal of the softmax Jacobian only": (
        "softmax",
        lambda rule, x, dy: softmax(x) * (1 - softmax(x)) * dy,
        ALL,
    ),
    "softmax over the other axis": ("softmax", lambda rule, x, dy: rule(x, dy, axis=0), ALL),
    "sum of the cotangent dropped": (
        "log_softmax",
        lambda rule, x, dy: dy - softmax(x) * dy,
        ALL,
    ),
    "missing 2": ("squared_error", lambda rule, p, t, dy: rule(p, t, dy) / 2, ALL),
    "missing 1/D": ("squared_error", lambda rule, p, t, dy: 4 * rule(p, t, dy), ALL),
    "missing 1/N": ("reduce", lambda rule, v, dy: jnp.full_like(v, dy), ALL),
    "1/N instead of the weights": ("reduce (weights)", lambda rule, v, dy: dy + 0 * v, ALL),
    "target minus prediction": ("squared_error", lambda rule, p, t, dy: rule(t, p, dy), ALL),
    "first example's cotangent for all": (
        "squared_error",
        lambda rule, p, t, dy: rule(p, t, jnp.full_like(dy, dy[0])),
        ALL,
    ),
    "residual never clipped": (
        "huber (delta=0.5)",
        lambda rule, p, t, dy: losses.squared_error_vjp(p, t, dy) / 2,
        ALL,
    ),
    "linear branch without |.|": (
        "huber",
        lambda rule, p, t, dy: dy[:, None] * jnp.where(jnp.abs(p - t) < 1, p - t, 1) / 4,
        ALL,
    ),
    "base 10": (
        "binary_cross_entropy",
        lambda rule, p, y, dy: rule(p, y, dy) / jnp.log(10.0),
        ALL,
    ),
    "gradient of the logits": (
        "binary_cross_entropy",
        lambda rule, p, y, dy: (p[:, 0] - y.astype(p.dtype))[:, None] * dy[:, None],
        ALL,
    ),
    "second term dropped": (
        "binary_cross_entropy (soft labels)",
        lambda rule, p, y, dy: -dy * y / p,
        ALL,
    ),
    "slope of the sigmoid once more": (
        "sigmoid_binary_cross_entropy",
        lambda rule, z, y, dy: activations.sigmoid_vjp(z, rule(z, y, dy)),
        ALL,
    ),
    "label forgotten": (
        "softmax_cross_entropy",
        lambda rule, z, y, dy: dy[:, None] * softmax(z),
        ALL,
    ),
    "neighbouring label": (
        "softmax_cross_entropy",
        lambda rule, z, y, dy: rule(z, (y + 1) % 4, dy),
        ALL,
    ),
    "sign of a right answer": (
        "softmax_cross_entropy (right answers)",
        lambda rule, z, y, dy: jnp.where(
            jax.nn.one_hot(y, 4, dtype=bool), -rule(z, y, dy), rule(z, y, dy)
        ),
        ALL,
    ),
    "targets not normalised": (
        "softmax_cross_entropy_with_soft_targets",
        lambda rule, z, t, dy: dy[:, None] * (softmax(z) - 1.01 * t),
        ALL,
    ),
    "probabilities taken for logits": (
        "categorical_cross_entropy",
        lambda rule, p, t, dy: dy[:, None] * (p - t),
        ALL,
    ),
    "log-probabilities taken for logits": (
        "negative_log_likelihood",
        lambda rule, z, y, dy: losses.softmax_cross_entropy_vjp(z, y, dy),
        ALL,
    ),
    "margin ignored": ("hinge", lambda rule, s, t, dy: -dy * t.astype(s.dtype), ALL),
    "label is its own rival": (
        "multiclass_hinge",
        lambda rule, z, y, dy: (
            dy[:, None] * (jax.nn.one_hot(z.argmax(-1), 4) - jax.nn.one_hot(y, 4))
        ),
        ALL,
    ),
    "the other direction": (
        "kl_divergence",
        lambda rule, p, t, dy: dy[:, None] * (jnp.log(p / t) + 1),
        ALL,
    ),
    "one half missing": ("js_divergence", lambda rule, p, t, dy: 2 * rule(p, t, dy), ALL),
    "lambda forgotten": ("l2_penalty (strength=0.3)", lambda rule, w, dy: dy * 2 * w, ALL),
    "no sign": ("l1_penalty (strength=0.3)", lambda rule, w, dy: dy * 0.3 * w, ALL),
    "constant of ten digits": (
        "selu",
        lambda rule, x, dy: rule(x, dy) * 1.050700987 / activations.SELU_SCALE,
        ("autodiff",),
    ),
    "one element a little off": (
        "softmax_cross_entropy",
        lambda rule, z, y, dy: rule(z, y, dy).at[0, 0].multiply(1 + 1e-10),
        ("autodiff",),
    ),
    "one element of many off by 1e-5": (
        "squared_error",
        lambda rule, p, t, dy: rule(p, t, dy).at[2, 1].multiply(1 + 1e-5),
        NARROW,
    ),
    "NaN where the loss is flat": (
        "hinge",
        lambda rule, s, t, dy: rule(s, t, dy) / jnp.where(rule(s, t, dy) == 0, 0, 1.0),
        ALL,
    ),
    "shape of the transpose": ("softmax", lambda rule, x, dy: rule(x, dy).T, ("structure",)),
    "summed over the batch": (
        "squared_error",
        lambda rule, p, t, dy: rule(p, t, dy).sum(0),
        ("structure",),
    ),
    "kernel not transposed": (
        "affine (square)",
        lambda rule, x, w, b, dy: (dy @ w, *rule(x, w, b, dy)[1:]),
        ALL,
    ),
    "kernel gradient transposed": (
        "affine (square)",
        lambda rule, x, w, b, dy: (dy @ w.T, dy.T @ x, dy.sum(0)),
        ALL,
    ),
    "bias gradient dropped": (
        "affine (square)",
        lambda rule, x, w, b, dy: (*rule(x, w, b, dy)[:2], jnp.zeros_like(b)),
        ALL,
    ),
    "bias gradient averaged": (
        "affine (square)",
        lambda rule, x, w, b, dy: (*rule(x, w, b, dy)[:2], dy.mean(0)),
        ALL,
    ),
    "gradients in the wrong order": (
        "affine (square)",
        lambda rule, x, w, b, dy: tuple(rule(x, w, b, dy)[i] for i in (1, 0, 2)),
        ALL,
    ),
    "a gradient missing": (
        "affine (square)",
        lambda rule, x, w, b, dy: rule(x, w, b, dy)[:2],
        ("structure",),
    ),
    "slope of another layer": ("leaky_relu (layer)", by_layer(layers.leaky_relu()), ALL),
    "alpha of another layer": ("elu (layer)", by_layer(layers.elu()), ALL),
    "pieces of the layer interleaved": ("maxout (layer)", interleaved, ALL),
    "straight through the layer": ("step (layer)", by_layer(layers.identity), ALL),
    "rule of the neighbour": ("gelu (layer)", by_layer(layers.gelu_tanh), ALL),
    "relu's rule behind swish": ("swish (layer)", by_layer(layers.relu), ALL),
    "hard rule behind the smooth function": ("tanh (layer)", by_layer(layers.hard_tanh), ALL),
    "sigmoid's rule behind hard_sigmoid": ("hard_sigmoid (layer)", by_layer(layers.sigmoid), ALL),
    "scale of selu forgotten": ("selu (layer)", by_layer(layers.elu(SELU_ALPHA)), ALL),
    "range of hard_tanh for hard_swish": ("hard_swish (layer)", by_layer(layers.hard_tanh), ALL),
    "value taken for the slope": (
        "softplus (layer)",
        lambda rule, params, x, state, key, dy: (params, dy * activations.softplus(x)),
        ALL,
    ),
    "softmax over the batch": (
        "softmax (layer)",
        lambda rule, params, x, state, key, dy: (params, activations.softmax_vjp(x, dy, axis=0)),
        ALL,
    ),
    "logarithm forgotten": ("log_softmax (layer)", by_layer(layers.softmax), ALL),
    "sum for the mean": ("absolute_error", lambda rule, p, t, dy: 4 * rule(p, t, dy), ALL),
    "derivative of the exact function": (
        "gelu_tanh",
        lambda rule, x, dy: activations.gelu_vjp(x, dy),
        ALL,
    ),
    "a gate on the identity": ("identity", lambda rule, x, dy: jnp.where(x > 0, dy, 0), ALL),
    "l1 and l2 exchanged": (
        "elastic_net_penalty (l1=0.3, l2=0.2)",
        lambda rule, w, dy: regularizers.elastic_net_penalty_vjp(w, dy, l1=0.2, l2=0.3),
        ALL,
    ),
    "weights gradient averaged over the examples": (
        "weighted_sum",
        lambda rule, x, w, dy: (rule(x, w, dy)[0], rule(x, w, dy)[1] / len(x)),
        ALL,
    ),
    "slope gradient of the last sample": (
        "line",
        lambda rule, x, a, dy: (rule(x, a, dy)[0], dy[-1] * x[-1]),
        ALL,
    ),
    "missing 1/m": (
        "cost (logistic regression)",
        lambda rule, params, x, y, dy: rule(params, x, y, len(x) * dy),
        ALL,
    ),
    "difference for the sum": ("add", lambda rule, a, b, dy: (dy, -dy), ALL),
    "factors not exchanged": ("multiply", lambda rule, a, b, dy: (dy * a, dy * b), ALL),
    "power rule for the exponential": ("exp", lambda rule, x, dy: dy * x * jnp.exp(x - 1), ALL),
    "sign of the reciprocal": ("reciprocal", lambda rule, x, dy: -rule(x, dy), ALL),
    "activation skipped": (
        "serial",
        lambda rule, params, x, state, key, dy: _without_activation(params, x, dy),
        ALL,
    ),
}


def _without_activation(params, x, dy):
    """The backward pass of dense, tanh, dense with the middle one left out."""
    first, _, second = params
    hidden = jnp.tanh(layers.affine(x, first["kernel"], first["bias"]))
    dx, dkernel, dbias = layers.affine_vjp(hidden, second["kernel"], second["bias"], dy)
    dx, first_dkernel, first_dbias = layers.affine_vjp(x, first["kernel"], first["bias"], dx)
    first, second = (
        {"kernel": dkernel, "bias": dbias}
        for dkernel, dbias in ((first_dkernel, first_dbias), (dkernel, dbias))
    )
    return (first, (), second), dx


MISTAKES = Mistakes(WRONG)


@MISTAKES.each
def test_wrong_gradient_is_caught_by(mistake):
    MISTAKES.assert_caught(mistake)
