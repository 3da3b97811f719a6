"""The fully connected layer: an affine map of the last axis."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.layers.layer import Layer


def affine(
    x: Float[Array, "*batch n_in"], kernel: Float[Array, "n_in n_out"], bias: Float[Array, " n_out"]
) -> Float[Array, "*batch n_out"]:
    """y = x W + b, the net input of a layer of neurons [Rosenblatt 1958].

    Raises:
      ValueError: the last axis of x is not the first of the kernel, or the bias not as long as its
        last.
    """
    if x.shape[-1] != kernel.shape[0]:
        raise ValueError(
            f"inputs of shape {x.shape} do not fit a kernel of shape {kernel.shape}:"
            f" {x.shape[-1]} features arrive, {kernel.shape[0]} are expected"
        )
    if bias.shape != kernel.shape[1:]:
        raise ValueError(
            f"a bias of shape {bias.shape} does not fit a kernel of shape {kernel.shape}"
        )
    y = x @ kernel
    return y + jnp.broadcast_to(bias, y.shape)


def affine_vjp(
    x: Float[Array, "*batch n_in"],
    kernel: Float[Array, "n_in n_out"],
    bias: Float[Array, " n_out"],
    cotangent: Float[Array, "*batch n_out"],
) -> tuple[Float[Array, "*batch n_in"], Float[Array, "n_in n_out"], Float[Array, " n_out"]]:
    """dx = dy W^T, dW = x^T dy, db = sum_n dy_n.

    y_no = sum_i x_ni W_io + b_o, so x_ni reaches every y_no by W_io: dx_ni = sum_o dy_no W_io. W_io
    reaches y_no by x_ni in every example: dW_io = sum_n x_ni dy_no; and b_o by 1. These are the
    equations BP2 to BP4 of ann_session for a whole batch [Nielsen 2015, ch. 2].
    """
    del bias
    checks.cotangent(cotangent, (*x.shape[:-1], kernel.shape[-1]))
    x_rows = x.reshape(-1, x.shape[-1])  # [examples, n_in]
    dy_rows = cotangent.reshape(-1, cotangent.shape[-1])  # [examples, n_out]
    return cotangent @ kernel.T, x_rows.T @ dy_rows, dy_rows.sum(axis=0)


def dense(
    features: int,
    *,
    kernel_init: jax.nn.initializers.Initializer = jax.nn.initializers.glorot_uniform(),
    bias_init: jax.nn.initializers.Initializer = jax.nn.initializers.zeros,
    use_bias: bool = True,
) -> Layer:
    """A layer of `features` neurons, each connected to every feature of the last axis.

    Args:
      features: number of outputs.
      kernel_init: draws the kernel [n_in, features]; Glorot's uniform, as in the slides' Keras.
      bias_init: draws the bias [features].
      use_bias: False leaves the bias out of the params.

    Raises:
      TypeError, ValueError: features is not an int of at least 1.
      ValueError: (from init) the input is a scalar, without an axis to connect.
    """
    checks.positive_int("features", features)

    def init(key, in_shape):
        if not in_shape:
            raise ValueError(f"dense needs at least one axis of features, got shape {in_shape}")
        kernel_key, bias_key = jax.random.split(key)
        params = {"kernel": kernel_init(kernel_key, (in_shape[-1], features))}
        if use_bias:
            params["bias"] = bias_init(bias_key, (features,))
        return params, (), (*in_shape[:-1], features)

    def forward(params, state, x, key, train):
        del key, train
        return affine(x, params["kernel"], _bias(params)), state, x

    def backward(params, x, dy):
        dx, dkernel, dbias = affine_vjp(x, params["kernel"], _bias(params), dy)
        dparams = {"kernel": dkernel, "bias": dbias}
        return {name: dparams[name] for name in params}, dx

    return Layer(init, forward, backward, f"dense({features})")


def _bias(params):
    kernel = params["kernel"]
    return params.get("bias", jnp.zeros(kernel.shape[1], kernel.dtype))
