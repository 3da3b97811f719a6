"""The networks of the slides as compositions of layers.

Each is a `Layer`: its backward pass is the layers' own, walked in reverse. Widths, depths, names of
activations and paddings are structure; a dropout rate may be traced, so that a sweep over it is one
program. The read-out gives logits: the softmax is the loss's.
"""

import difflib
from collections.abc import Sequence
from typing import Any

from jaxnn import activations, checks, layers
from jaxnn.layers import Layer

ACTIVATIONS = tuple(
    name
    for name, function in vars(activations).items()
    if hasattr(activations, f"{name}_vjp") and callable(function) and name != "maxout"
)  # maxout makes one unit of several


def logistic_regression(classes: int) -> Layer:
    """One linear layer under the softmax of the loss; of the pixels in any shape."""
    return layers.serial(layers.flatten, layers.dense(classes))


def mlp(
    classes: int,
    hidden: Sequence[int] = (128, 64),
    *,
    activation: str = "relu",
    dropout: checks.Number | None = None,
) -> Layer:
    """Dense hidden layers, each with an activation (and dropout), and a linear read-out.

    Args:
      classes: number of logits.
      hidden: units of each hidden layer; () is logistic regression.
      activation: a name of `jaxnn.activations`, such as "relu", "sigmoid" or "tanh".
      dropout: the rate behind each hidden layer; None leaves dropout out.

    Raises:
      TypeError, ValueError: a width that is not an int of at least 1, an unknown activation, or a
        rate outside [0, 1).
    """
    after = [_activation(activation), *_dropout(dropout)]
    hidden_layers = [layer for width in hidden for layer in (layers.dense(width), *after)]
    return layers.serial(layers.flatten, *hidden_layers, layers.dense(classes))


def conv_net(
    classes: int,
    *,
    filters: Sequence[int] = (32, 64),
    kernel_size: int = 3,
    padding: Any = "SAME",
    units: int = 128,
    activation: str = "relu",
    dropout: checks.Number | None = 0.4,
) -> Layer:
    """The convolutional network of cnn_session: 32-32-pool-64-64-pool, dense 128, dense classes.

    As on the slide, an activation and then batch norm follow each convolution, and dropout each
    pooling; the activation alone follows the dense layer.

    Args:
      classes: number of logits.
      filters: of both convolutions of each stage; a stage halves rows and columns.
      kernel_size: rows and columns of every kernel.
      padding: of every convolution: "SAME", "VALID" or pixels, as in `layers.conv2d`.
      units: width of the dense layer before the read-out.
      activation: a name of `jaxnn.activations`.
      dropout: the rate behind each pooling; None leaves dropout out.

    Raises:
      TypeError, ValueError: as `mlp`, or an unknown padding; (from init) images that are smaller
        than a kernel or the pooling windows.
    """
    stages = []
    for features in filters:
        convolution = (
            layers.conv2d(features, kernel_size, padding=padding),
            _activation(activation),
            layers.batch_norm(),
        )
        stages += [*convolution, *convolution, layers.max_pool2d(2), *_dropout(dropout)]
    dense = layers.dense(units), _activation(activation), layers.dense(classes)
    return layers.serial(*stages, layers.flatten, *dense)


def autoencoder(
    in_shape: Sequence[int],
    code: int = 32,
    *,
    hidden: Sequence[int] = (128,),
    activation: str = "relu",
) -> Layer:
    """Dense layers down to a code of a few numbers, and back to the image, between 0 and 1.

    [Hinton and Salakhutdinov 2006], without its pretraining. The decoder has the encoder's widths
    in reverse. Train it on pixels scaled to [0, 1], with the inputs as targets.

    Args:
      in_shape: shape of one example, which is that of the output.
      code: units of the narrowest layer.
      hidden: units of the layers between image and code.
      activation: of the hidden layers, the code included.

    Raises:
      TypeError, ValueError: a size that is not an int of at least 1, or an unknown activation;
        (from init) examples of another shape.
    """
    shape = tuple(in_shape)
    widths = [*hidden, code, *reversed(hidden)]
    dense = [layer for width in widths for layer in (layers.dense(width), _activation(activation))]
    pixels = 1
    for size in shape:
        checks.positive_int("an axis of in_shape", size)
        pixels *= size
    read_out = layers.dense(pixels), layers.sigmoid, layers.reshape(shape)
    return layers.serial(layers.reshape((pixels,)), *dense, *read_out)


