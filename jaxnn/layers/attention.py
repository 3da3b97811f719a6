"""Attention: every step of a sequence reads from all steps, with weights that it computes itself.

The parts of the Transformer [Vaswani et al. 2017]: scaled dot-product and multi-head attention, the
sinusoidal positional encoding, and the encoder block.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxnn import checks
from jaxnn.activations import softmax, softmax_vjp
from jaxnn.layers.dense import affine, affine_vjp, dense
from jaxnn.layers.elementwise import relu
from jaxnn.layers.layer import Layer, serial, stateless
from jaxnn.layers.residual import residual

Queries = Float[Array, "*batch queries dim"]
Keys = Float[Array, "*batch keys dim"]
Values = Float[Array, "*batch keys value_dim"]
Sequence = Float[Array, "*batch time features"]
Mask = Bool[Array, "..."] | None


def dot_product_attention(
    query: Queries, key: Keys, value: Values, *, mask: Mask = None
) -> Float[Array, "*batch queries value_dim"]:
    """y = A v with A = softmax(S), S = q k^T / sqrt(dim)  [Vaswani et al. 2017, eq. 1].

    Without the root, products of `dim` random terms grow with sqrt(dim), and softmax saturates.

    Args:
      query: q, what each reader looks for.
      key: k, what each step offers.
      value: v, what a reader gets.
      mask: true where a query may read a key; [queries, keys], with the batch axes or without.

    Returns:
      For each query a mean of the values, weighted by A. A query that may read nothing gets 0.

    Raises:
      TypeError: the mask is not of booleans.
      ValueError: queries, keys and values do not fit together, or the mask does not fit the scores.
    """
    _check_fit(query, key, value)
    scores, allowed = _scores(query, key, mask)
    return jnp.where(allowed, softmax(scores), 0) @ value


def dot_product_attention_vjp(
    query: Queries,
    key: Keys,
    value: Values,
    cotangent: Float[Array, "*batch queries value_dim"],
    *,
    mask: Mask = None,
) -> tuple[Queries, Keys, Values]:
    """Two products and a softmax between them, each by its own rule.

        dv = A^T dy    dA = dy v^T    dS_ij = A_ij (dA_ij - sum_l A_il dA_il)
        dq = dS k / sqrt(dim)         dk = dS^T q / sqrt(dim)

    y_ia = sum_j A_ij v_ja, so dv_ja = sum_i A_ij dy_ia and dA_ij = sum_a dy_ia v_ja. Each row of A
    is a softmax: d A_il / d S_ij = A_il ([j = l] - A_ij), which, times dA_il and summed over l, is
    dS_ij. S_ij = sum_a q_ia k_ja / sqrt(dim), so dq_ia = sum_j dS_ij k_ja / sqrt(dim) and dk_ja =
    sum_i dS_ij q_ia / sqrt(dim). Where the mask forbids, A is 0 and stays 0: dS is 0 there.
    """
    _check_fit(query, key, value)
    scores, allowed = _scores(query, key, mask)
    weights = jnp.where(allowed, softmax(scores), 0)
    checks.cotangent(cotangent, (*query.shape[:-1], value.shape[-1]))
    dweights = cotangent @ value.mT
    dscores = jnp.where(allowed, softmax_vjp(scores, dweights), 0) / math.sqrt(query.shape[-1])
    return dscores @ key, dscores.mT @ query, weights.mT @ cotangent


def _check_fit(query: Array, key: Array, value: Array) -> None:
    q, k, v = query.shape, key.shape, value.shape
    fits = len(q) == len(k) == len(v) >= 2 and q[:-2] == k[:-2] == v[:-2]
    if not fits or q[-1] != k[-1] or k[-2] != v[-2]:
        raise ValueError(
            "queries [..., queries, dim], keys [..., keys, dim] and values [..., keys, value_dim]"
            f" do not fit together in the shapes {q}, {k} and {v}"
        )


def _scores(query: Array, key: Array, mask: Array | None) -> tuple[Array, Array]:
    """S, with -inf where the mask forbids, and the mask in its shape."""
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if mask is None:
        return scores, jnp.ones(scores.shape, bool)
    if mask.dtype != bool:
        raise TypeError(f"the mask must be of booleans, true where to read, got {mask.dtype}")
    if mask.shape[-2:] != scores.shape[-2:] or mask.shape not in (scores.shape, scores.shape[-2:]):
        raise ValueError(f"a mask of shape {mask.shape} does not fit scores of {scores.shape}")
    allowed = jnp.broadcast_to(mask, scores.shape)
    return jnp.where(allowed, scores, -jnp.inf), allowed


def multi_head_attention(
    x: Sequence,
    in_kernel: Float[Array, "features projected"],
    in_bias: Float[Array, " projected"],
    out_kernel: Float[Array, "features features"],
    out_bias: Float[Array, " features"],
    *,
    num_heads: int = 1,
    mask: Mask = None,
) -> Sequence:
    """y = concat(head_1, ..., head_h) W_O + b_O, where the sequence attends to itself.

        head_i = attention(q_i, k_i, v_i)      (q, k, v) = x W_in + b_in, each cut in h parts

    [Vaswani et al. 2017, section 3.2.2].

    Args:
      x: the sequence.
      in_kernel: W_in, the kernels of q, k and v side by side: [features, 3 features].
      in_bias: b_in.
      out_kernel: W_O.
      out_bias: b_O.
      num_heads: h, a divisor of features.
      mask: true where a step may read another: [time, time].

    Raises:
      ValueError: num_heads is no divisor of features, or a kernel or bias does not fit.
    """
    q, k, v = _heads(affine(x, in_kernel, in_bias), num_heads)
    return affine(_merged(dot_product_attention(q, k, v, mask=mask)), out_kernel, out_bias)


def multi_head_attention_vjp(
    x: Sequence,
    in_kernel: Float[Array, "features projected"],
    in_bias: Float[Array, " projected"],
    out_kernel: Float[Array, "features features"],
    out_bias: Float[Array, " features"],
    cotangent: Sequence,
    *,
    num_heads: int = 1,
    mask: Mask = None,
) -> tuple[
    Sequence,
    Float[Array, "features projected"],
    Float[Array, " projected"],
    Float[Array, "features features"],
    Float[Array, " features"],
]:
    """The chain rule: affine, attention, affine, walked backwards.

        dH = dy W_O^T      dW_O = H^T dy      db_O = sum dy      with H = concat(head_1, ...)
        dx = dP W_in^T     dW_in = x^T dP     db_in = sum dP     with P = x W_in + b_in

    H and P stand for all steps, one per row. Between them lies attention: dH, cut into heads, gives
    (dq_i, dk_i, dv_i) of each head by its rule, and these, merged again, are dP. To cut and to
    merge moves numbers; each undoes the other. (Under `jit` the values that are made again here are
    those of the forward pass, and XLA makes them once.)
    """
    q, k, v = _heads(affine(x, in_kernel, in_bias), num_heads)
    merged = _merged(dot_product_attention(q, k, v, mask=mask))
    dmerged, dout_kernel, dout_bias = affine_vjp(merged, out_kernel, out_bias, cotangent)
    dheads = dot_product_attention_vjp(q, k, v, _cut(dmerged, num_heads), mask=mask)
    dprojected = jnp.concatenate([_merged(part) for part in dheads], axis=-1)
    return *affine_vjp(x, in_kernel, in_bias, dprojected), dout_kernel, dout_bias


def _heads(projected: Array, num_heads: int) -> list[Array]:
    """Queries, keys and values, each [*batch, heads, time, dim]."""
    if projected.shape[-1] % 3:
        raise ValueError(
            "queries, keys and values share the columns of in_kernel evenly, but there are"
            f" {projected.shape[-1]}: give 3 times the features"
        )
    return [_cut(part, num_heads) for part in jnp.split(projected, 3, axis=-1)]


def _cut(x: Array, num_heads: int) -> Array:
    _check_heads(num_heads, x.shape[-1])
    parts = x.reshape(*x.shape[:-1], num_heads, x.shape[-1] // num_heads)
    return parts.swapaxes(-2, -3)  # [*batch, heads, time, dim]


def _merged(parts: Array) -> Array:
    parts = parts.swapaxes(-2, -3)  # [*batch, time, heads, dim]
    return parts.reshape(*parts.shape[:-2], parts.shape[-2] * parts.shape[-1])


def _check_heads(num_heads: int, features: int) -> None:
    checks.positive_int("num_heads", num_heads)
    if features % num_heads:
        raise ValueError(f"{num_heads} heads cannot share {features} features")


def self_attention(
    num_heads: int,
    *,
    causal: bool = False,
    kernel_init: jax.nn.initializers.Initializer = jax.nn.initializers.glorot_uniform(),
) -> Layer:
    """Multi-head attention of a sequence [batch, time, features] to itself; the same shape.

    Args:
      num_heads: a divisor of features.
      causal: True lets a step read itself and the steps before it only.
      kernel_init: draws each of the four kernels [features, features]; biases start at 0.

    Raises:
      TypeError, ValueError: num_heads is not an int of at least 1.
      ValueError: (from init) it does not divide the features, or the input has no time axis.
    """
    checks.positive_int("num_heads", num_heads)

    def init(key, in_shape):
        _check_sequence("self_attention", in_shape)
        features = in_shape[-1]
        _check_heads(num_heads, features)
        *in_keys, out_key = jax.random.split(key, 4)
        params = {
            "in_kernel": jnp.concatenate(
                [kernel_init(key, (features, features)) for key in in_keys], axis=1
            ),
            "in_bias": jnp.zeros(3 * features),
            "out_kernel": kernel_init(out_key, (features, features)),
            "out_bias": jnp.zeros(features),
        }
        return params, (), in_shape

    def forward(params, state, x, key, train):
        del key, train
        y = multi_head_attention(x, **params, num_heads=num_heads, mask=mask_of(x))
        return y, state, x

    def backward(params, x, dy):
        dx, *rest = multi_head_attention_vjp(
            x, **params, cotangent=dy, num_heads=num_heads, mask=mask_of(x)
        )
        names = ("in_kernel", "in_bias", "out_kernel", "out_bias")
        return dict(zip(names, rest, strict=True)), dx

    def mask_of(x):
        return causal_mask(x.shape[-2]) if causal else None

    return Layer(init, forward, backward, f"self_attention({num_heads})")


def causal_mask(time: int) -> Bool[Array, "time time"]:
    """True where step i may read step j: j <= i."""
    return jnp.tril(jnp.ones((time, time), bool))


def sinusoidal_encoding(time: int, features: int) -> np.ndarray:
    """P[t, 2i] = sin(t / 10000^(2i/d)), P[t, 2i+1] = cos(the same), with d = features.

    [Vaswani et al. 2017, section 3.5], of float64. A pair (2i, 2i + 1) is a hand of a clock; a
    shift of t turns each hand by a fixed angle, so it is a linear map of P.

    Raises:
      TypeError, ValueError: time or features is not an int of at least 1.
    """
    checks.positive_int("time", time)
    checks.positive_int("features", features)
    column = np.arange(features)
    angle = np.arange(time)[:, None] / 10000.0 ** ((column - column % 2) / features)
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle))


def add_positions(x: Sequence) -> Sequence:
    """y = x + P: attention alone cannot tell one order of the steps from another."""
    encoding = jnp.asarray(sinusoidal_encoding(*x.shape[-2:]), x.dtype)
    return x + jnp.broadcast_to(encoding, x.shape)


def add_positions_vjp(x: Sequence, cotangent: Sequence) -> Sequence:
    """P is a constant: dx = dy."""
    return checks.cotangent(cotangent, x.shape)


def positional_encoding() -> Layer:
    """The layer that adds `sinusoidal_encoding` to a sequence [batch, time, features]."""
    return stateless(
        forward=lambda x: (add_positions(x), x),
        backward=add_positions_vjp,
        name="positional_encoding",
        out_shape=lambda in_shape: _check_sequence("positional_encoding", in_shape),
    )


def _check_sequence(name: str, in_shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(in_shape) != 2 or in_shape[0] < 1:
        raise ValueError(f"{name} needs [time, features] of at least one step, got {in_shape}")
    return in_shape


def encoder_block(
    features: int,
    num_heads: int,
    hidden: int,
    *,
    norm: Layer,
    norm_first: bool = True,
    causal: bool = False,
    activation: Layer = relu,
) -> Layer:
    """A Transformer block: attention over the steps, then a network within each step.

        y = x + attention(norm(x))     z = y + network(norm(y))     norm_first [Xiong et al. 2020]
        y = norm(x + attention(x))     z = norm(y + network(y))     otherwise [Vaswani et al. 2017]

    It is a composition of layers, so its backward pass is theirs, walked in reverse: with a(x) =
    attention(norm(x)) and n(y) = network(norm(y)), dy = dz + (d n / d y)^T dz and dx = dy +
    (d a / d x)^T dy for norm_first, which trains without a warm-up of the learning rate, as dz has
    a way to x past all norms. Otherwise each sum stands behind a norm, whose rule comes first.

    Args:
      features: width of a step, of the input as of the output.
      num_heads: a divisor of features.
      hidden: width inside the network dense(hidden), activation, dense(features).
      norm: the normalising layer, `layer_norm` in both papers; used twice, with params of its own.
      norm_first: where the normalisation stands.
      causal: True lets a step read itself and the steps before it only.
      activation: the network's, ReLU in both papers.

    Raises:
      ValueError: num_heads is no divisor of features.
    """
    checks.positive_int("features", features)
    _check_heads(num_heads, features)
    attention = self_attention(num_heads, causal=causal)
    network = serial(dense(hidden), activation, dense(features))
    if norm_first:
        block = serial(residual(serial(norm, attention)), residual(serial(norm, network)))
    else:
        block = serial(residual(attention), norm, residual(network), norm)
    return block._replace(name=f"encoder_block({features}, {num_heads}, {hidden})")
