"""Recurrent cells: one time step, from a memory, the carry, to the next.

The input's share of the net input, x W + b, arrives ready made as `projected`; the cell adds h U,
the share of what it said a step before.

The rule of each cell falls into three parts (`Parts`): its slopes are known from the forward pass
alone; with them at hand, a step back through time is left with a few products; and what the steps
have found is collected at the end.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.activations import sigmoid, sigmoid_vjp, tanh, tanh_vjp
from jaxnn.rules import vjp_of

Units = Float[Array, "*batch units"]
Gates = Float[Array, "*batch gates"]  # those of all units side by side: 3 or 4 times the units


class Parts(NamedTuple):
    """A cell and its rule, cut into what must wait for another step and what need not.

    Attributes:
      num_gates: how many gates stand side by side in `projected`.
      step: (gates, carry, *weights) -> (next carry, net): gates is `projected` as a list, one array
        for each gate, and net whatever `slopes` reads of the step.
      slopes: (net, carry) -> slopes, elementwise, so also of all steps at once.
      back: (slopes, *weights, cotangent) -> (found, dcarry), all that has to be done step by step.
      collect: (slopes, carry, found) -> (dprojected, *dweights), of one step or all at once.
    """

    num_gates: int
    step: Callable
    slopes: Callable
    back: Callable
    collect: Callable


def parts_of(cell: Callable) -> Parts:
    """Those of this file's cells; any other cell with a `_vjp` beside it is one piece."""
    if cell in _PARTS:
        return _PARTS[cell]
    cell_vjp = vjp_of(cell)

    def back(inputs, *weights_and_cotangent):
        dprojected, dcarry, *dweights = cell_vjp(*inputs, *weights_and_cotangent)
        return (dprojected, dweights), dcarry

    return Parts(
        num_gates=1,
        step=lambda gates, carry, *weights: (cell(*gates, carry, *weights), *gates),
        slopes=lambda projected, carry: (projected, carry),
        back=back,
        collect=lambda _, carry, found: (found[0], *(each.sum(axis=0) for each in found[1])),
    )


def elman_cell(
    projected: Units, h: Units, recurrent_kernel: Float[Array, "units units"]
) -> Float[Array, "*batch units"]:
    """h' = tanh(a) with a = x W + b + h U, the vanilla recurrent network [Elman 1990].

    Args:
      projected: x W + b.
      h: the carry.
      recurrent_kernel: U.
    """
    return _elman_step([projected], h, recurrent_kernel)[0]


def elman_cell_vjp(
    projected: Units, h: Units, recurrent_kernel: Float[Array, "units units"], cotangent: Units
) -> tuple[Units, Units, Float[Array, "units units"]]:
    """da = tanh'(a) dh', the gradient of x W + b; dh = da U^T, dU = h^T da."""
    checks.cotangent(cotangent, h.shape)
    _, a = _elman_step([projected], h, recurrent_kernel)
    da, dh = _elman_back(_elman_slopes(a, h), recurrent_kernel, cotangent)
    return da, dh, _weights_gradient(h, da)


def _elman_step(gates, h, recurrent_kernel):
    _check_fit(gates, h, recurrent_kernel, num_gates=1)
    a = gates[0] + h @ recurrent_kernel
    return tanh(a), a


def _elman_slopes(a, h):
    del h
    return tanh_vjp(a, jnp.ones_like(a))


def _elman_back(slope, recurrent_kernel, cotangent):
    da = slope * cotangent
    return da, da @ recurrent_kernel.T


def _elman_collect(slope, h, da):
    del slope
    return da, _weights_gradient(h, da)


def gru_cell(
    projected: Gates,
    h: Units,
    recurrent_kernel: Float[Array, "units gates"],
    recurrent_bias: Float[Array, " units"],
) -> Float[Array, "*batch units"]:
    """h' = (1 - z) n + z h: the update gate z mixes the old carry and the candidate n.

        r = sigmoid(p_r + q_r)      z = sigmoid(p_z + q_z)      n = tanh(p_n + r (q_n + c))

    with p = x W + b and q = h U, each cut in three [Cho et al. 2014, section 2.3]. This is the
    variant "reset after" of their first version, arXiv 1406.1078v1: r acts on the product h U, as
    in cuDNN, Keras and Flax. Their third version multiplies h by r before the product.

    Args:
      projected: p, for the gates r, z, n in this order.
      h: the carry.
      recurrent_kernel: U, for r, z, n.
      recurrent_bias: c. Those of the other gates would add to b.
    """
    return _gru_step(_cut(projected, 3), h, recurrent_kernel, recurrent_bias)[0]