def conv_autoencoder(
    channels: int = 1,
    *,
    filters: Sequence[int] = (16, 8),
    kernel_size: int = 3,
    activation: str = "relu",
) -> Layer:
    """Convolutions and pooling down to a small image, upsampling and convolutions back.

    Every stage of the encoder halves rows and columns and every stage of the decoder doubles them:
    they must divide by 2 once for each of `filters`, or the output is smaller than the input.

    Args:
      channels: of the images.
      filters: of the stages of the encoder; the decoder has them in reverse.
      kernel_size: rows and columns of every kernel.
      activation: behind each convolution but the last, which has a sigmoid.
    """
    encoder: list[Layer] = []
    for features in filters:
        encoder += [_same_conv(features, kernel_size), _activation(activation)]
        encoder += [layers.max_pool2d(2)]
    decoder: list[Layer] = []
    for features in reversed(tuple(filters)):
        decoder += [_same_conv(features, kernel_size), _activation(activation)]
        decoder += [layers.upsample2d(2)]
    return layers.serial(*encoder, *decoder, _same_conv(channels, kernel_size), layers.sigmoid)


def rnn_classifier(classes: int, units: int = 64) -> Layer:
    """A vanilla recurrent network that reads an image row by row, and classifies what it recalls.

    It reads sequences [time, features] as well.
    """
    return layers.serial(layers.rows_as_steps, layers.elman(units), layers.dense(classes))


def lstm_classifier(classes: int, units: int = 64) -> Layer:
    """A long short-term memory that reads an image row by row, as `rnn_classifier`."""
    return layers.serial(layers.rows_as_steps, layers.lstm(units), layers.dense(classes))


def transformer_classifier(
    classes: int,
    *,
    features: int = 32,
    num_heads: int = 4,
    hidden: int = 64,
    blocks: int = 2,
    activation: str = "relu",
) -> Layer:
    """A Transformer encoder over the rows of an image, or the steps of a sequence, and their mean.

    Args:
      classes: number of logits.
      features: width of a step; each row is first mapped to it.
      num_heads: a divisor of features.
      hidden: width inside each block's network.
      blocks: how many `layers.encoder_block`s, with the norms first.
      activation: of the blocks' networks.

    Raises:
      ValueError: num_heads is no divisor of features.
    """
    checks.positive_int("blocks", blocks)
    block = layers.encoder_block(
        features, num_heads, hidden, norm=layers.layer_norm(), activation=_activation(activation)
    )
    embedded = layers.rows_as_steps, layers.dense(features), layers.positional_encoding()
    read_out = layers.layer_norm(), layers.mean_over_steps, layers.dense(classes)
    return layers.serial(*embedded, *[block] * blocks, *read_out)


def resnet(
    classes: int,
    *,
    filters: Sequence[int] = (16, 32, 64),
    blocks: int = 1,
    activation: str = "relu",
) -> Layer:
    """A small residual network, with the norms before the convolutions  [He et al. 2016b].

    A convolution opens each stage, from the second on with strides 2; then `blocks` times
    x + conv(act(norm(conv(act(norm(x)))))). The mean over the image is read out.

    Args:
      classes: number of logits.
      filters: of each stage.
      blocks: residual blocks in each stage.
      activation: a name of `jaxnn.activations`.
    """
    checks.positive_int("blocks", blocks)

    def activated(features):
        return layers.batch_norm(), _activation(activation), _same_conv(features, 3)

    stages: list[Layer] = []
    for position, features in enumerate(filters):
        stages.append(_same_conv(features, 3, strides=2 if position else 1))
        block = layers.residual(layers.serial(*activated(features), *activated(features)))
        stages += [block] * blocks
    read_out = layers.batch_norm(), _activation(activation), layers.global_avg_pool2d
    return layers.serial(*stages, *read_out, layers.dense(classes))


def _same_conv(features: int, kernel_size: int, strides: int = 1) -> Layer:
    return layers.conv2d(features, kernel_size, strides=strides)


def _dropout(rate: checks.Number | None) -> list[Layer]:
    return [] if rate is None else [layers.dropout(rate)]


def _activation(name: str) -> Layer:
    return layers.activation(getattr(activations, checked_activation(name)))


def checked_activation(name: str) -> str:
    """The name, if it is that of an activation."""
    if name not in ACTIVATIONS:
        near = difflib.get_close_matches(str(name), ACTIVATIONS, 1)
        raise ValueError(
            f"no activation is called {name!r}"
            + (f", did you mean {near[0]!r}?" if near else "")
            + f" There are {', '.join(ACTIVATIONS)}"
        )
    return name
