"""Between images, sequences and vectors: an image's rows as steps, and the mean of all steps."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.layers.layer import stateless

Sequence = Float[Array, "batch time features"]


def mean_of_steps(x: Sequence) -> Float[Array, "batch features"]:
    """y_f = (1/T) sum_t x_tf: what a sequence says as a whole, in any order."""
    return x.mean(axis=1)


def mean_of_steps_vjp(x: Sequence, cotangent: Float[Array, "batch features"]) -> Sequence:
    """dx_tf = dy_f / T."""
    batch, time, features = x.shape
    checks.cotangent(cotangent, (batch, features))
    return jnp.broadcast_to(cotangent[:, None, :] / time, x.shape)


def _mean_shape(in_shape):
    if len(in_shape) != 2 or in_shape[0] < 1:
        raise ValueError(
            f"mean_over_steps needs [time, features] of at least one step, got {in_shape}"
        )
    return in_shape[1:]


def _rows_shape(in_shape):
    if len(in_shape) not in (2, 3) or 0 in in_shape:
        raise ValueError(
            "rows_as_steps takes images of (height, width, channels) or (height, width), each at"
            f" least 1, got {in_shape}"
        )
    return in_shape[0], in_shape[1] * (in_shape[2] if len(in_shape) == 3 else 1)


mean_over_steps = stateless(
    forward=lambda x: (mean_of_steps(x), x),
    backward=mean_of_steps_vjp,
    name="mean_over_steps",
    out_shape=_mean_shape,
)

# an image of h rows is a sequence of h steps; the gradient goes back in the shape of the image
rows_as_steps = stateless(
    forward=lambda x: (x.reshape(x.shape[0], *_rows_shape(x.shape[1:])), x.shape),
    backward=lambda shape, dy: checks.cotangent(dy, (shape[0], *_rows_shape(shape[1:]))).reshape(
        shape
    ),
    name="rows_as_steps",
    out_shape=_rows_shape,
)
