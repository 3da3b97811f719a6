"""The networks of `jaxnn.models` in Flax NNX: parts that Flax users know, and the same numbers.

Each takes the shape of one example first, and then the arguments of the function of the same name
in `jaxnn.models`. Our layers check them when the module is made: an unknown activation or padding,
an image smaller than the kernel, and a width below 1 are refused.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jaxnn import activations, checks, layers, models
from jaxnn.modules.parts import Chain, Dropout, Network, Residual
from jaxnn.rules import vjp_of

Shape = Sequence[int]  # of one example
Parts = list[Callable]


class LogisticRegression(Network):
    """One linear layer of the pixels; see `models.logistic_regression`."""

    def __init__(self, in_shape: Shape, classes: int, *, rngs: nnx.Rngs):
        twin = models.logistic_regression(classes)
        parts: Parts = [_flatten, _linear(math.prod(in_shape), classes, rngs)]
        super().__init__(parts, twin, in_shape, rngs)


class MLP(Network):
    """Dense hidden layers and a linear read-out; see `models.mlp`."""

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        hidden: Sequence[int] = (128, 64),
        *,
        activation: str = "relu",
        dropout: checks.Number | None = None,
        rngs: nnx.Rngs,
    ):
        twin = models.mlp(classes, hidden, activation=activation, dropout=dropout)
        parts: Parts = [_flatten]
        width = math.prod(in_shape)
        for units in hidden:
            parts += [_linear(width, units, rngs), _activation(activation)]
            parts += _dropout(dropout, rngs)
            width = units
        super().__init__([*parts, _linear(width, classes, rngs)], twin, in_shape, rngs)


class ConvNet(Network):
    """The network of cnn_session: 32-32-pool-64-64-pool, dense 128; see `models.conv_net`."""

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        *,
        filters: Sequence[int] = (32, 64),
        kernel_size: int = 3,
        padding: Any = "SAME",
        units: int = 128,
        activation: str = "relu",
        dropout: checks.Number | None = 0.4,
        rngs: nnx.Rngs,
    ):
        twin = models.conv_net(
            classes, filters=filters, kernel_size=kernel_size, padding=padding, units=units,
            activation=activation, dropout=dropout,
        )  # fmt: skip
        params, _, _ = jax.eval_shape(lambda: twin.init(jax.random.key(0), tuple(in_shape)))
        flat = params[-3]["kernel"].shape[0]  # what pooling leaves, flattened
        act = _activation(activation)
        parts: Parts = []
        channels = in_shape[-1]
        for features in filters:
            for width in (channels, features):
                conv = _conv(width, features, rngs, kernel_size=kernel_size, padding=padding)
                parts += [conv, act, _batch_norm(features, rngs)]
            parts += [_pool, *_dropout(dropout, rngs)]
            channels = features
        parts += [_flatten, _linear(flat, units, rngs), act, _linear(units, classes, rngs)]
        super().__init__(parts, twin, in_shape, rngs)


class Autoencoder(Network):
    """Dense layers down to a code, and back to the image; see `models.autoencoder`."""

    def __init__(
        self,
        in_shape: Shape,
        code: int = 32,
        *,
        hidden: Sequence[int] = (128,),
        activation: str = "relu",
        rngs: nnx.Rngs,
    ):
        twin = models.autoencoder(in_shape, code, hidden=hidden, activation=activation)
        shape, pixels = tuple(in_shape), math.prod(in_shape)
        parts: Parts = [_flatten]
        width = pixels
        for units in (*hidden, code, *reversed(hidden)):
            parts += [_linear(width, units, rngs), _activation(activation)]
            width = units
        parts += [_linear(width, pixels, rngs), _activation("sigmoid"), _Reshape(shape)]
        super().__init__(parts, twin, in_shape, rngs)


class ConvAutoencoder(Network):
    """Convolutions and pooling down, upsampling and back; see `models.conv_autoencoder`."""

    def __init__(
        self,
        in_shape: Shape,
        *,
        filters: Sequence[int] = (16, 8),
        kernel_size: int = 3,
        activation: str = "relu",
        rngs: nnx.Rngs,
    ):
        channels = in_shape[-1]
        twin = models.conv_autoencoder(
            channels, filters=filters, kernel_size=kernel_size, activation=activation
        )
        act, size = _activation(activation), kernel_size
        parts: Parts = []
        width = channels
        for features in filters:
            parts += [_conv(width, features, rngs, kernel_size=size), act, _pool]
            width = features
        for features in reversed(filters):
            conv = _conv(width, features, rngs, kernel_size=size)
            parts += [conv, act, layers.repeat_pixels]
            width = features
        parts += [_conv(width, channels, rngs, kernel_size=size), _activation("sigmoid")]
        super().__init__(parts, twin, in_shape, rngs)


class RNNClassifier(Network):
    """A vanilla recurrent network over the rows of an image; see `models.rnn_classifier`."""

    def __init__(self, in_shape: Shape, classes: int, units: int = 64, *, rngs: nnx.Rngs):
        twin = models.rnn_classifier(classes, units)
        cell = nnx.SimpleCell(math.prod(in_shape[1:]), units, dtype=None, rngs=rngs)
        parts = [_rows, _Last(nnx.RNN(cell, rngs=False)), _linear(units, classes, rngs)]
        super().__init__(parts, twin, in_shape, rngs)


class LSTMClassifier(Network):
    """A long short-term memory over the rows of an image; see `models.lstm_classifier`."""

    def __init__(self, in_shape: Shape, classes: int, units: int = 64, *, rngs: nnx.Rngs):
        twin = models.lstm_classifier(classes, units)
        cell = nnx.OptimizedLSTMCell(math.prod(in_shape[1:]), units, rngs=rngs)
        parts = [_rows, _Last(nnx.RNN(cell, rngs=False)), _linear(units, classes, rngs)]
        super().__init__(parts, twin, in_shape, rngs)


class TransformerClassifier(Network):
    """A Transformer encoder over the rows of an image; see `models.transformer_classifier`."""

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        *,
        features: int = 32,
        num_heads: int = 4,
        hidden: int = 64,
        blocks: int = 2,
        activation: str = "relu",
        rngs: nnx.Rngs,
    ):
        twin = models.transformer_classifier(
            classes, features=features, num_heads=num_heads, hidden=hidden, blocks=blocks,
            activation=activation,
        )  # fmt: skip
        act = _activation(activation)
        parts: Parts = [_rows, _linear(math.prod(in_shape[1:]), features, rngs)]
        parts.append(layers.add_positions)
        for _ in range(blocks):
            attention = nnx.MultiHeadAttention(
                num_heads, features, decode=False, attention_fn=_attend, rngs=rngs
            )
            network = Chain([_linear(features, hidden, rngs), act, _linear(hidden, features, rngs)])
            around = Residual(Chain([_layer_norm(features, rngs), attention]))
            within = Residual(Chain([_layer_norm(features, rngs), network]))
            parts.append(Chain([around, within]))
        parts += [_layer_norm(features, rngs), layers.mean_of_steps]
        super().__init__([*parts, _linear(features, classes, rngs)], twin, in_shape, rngs)


class ResNet(Network):
    """A small residual network, norms before convolutions; see `models.resnet`."""

    def __init__(
        self,
        in_shape: Shape,
        classes: int,
        *,
        filters: Sequence[int] = (16, 32, 64),
        blocks: int = 1,
        activation: str = "relu",
        rngs: nnx.Rngs,
    ):
        twin = models.resnet(classes, filters=filters, blocks=blocks, activation=activation)
        act = _activation(activation)
        parts: Parts = []
        channels = in_shape[-1]
        for stage, features in enumerate(filters):
            parts.append(_conv(channels, features, rngs, strides=2 if stage else 1))
            for _ in range(blocks):
                body: Parts = []
                for _ in range(2):
                    conv = _conv(features, features, rngs)
                    body += [_batch_norm(features, rngs), act, conv]
                parts.append(Residual(Chain(body)))
            channels = features
        parts += [_batch_norm(channels, rngs), act, layers.mean_of_image]
        super().__init__([*parts, _linear(channels, classes, rngs)], twin, in_shape, rngs)


class _Reshape(nnx.Module):
    """Each example in another shape."""

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape

    def __call__(self, x):
        return x.reshape(x.shape[0], *self.shape)


class _Last(nnx.Module):
    """What a recurrent network says at the last step."""

    def __init__(self, body: nnx.RNN):
        self.body = body

    def __call__(self, x):
        cell = self.body.cell
        zeros = jnp.zeros((x.shape[0], cell.hidden_features), x.dtype)
        start = (zeros, zeros) if isinstance(cell, nnx.OptimizedLSTMCell) else zeros
        return self.body(x, initial_carry=start)[:, -1]


def _attend(query, key, value, **settings):
    """Ours, in the dtype of its inputs: Flax's own takes the softmax in float32."""
    del settings  # of a mask and of dropout, which these networks do without
    heads_first = (jnp.swapaxes(x, -3, -2) for x in (query, key, value))
    return jnp.swapaxes(layers.dot_product_attention(*heads_first), -3, -2)


