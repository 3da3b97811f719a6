"""Upsampling: images made larger by repeating their pixels, as a decoder does."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxnn import checks
from jaxnn.layers.layer import Layer, stateless
from jaxnn.layers.windows import Images, Pair, check_images, pair

Larger = Float[Array, "batch rows columns channels"]


def repeat_pixels(x: Images, *, factor: Pair = 2) -> Larger:
    """y_(pr+i, qs+j) = x_pq: each pixel becomes a block of r x s equal ones.

    A convolution behind it sees every pixel equally often; a transposed convolution whose kernel is
    no multiple of its strides does not, and paints a checkerboard  [Odena et al. 2016].

    Args:
      x: images.
      factor: r and s, how often rows and columns are repeated; an int stands for both.

    Raises:
      TypeError, ValueError: the factor is not of ints of at least 1, or x is no batch of images.
    """
    rows, columns = pair("factor", factor)
    check_images(x.shape[1:], "repeat_pixels")
    return jnp.repeat(jnp.repeat(x, rows, axis=1), columns, axis=2)


def repeat_pixels_vjp(x: Images, cotangent: Larger, *, factor: Pair = 2) -> Images:
    """dx_pq = sum_ij dy_(pr+i, qs+j), over the block: x_pq reaches each of its pixels by 1."""
    rows, columns = pair("factor", factor)
    batch, height, width, channels = x.shape
    checks.cotangent(cotangent, (batch, height * rows, width * columns, channels))
    return cotangent.reshape(batch, height, rows, width, columns, channels).sum(axis=(2, 4))


def upsample2d(factor: Pair = 2) -> Layer:
    """The layer of `repeat_pixels`; nearest-neighbour upsampling."""
    rows, columns = pair("factor", factor)

    def out_shape(in_shape):
        check_images(in_shape, "upsample2d")
        height, width, channels = in_shape
        return height * rows, width * columns, channels

    return stateless(
        forward=lambda x: (repeat_pixels(x, factor=factor), x),
        backward=lambda x, dy: repeat_pixels_vjp(x, dy, factor=factor),
        name=f"upsample2d({(rows, columns)})",
        out_shape=out_shape,
    )
