"""Recurrent layers: a cell that meets every time step, and back-propagation through time.

What needs no memory is made for all steps at once, outside of the loops over time: in the forward
pass the input's share of the net input, x W + b; in the backward pass the slopes before the loop,
and the gradients of the weights after it.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.layers.axes import alike
from jaxnn.layers.cells import elman_cell, gru_cell, lstm_cell, parts_of
from jaxnn.layers.dense import affine, affine_vjp
from jaxnn.layers.layer import Layer

Initializer = jax.nn.initializers.Initializer


def unroll(
    projected: Float[Array, "batch time gates"], carry: Any, weights: tuple, *, cell: Callable
) -> Any:
    """carry_t = cell(projected_t, carry_(t-1), *weights) for t = 1, ..., T.

    Args:
      projected: x W + b of all steps.
      carry: carry_0, an array [batch, units] or a tuple of such.
      weights: what the cell takes besides, the same at every step.
      cell: `elman_cell`, `gru_cell`, `lstm_cell`, or your own with its `_vjp` beside it.

    Returns:
      carry_1 to carry_T, arrays [batch, time, units].
    """
    return _batch_first(_forward_in_time(projected.swapaxes(0, 1), carry, weights, cell)[0])


def _forward_in_time(projected, carry, weights, cell):
    """The carries and nets of all steps; here and below, time is the first axis."""
    parts = parts_of(cell)

    def step(carry, gates):
        carry, net = parts.step(gates, carry, *weights)
        return carry, (carry, net)

    # Cut before the loop: one that cuts for itself was measured to take 2.5 times as long on CPU.
    gates = jnp.split(projected, parts.num_gates, axis=-1)
    return lax.scan(step, alike(carry, gates, weights), gates)[1]


def unroll_vjp(
    projected: Float[Array, "batch time gates"],
    carry: Any,
    weights: tuple,
    cotangent: Any,
    *,
    cell: Callable,
) -> tuple[Float[Array, "batch time gates"], Any, tuple]:
    """Back-propagation through time: the chain rule from the last step to the first.

    carry_t is read from outside, which sends dcarry_t, and by step t + 1, which sends D_t. With
    D_T = 0 and the cell's own rule, for t = T, ..., 1:

        dprojected_t, D_(t-1), dweights_t = cell_vjp(dcarry_t + D_t)

    The gradient of carry_0 is D_0. The weights are shared by all steps: dweights = sum_t
    dweights_t  [Rumelhart et al. 1986; Werbos 1990].

    Only D has to wait for the later steps, and with it dprojected. The slopes in the cell's rule
    are known when the forward pass is. And the sum over t is one product: with the rows of all
    steps and examples in one matrix each, dU = sum_t h_(t-1)^T dq_t = H^T dQ.
    """
    carries, nets = _forward_in_time(projected.swapaxes(0, 1), carry, weights, cell)
    jax.tree.map(
        lambda dy, start: checks.cotangent(dy, (*projected.shape[:2], start.shape[-1])),
        cotangent,
        carry,
    )
    dcarries = _batch_first(cotangent)
    dprojected, dcarry, dweights = _back_through_time(carry, weights, carries, nets, dcarries, cell)
    return dprojected.swapaxes(0, 1), dcarry, dweights


def _back_through_time(carry, weights, carries, nets, cotangent, cell):
    parts = parts_of(cell)
    before = jax.tree.map(  # carry_0 to carry_(T-1)
        lambda first, all_: jnp.concatenate([first[None], all_[:-1]]), carry, carries
    )
    slopes = parts.slopes(nets, before)  # of all steps

    def step(dcarry, now):
        slopes, from_outside = now
        dcarry = jax.tree.map(jnp.add, dcarry, from_outside)
        found, earlier = parts.back(slopes, *weights, dcarry)
        return earlier, found

    nothing = alike(jax.tree.map(jnp.zeros_like, carry), slopes, cotangent, weights)
    dcarry, found = lax.scan(step, nothing, (slopes, cotangent), reverse=True)
    dprojected, *dweights = parts.collect(slopes, before, found)
    return dprojected, dcarry, tuple(dweights)


def _batch_first(tree):
    return jax.tree.map(lambda leaf: leaf.swapaxes(0, 1), tree)


def elman(
    units: int,
    *,
    return_sequences: bool = False,
    kernel_init: Initializer = jax.nn.initializers.glorot_uniform(),
    recurrent_init: Initializer = jax.nn.initializers.orthogonal(),
) -> Layer:
    """A vanilla recurrent layer over [batch, time, features]; see `elman_cell`.

    Args:
      units: width of the carry, which starts at 0.
      return_sequences: True gives h of every step, [batch, time, units]; False the last, [batch,
        units].
      kernel_init: draws W, for each gate on its own; Glorot's uniform, as in Keras.
      recurrent_init: draws U likewise; orthogonal [Saxe et al. 2014], as in Keras and Flax.

    Raises:
      TypeError, ValueError: units is not an int of at least 1.
      ValueError: (from init) the input is not [time, features] with at least one step.
    """
    return _recurrent(elman_cell, units, return_sequences, kernel_init, recurrent_init)


def gru(
    units: int,
    *,
    return_sequences: bool = False,
    kernel_init: Initializer = jax.nn.initializers.glorot_uniform(),
    recurrent_init: Initializer = jax.nn.initializers.orthogonal(),
) -> Layer:
    """A layer of gated recurrent units; see `gru_cell`, and `elman` for the arguments."""
    return _recurrent(gru_cell, units, return_sequences, kernel_init, recurrent_init)


def lstm(
    units: int,
    *,
    return_sequences: bool = False,
    kernel_init: Initializer = jax.nn.initializers.glorot_uniform(),
    recurrent_init: Initializer = jax.nn.initializers.orthogonal(),
) -> Layer:
    """A long short-term memory; see `lstm_cell`, and `elman` for the arguments.

    The bias of the forget gate starts at 1, so that the memory is kept at first [Gers et al. 2000;
    Jozefowicz et al. 2015], the others at 0.
    """
    return _recurrent(lstm_cell, units, return_sequences, kernel_init, recurrent_init)


def _recurrent(cell, units, return_sequences, kernel_init, recurrent_init) -> Layer:
    checks.positive_int("units", units)
    name, num_gates = cell.__name__.removesuffix("_cell"), parts_of(cell).num_gates

    def init(key, in_shape):
        if len(in_shape) != 2 or in_shape[0] < 1:
            raise ValueError(f"{name} needs [time, features] of at least one step, got {in_shape}")
        time, features = in_shape
        keys = jax.random.split(key, 2 * num_gates)
        kernels = [kernel_init(key, (features, units)) for key in keys[:num_gates]]
        recurrent = [recurrent_init(key, (units, units)) for key in keys[num_gates:]]
        bias = jnp.zeros(num_gates * units)
        params = {
            "kernel": jnp.concatenate(kernels, axis=1),
            "bias": bias.at[units : 2 * units].set(1) if cell is lstm_cell else bias,
            "recurrent_kernel": jnp.concatenate(recurrent, axis=1),
        }
        if cell is gru_cell:
            params["recurrent_bias"] = jnp.zeros(units)
        return params, (), (time, units) if return_sequences else (units,)

    def forward(params, state, x, key, train):
        del key, train
        x = x.swapaxes(0, 1)  # [time, batch, features]
        projected = affine(x, params["kernel"], params["bias"])
        carries, nets = _forward_in_time(projected, start(x), _weights(params), cell)
        h = carries[-1] if isinstance(carries, tuple) else carries
        return h.swapaxes(0, 1) if return_sequences else h[-1], state, (x, carries, nets)

    def backward(params, saved, dy):
        x, carries, nets = saved
        time, batch, _ = x.shape
        checks.cotangent(dy, (batch, time, units) if return_sequences else (batch, units))
        if return_sequences:
            dy = dy.swapaxes(0, 1)
        else:  # only the last step is read from outside
            dy = jnp.zeros((*x.shape[:2], units), dy.dtype).at[-1].set(dy)
        dcarries = (jnp.zeros_like(dy), dy) if isinstance(carries, tuple) else dy
        dprojected, _, dweights = _back_through_time(
            start(x), _weights(params), carries, nets, dcarries, cell
        )
        dx, dkernel, dbias = affine_vjp(x, params["kernel"], params["bias"], dprojected)
        dparams = dict(zip(_cell_names(params), dweights, strict=True))
        return dparams | {"kernel": dkernel, "bias": dbias}, dx.swapaxes(0, 1)

    def start(x):
        zeros = jnp.zeros((x.shape[1], units), x.dtype)
        return (zeros, zeros) if cell is lstm_cell else zeros

    return Layer(init, forward, backward, f"{name}({units})")


def _weights(params):
    return tuple(params[name] for name in _cell_names(params))


def _cell_names(params):
    return [name for name in ("recurrent_kernel", "recurrent_bias") if name in params]