def _activation(name: str) -> Callable:
    """With our rule: autodiff halves the gradient where relu meets a 0, as behind dead units."""
    function = getattr(activations, name)
    if name in ("softmax", "log_softmax", "maxout"):  # their slopes are matrices
        return function
    rule = vjp_of(function)
    ruled = jax.custom_jvp(function)
    # forwards as backwards: the slope is a number for each element
    ruled.defjvp(lambda x, dx: (function(*x), rule(*x, *dx)))
    return ruled


def _flatten(x):
    return x.reshape(x.shape[0], -1)


def _rows(x):
    return x.reshape(*x.shape[:2], -1)


def _pool(x):
    return nnx.max_pool(x, (2, 2), strides=(2, 2))


def _dropout(rate: checks.Number | None, rngs: nnx.Rngs) -> list[Dropout]:
    return [] if rate is None else [Dropout(rate, rngs=rngs)]


def _linear(features: int, units: int, rngs: nnx.Rngs) -> nnx.Linear:
    return nnx.Linear(features, units, rngs=rngs)


def _conv(
    channels: int,
    features: int,
    rngs: nnx.Rngs,
    *,
    kernel_size: int = 3,
    strides: int = 1,
    padding: Any = "SAME",
) -> nnx.Conv:
    size = (kernel_size, kernel_size)
    return nnx.Conv(channels, features, size, strides=strides, padding=padding, rngs=rngs)


def _batch_norm(features: int, rngs: nnx.Rngs) -> nnx.BatchNorm:
    """Of Keras' settings; the variance is not E[x^2] - E[x]^2, which cancels."""
    return nnx.BatchNorm(features, momentum=0.99, epsilon=1e-3, use_fast_variance=False, rngs=rngs)


def _layer_norm(features: int, rngs: nnx.Rngs) -> nnx.LayerNorm:
    return nnx.LayerNorm(features, epsilon=1e-3, use_fast_variance=False, rngs=rngs)
