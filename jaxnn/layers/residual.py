"""Residual connections: a layer learns what to add to its input."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.layers.layer import Layer, checked_key

Floats = Float[Array, "*shape"]


def add_branch(x: Floats, branch: Floats, gate: Float[Array, ""]) -> Floats:
    """y = x + gate f, where a closed gate, 0, wins over an f that overflowed."""
    return x + _gated(branch, gate)


def add_branch_vjp(
    x: Floats, branch: Floats, gate: Float[Array, ""], cotangent: Floats
) -> tuple[Floats, Floats]:
    """dx = dy, df = gate dy; the gate is drawn or given, not learned."""
    del x, branch
    return cotangent, _gated(cotangent, gate)


def _gated(values: Array, gate: Array) -> Array:
    return jnp.where(gate == 0, 0, gate * values)


def residual(layer: Layer) -> Layer:
    """y = x + f(x)  [He et al. 2016, eq. 1]; f, most often a `serial`, must keep the shape.

    dx = dy + (df/dx)^T dy: whatever the branch does, the gradient also passes by.

    Raises:
      ValueError: (from init) the branch changes the shape.
    """
    return _with_branch(layer, f"residual({layer.name})", lambda key, train: 1.0)


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
    name = f"stochastic_depth({layer.name})"

    def gate_of(key, train):
        if not train:
            return survival_probability
        drawn = jax.random.uniform(checked_key(key, name), (), jnp.float32)  # for every dtype of x
        return drawn < jnp.asarray(survival_probability, jnp.float32)

    return _with_branch(layer, name, gate_of)


def _with_branch(layer: Layer, name: str, gate_of: Any) -> Layer:
    def init(key, in_shape):
        params, state, out_shape = layer.init(key, in_shape)
        if tuple(out_shape) != tuple(in_shape):
            raise ValueError(
                f"{name} adds its branch to its input, but the branch makes {out_shape} of"
                f" {in_shape}"
            )
        return params, state, out_shape

    def forward(params, state, x, key, train):
        branch_key, gate_key = (None, None) if key is None else jax.random.split(key)
        gate = jnp.asarray(gate_of(gate_key, train), x.dtype)
        branch, new_state, saved = layer.forward(params, state, x, branch_key, train)
        state = jax.tree.map(lambda new, old: jnp.where(gate == 0, old, new), new_state, state)
        return add_branch(x, branch, gate), state, (saved, gate)

    def backward(params, saved, dy):
        saved, gate = saved
        dx, dbranch = add_branch_vjp(dy, dy, gate, dy)
        dparams, dx_of_branch = layer.backward(params, saved, dbranch)
        return dparams, dx + dx_of_branch

    return Layer(init, forward, backward, name)
