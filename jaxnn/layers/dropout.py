"""Dropout of units, weights and whole branches: a network must not lean on any one of them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxnn import checks
from jaxnn.layers.dense import dense
from jaxnn.layers.layer import Layer, checked_key
from jaxnn.layers.residual import residual

Floats = Float[Array, "*shape"]


def drop_elements(x: Floats, kept: Bool[Array, "*shape"], *, rate: checks.Number) -> Floats:
    """y = x / (1 - rate) where kept, else 0: inverted dropout  [Srivastava et al. 2014].

    If an element is kept with probability 1 - rate, the expected y is x.

    Args:
      x: activations or weights.
      kept: which elements remain; drawn by the caller, so that the gradient meets the same.
      rate: the probability of being dropped, in [0, 1); may be traced.

    Raises:
      TypeError, ValueError: the rate is not a number in [0, 1), or the mask has another shape.
    """
    checks.rate("rate", rate)
    if kept.shape != x.shape:
        raise ValueError(f"a mask of shape {kept.shape} does not fit the shape {x.shape}")
    return jnp.where(kept, x / (1 - jnp.asarray(rate, x.dtype)), 0)


def drop_elements_vjp(
    x: Floats, kept: Bool[Array, "*shape"], cotangent: Floats, *, rate: checks.Number
) -> Floats:
    """dx = dy / (1 - rate) where kept, else 0: the map is linear and its matrix diagonal."""
    del x
    return drop_elements(checks.cotangent(cotangent, kept.shape), kept, rate=rate)


def dropout(rate: checks.Number) -> Layer:
    """Sets each activation to 0 with probability `rate` in training; the identity in evaluation.

    What remains is divided by 1 - rate, so nothing has to be scaled in evaluation.

    Args:
      rate: in [0, 1); may be traced.

    Raises:
      TypeError, ValueError: the rate is not a number in [0, 1).
      ValueError: (from forward) training without a key.
    """
    checks.rate("rate", rate)

    def init(key, in_shape):
        del key
        return (), (), in_shape

    def forward(params, state, x, key, train):
        del params
        if not train:
            return x, state, None
        kept = _draw_kept(checked_key(key, "dropout"), x.shape, rate)
        return drop_elements(x, kept, rate=rate), state, kept

    def backward(params, kept, dy):
        return params, dy if kept is None else drop_elements_vjp(dy, kept, dy, rate=rate)

    return Layer(init, forward, backward, "dropout")


def drop_connect(features: int, rate: checks.Number, **settings) -> Layer:
    """A dense layer that loses each weight with probability `rate` in training.

        y = x (M * W) / (1 - rate) + b, with M_io ~ Bernoulli(1 - rate)    [Wan et al. 2013, eq. 4]

    In evaluation y = x W + b, which is the mean of y over the masks. Wan et al. push samples of a
    normal distribution of that mean and of the masks' variance through the activation instead; they
    also draw a mask for each example, and for the biases. Here a batch shares one mask, and the
    layer costs no more than a dense one.

    Args:
      features: number of outputs.
      rate: in [0, 1); may be traced.
      **settings: those of `dense`: kernel_init, bias_init, use_bias.

    Raises:
      TypeError, ValueError: the rate is not a number in [0, 1), or as in `dense`.
      ValueError: (from forward) training without a key.
    """
    checks.rate("rate", rate)
    whole = dense(features, **settings)

    def forward(params, state, x, key, train):
        if not train:
            y, state, saved = whole.forward(params, state, x, key, train)
            return y, state, (saved, None)
        kept = _draw_kept(checked_key(key, "drop_connect"), params["kernel"].shape, rate)
        y, state, saved = whole.forward(_thinned(params, kept), state, x, key, train)
        return y, state, (saved, kept)

    def _thinned(params, kept):
        return params | {"kernel": drop_elements(params["kernel"], kept, rate=rate)}

    def backward(params, saved, dy):
        saved, kept = saved
        if kept is None:
            return whole.backward(params, saved, dy)
        dparams, dx = whole.backward(_thinned(params, kept), saved, dy)
        dkernel = drop_elements_vjp(params["kernel"], kept, dparams["kernel"], rate=rate)
        return dparams | {"kernel": dkernel}, dx

    return Layer(whole.init, forward, backward, f"drop_connect({features})")


def add_branch(x: Floats, branch: Floats, gate: Float[Array, ""]) -> Floats:
    """y = x + gate f, where a closed gate, 0, wins over an f that overflowed.

    Raises:
      ValueError: x and f have different shapes.
    """
    if branch.shape != x.shape:
        raise ValueError(f"a branch of shape {branch.shape} cannot be added to shape {x.shape}")
    return x + _gated(branch, gate)


def add_branch_vjp(
    x: Floats, branch: Floats, gate: Float[Array, ""], cotangent: Floats
) -> tuple[Floats, Floats]:
    """dx = dy, df = gate dy; the gate is drawn or given, not learned."""
    del branch
    checks.cotangent(cotangent, x.shape)
    return cotangent, _gated(cotangent, gate)


def _gated(values: Array, gate: Array) -> Array:
    return jnp.where(gate == 0, 0, gate * values)


def stochastic_depth(layer: Layer, survival_probability: checks.Number) -> Layer:
    """A residual connection whose branch is skipped at random in training.

        y = x + b f(x) with b ~ Bernoulli(p) in training    [Huang et al. 2016, eq. 2]
        y = x + p f(x) in evaluation                        [eq. 5]

    One b for the whole batch. A skipped branch keeps its state. Here f is computed all the same,
    since a compiled program that runs several lanes at once cannot skip it.

    Args:
      layer: the branch f, which must keep the shape.
      survival_probability: p in [0, 1]; may be traced.

    Raises:
      TypeError, ValueError: the probability is not a number in [0, 1].
      ValueError: (from init) the branch changes the shape; (from forward) training without a key.
    """
    checks.probability("survival_probability", survival_probability)
    around = residual(layer)
    name = f"stochastic_depth({layer.name})"

    def forward(params, state, x, key, train):
        if train:
            gate_key, branch_key = jax.random.split(checked_key(key, name))
            gate = _draw_kept(gate_key, (), 1 - survival_probability).astype(x.dtype)
        else:
            branch_key, gate = key, jnp.asarray(survival_probability, x.dtype)
        branch, after, saved = layer.forward(params, state, x, branch_key, train)
        state = jax.tree.map(lambda new, old: jnp.where(gate == 0, old, new), after, state)
        return add_branch(x, branch, gate), state, (saved, gate)

    def backward(params, saved, dy):
        saved, gate = saved
        dx, dbranch = add_branch_vjp(dy, dy, gate, dy)
        dparams, dx_of_branch = layer.backward(params, saved, dbranch)
        return dparams, dx + dx_of_branch

    return Layer(around.init, forward, backward, name)


def _draw_kept(key: jax.Array, shape: tuple[int, ...], rate: checks.Number) -> Bool[Array, "..."]:
    """Each True with probability 1 - rate; in float32, so that no dtype changes the mask."""
    return jax.random.uniform(key, shape, jnp.float32) >= jnp.asarray(rate, jnp.float32)