def gru_cell_vjp(
    projected: Gates,
    h: Units,
    recurrent_kernel: Float[Array, "units gates"],
    recurrent_bias: Float[Array, " units"],
    cotangent: Units,
) -> tuple[Gates, Units, Float[Array, "units gates"], Float[Array, " units"]]:
    """From h' to the gates, and from the gates to p and q.

        dn = (1 - z) dh'    dz = (h - n) dh'    dp_n = tanh' dn    dr = (q_n + c) dp_n
        dp_r = sigmoid' dr  dz, likewise, dp_z  dq = (dp_r, dp_z, r dp_n)    dc = sum_n r dp_n

    So dp_r, dp_z and dp_n are dh' times slopes s_r = sigmoid' (q_n + c) s_n, s_z = sigmoid' (h - n)
    and s_n = tanh' (1 - z). dU = h^T dq as in every product, and h has two ways to h':
    dh = z dh' + dq U^T.
    """
    checks.cotangent(cotangent, h.shape)
    gates = _cut(projected, 3)
    _, net = _gru_step(gates, h, recurrent_kernel, recurrent_bias)
    slopes = _gru_slopes(net, h)
    dp, dh = _gru_back(slopes, recurrent_kernel, recurrent_bias, cotangent)
    _, dkernel, dbias = _gru_collect(slopes, h, dp)
    return dp, dh, dkernel, dbias


def _gru_step(gates, h, recurrent_kernel, recurrent_bias):
    """The net inputs of r, z and n are kept, and what r lets through to n: q_n + c."""
    _check_fit(gates, h, recurrent_kernel, num_gates=3)
    if recurrent_bias.shape != h.shape[-1:]:
        raise ValueError(
            f"a recurrent bias of shape {recurrent_bias.shape} does not fit a carry of {h.shape}"
        )
    p_r, p_z, p_n = gates
    q_r, q_z, q_n = jnp.split(h @ recurrent_kernel, 3, axis=-1)
    a_r, a_z = p_r + q_r, p_z + q_z
    recalled = q_n + jnp.broadcast_to(recurrent_bias, q_n.shape)
    a_n = p_n + sigmoid(a_r) * recalled
    n, z = tanh(a_n), sigmoid(a_z)
    return (1 - z) * n + z * h, (a_r, a_z, a_n, recalled)


def _gru_slopes(net, h):
    a_r, a_z, a_n, recalled = net
    r, z, n = sigmoid(a_r), sigmoid(a_z), tanh(a_n)
    s_n = tanh_vjp(a_n, 1 - z)
    return sigmoid_vjp(a_r, recalled * s_n), sigmoid_vjp(a_z, h - n), s_n, r, z


def _gru_back(slopes, recurrent_kernel, recurrent_bias, cotangent):
    del recurrent_bias
    s_r, s_z, s_n, r, z = slopes
    dp = _joined([s_r * cotangent, s_z * cotangent, s_n * cotangent])
    return dp, z * cotangent + _behind_reset(dp, r) @ recurrent_kernel.T


def _gru_collect(slopes, h, dp):
    dq = _behind_reset(dp, slopes[3])
    dq_n = jnp.split(dq, 3, axis=-1)[2]
    return dp, _weights_gradient(h, dq), dq_n.reshape(-1, dq_n.shape[-1]).sum(axis=0)


def _behind_reset(dp, r):
    """Dq of dp: the candidate's share has passed through r."""
    dp_r, dp_z, dp_n = jnp.split(dp, 3, axis=-1)
    return _joined([dp_r, dp_z, r * dp_n])


def lstm_cell(
    projected: Gates, carry: tuple[Units, Units], recurrent_kernel: Float[Array, "units gates"]
) -> tuple[Units, Units]:
    """c' = f c + i g and h' = o tanh(c'): gates decide what is kept, stored and shown.

        i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)      g = tanh(a_g)      a = x W + b + h U

    [Hochreiter and Schmidhuber 1997; the forget gate f: Gers et al. 2000], without peepholes.

    Args:
      projected: x W + b, for i, f, g, o in this order.
      carry: the memory c and the output h, both [*batch, units].
      recurrent_kernel: U, for i, f, g, o.
    """
    return _lstm_step(_cut(projected, 4), carry, recurrent_kernel)[0]


