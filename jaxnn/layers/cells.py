"""Recurrent cells: one time step, from a memory, the carry, to the next.

The input's share of the net input, x W + b, arrives ready made as `projected`; the cell adds h U,
the share of what it said a step before.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn.activations import sigmoid, sigmoid_vjp, tanh, tanh_vjp

Units = Float[Array, "*batch units"]
Gates = Float[Array, "*batch gates"]  # those of all units side by side: 3 or 4 times the units


def elman_cell(
    projected: Units, h: Units, recurrent_kernel: Float[Array, "units units"]
) -> Float[Array, "*batch units"]:
    """h' = tanh(a) with a = x W + b + h U, the vanilla recurrent network [Elman 1990].

    Args:
      projected: x W + b.
      h: the carry.
      recurrent_kernel: U.
    """
    return tanh(projected + h @ recurrent_kernel)


def elman_cell_vjp(
    projected: Units, h: Units, recurrent_kernel: Float[Array, "units units"], cotangent: Units
) -> tuple[Units, Units, Float[Array, "units units"]]:
    """da = tanh'(a) dh', the gradient of x W + b; dh = da U^T, dU = h^T da."""
    da = tanh_vjp(projected + h @ recurrent_kernel, cotangent)
    return da, *_back_through_product(h, recurrent_kernel, da)


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
    _, z, candidate, _ = _gru_gates(projected, h, recurrent_kernel, recurrent_bias)
    n, z = tanh(candidate), sigmoid(z)
    return (1 - z) * n + z * h


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

    dU = h^T dq as in every product, and h has two ways to h': dh = z dh' + dq U^T.
    """
    a_r, a_z, a_n, recalled = _gru_gates(projected, h, recurrent_kernel, recurrent_bias)
    r, z, n = sigmoid(a_r), sigmoid(a_z), tanh(a_n)
    dp_n = tanh_vjp(a_n, (1 - z) * cotangent)
    dp_z = sigmoid_vjp(a_z, (h - n) * cotangent)
    dp_r = sigmoid_vjp(a_r, recalled * dp_n)
    dq_n = r * dp_n
    dq = jnp.concatenate([dp_r, dp_z, dq_n], axis=-1)
    dh, dkernel = _back_through_product(h, recurrent_kernel, dq)
    dbias = dq_n.reshape(-1, dq_n.shape[-1]).sum(axis=0)
    return jnp.concatenate([dp_r, dp_z, dp_n], axis=-1), z * cotangent + dh, dkernel, dbias


def _gru_gates(projected, h, recurrent_kernel, recurrent_bias):
    """The net inputs of r, z and n, and what r lets through to n: q_n + c."""
    p_r, p_z, p_n = jnp.split(projected, 3, axis=-1)
    q_r, q_z, q_n = jnp.split(h @ recurrent_kernel, 3, axis=-1)
    recalled = q_n + jnp.broadcast_to(recurrent_bias, q_n.shape)
    a_r = p_r + q_r
    return a_r, p_z + q_z, p_n + sigmoid(a_r) * recalled, recalled


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
    c, h = carry
    a_i, a_f, a_g, a_o = jnp.split(projected + h @ recurrent_kernel, 4, axis=-1)
    c = sigmoid(a_f) * c + sigmoid(a_i) * tanh(a_g)
    return c, sigmoid(a_o) * tanh(c)


def lstm_cell_vjp(
    projected: Gates,
    carry: tuple[Units, Units],
    recurrent_kernel: Float[Array, "units gates"],
    cotangent: tuple[Units, Units],
) -> tuple[Gates, tuple[Units, Units], Float[Array, "units gates"]]:
    """The memory c' is read twice, by the next step and by h': dc'' = dc' + o tanh'(c') dh'.

        di = g dc''    df = c dc''    dg = i dc''    do = tanh(c') dh'    dc = f dc''

    Each gate's slope gives da, the gradient of x W + b; dh = da U^T and dU = h^T da.
    """
    c, h = carry
    dc, dh = cotangent
    a_i, a_f, a_g, a_o = jnp.split(projected + h @ recurrent_kernel, 4, axis=-1)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)
    new_c = f * c + i * g
    dc = dc + tanh_vjp(new_c, o * dh)
    gates = (
        sigmoid_vjp(a_i, g * dc),
        sigmoid_vjp(a_f, c * dc),
        tanh_vjp(a_g, i * dc),
        sigmoid_vjp(a_o, tanh(new_c) * dh),
    )
    da = jnp.concatenate(gates, axis=-1)
    dh, dkernel = _back_through_product(h, recurrent_kernel, da)
    return da, (f * dc, dh), dkernel


def _back_through_product(h: Array, kernel: Array, dq: Array) -> tuple[Array, Array]:
    """Q = h U, so dh = dq U^T and dU = h^T dq, summed over the examples."""
    rows = h.reshape(-1, h.shape[-1]).T @ dq.reshape(-1, dq.shape[-1])
    return dq @ kernel.T, rows