def lstm_cell_vjp(
    projected: Gates,
    carry: tuple[Units, Units],
    recurrent_kernel: Float[Array, "units gates"],
    cotangent: tuple[Units, Units],
) -> tuple[Gates, tuple[Units, Units], Float[Array, "units gates"]]:
    """The memory c' is read twice, by the next step and by h': dc'' = dc' + o tanh'(c') dh'.

        di = g dc''    df = c dc''    dg = i dc''    do = tanh(c') dh'    dc = f dc''

    Times the slope of its gate, each gives da, the gradient of x W + b: da_i = sigmoid' g dc'' and
    likewise the others. dh = da U^T and dU = h^T da.
    """
    for part, memory in zip(cotangent, carry, strict=True):
        checks.cotangent(part, memory.shape)
    _, net = _lstm_step(_cut(projected, 4), carry, recurrent_kernel)
    da, dcarry = _lstm_back(_lstm_slopes(net, carry), recurrent_kernel, cotangent)
    return da, dcarry, _weights_gradient(carry[1], da)


def _lstm_step(gates, carry, recurrent_kernel):
    c, h = carry
    _check_fit([*gates, c], h, recurrent_kernel, num_gates=4)
    shares = jnp.split(h @ recurrent_kernel, 4, axis=-1)
    a_i, a_f, a_g, a_o = net = [p + q for p, q in zip(gates, shares, strict=True)]
    c = sigmoid(a_f) * c + sigmoid(a_i) * tanh(a_g)
    return (c, sigmoid(a_o) * tanh(c)), net


def _lstm_slopes(net, carry):
    """Of i, f, g and o; then of c' as a function of c, and of h' as one of c'."""
    c, _ = carry
    a_i, a_f, a_g, a_o = net
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)
    new_c = f * c + i * g
    s_i, s_f, s_g = sigmoid_vjp(a_i, g), sigmoid_vjp(a_f, c), tanh_vjp(a_g, i)
    return s_i, s_f, s_g, sigmoid_vjp(a_o, tanh(new_c)), f, tanh_vjp(new_c, o)


def _lstm_back(slopes, recurrent_kernel, cotangent):
    s_i, s_f, s_g, s_o, f, shown = slopes
    dc, dh = cotangent
    dc = dc + shown * dh
    da = _joined([s_i * dc, s_f * dc, s_g * dc, s_o * dh])
    return da, (f * dc, da @ recurrent_kernel.T)


def _lstm_collect(slopes, carry, da):
    del slopes
    return da, _weights_gradient(carry[1], da)


def _check_fit(of_units: list[Array], h: Array, recurrent_kernel: Array, num_gates: int) -> None:
    """Refuses a gate or a memory that is not of the shape of h, and a kernel that does not fit."""
    units = h.shape[-1]
    shapes = {part.shape for part in of_units}
    if shapes != {h.shape} or recurrent_kernel.shape != (units, num_gates * units):
        raise ValueError(
            f"an output of shape {h.shape} needs gates of this shape and a recurrent kernel of"
            f" {(units, num_gates * units)}, got {', '.join(map(str, shapes))} and"
            f" {recurrent_kernel.shape}"
        )


def _cut(projected: Array, num_gates: int) -> list[Array]:
    if projected.shape[-1] % num_gates:
        raise ValueError(
            f"{num_gates} gates share the last axis evenly, but it is {projected.shape[-1]} long:"
            f" give {num_gates} times the units"
        )
    return jnp.split(projected, num_gates, axis=-1)


def _weights_gradient(h: Array, dq: Array) -> Array:
    """Q = h U, so dU = h^T dq, summed over examples and steps."""
    return h.reshape(-1, h.shape[-1]).T @ dq.reshape(-1, dq.shape[-1])


def _joined(gates) -> Array:
    return jnp.concatenate(gates, axis=-1)


_PARTS = {
    elman_cell: Parts(1, _elman_step, _elman_slopes, _elman_back, _elman_collect),
    gru_cell: Parts(3, _gru_step, _gru_slopes, _gru_back, _gru_collect),
    lstm_cell: Parts(4, _lstm_step, _lstm_slopes, _lstm_back, _lstm_collect),
}
