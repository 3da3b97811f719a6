"""The models and update rules that the script knows by name, and the set-up that they make.

A new model is a function here: its parameters after the number of classes become its flags, if
`TrainConfig` has fields of these names. An autoencoder takes the shape of an image instead.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import jax.numpy as jnp
import optax

from jaxnn import augment as augmentations
from jaxnn import layers, losses, models, optimizers, regularizers, train


def mlp(
    classes: int, hidden: tuple[int, ...], activation: str, dropout: Any = None
) -> layers.Layer:
    """Dense hidden layers, each with an activation (and dropout), and a linear read-out."""
    return models.mlp(classes, hidden, activation=activation, dropout=dropout)


def conv_net(classes: int, activation: str, dropout: Any = None) -> layers.Layer:
    """The convolutional network of cnn_session, whose dropout is 0.4."""
    return models.conv_net(classes, activation=activation, dropout=dropout)


def rnn_classifier(classes: int) -> layers.Layer:
    """A vanilla recurrent network over the rows of an image."""
    return models.rnn_classifier(classes)


def lstm_classifier(classes: int) -> layers.Layer:
    """A long short-term memory over the rows of an image."""
    return models.lstm_classifier(classes)


def transformer_classifier(classes: int, activation: str) -> layers.Layer:
    """A Transformer encoder over the rows of an image."""
    return models.transformer_classifier(classes, activation=activation)


def resnet(classes: int, activation: str) -> layers.Layer:
    """A small residual network."""
    return models.resnet(classes, activation=activation)


def autoencoder(
    in_shape: tuple[int, ...], hidden: tuple[int, ...], code: int, activation: str
) -> layers.Layer:
    """Dense layers down to a code, and back."""
    return models.autoencoder(in_shape, code, hidden=hidden, activation=activation)


def conv_autoencoder(in_shape: tuple[int, ...], activation: str) -> layers.Layer:
    """Convolutions and pooling down to a quarter of rows and columns, and back."""
    if len(in_shape) != 3 or in_shape[0] % 4 or in_shape[1] % 4:
        raise ValueError(
            f"conv_autoencoder halves rows and columns twice, which images of {in_shape} do not"
            " allow: take --model autoencoder"
        )
    return models.conv_autoencoder(in_shape[2], activation=activation)


AUTOENCODERS: dict[str, Callable[..., layers.Layer]] = {
    model.__name__: model for model in (autoencoder, conv_autoencoder)
}
CLASSIFIERS: dict[str, Callable[..., layers.Layer]] = {
    model.__name__: model
    for model in (
        mlp,
        models.logistic_regression,
        conv_net,
        rnn_classifier,
        lstm_classifier,
        transformer_classifier,
        resnet,
    )
}
MODELS = CLASSIFIERS | AUTOENCODERS
OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    rule.__name__: rule
    for rule in (
        optimizers.gradient_descent,
        optimizers.momentum,
        optimizers.nesterov,
        optimizers.adagrad,
        optimizers.rmsprop,
        optimizers.adam,
    )
}
WITH_MOMENTUM = ("momentum", "nesterov")
AUGMENTATIONS: dict[str, Callable] = {
    "shift": augmentations.per_image(augmentations.pad_and_crop(2)),
}
ACTIVATIONS = models.ACTIVATIONS


def options_of(models: Iterable[str]) -> set[str]:
    """The hyperparameters that at least one of the models has."""
    return {
        name for model in models for name in list(inspect.signature(MODELS[model]).parameters)[1:]
    }


def network(
    model: str, classes: int, in_shape: tuple[int, ...], options: dict[str, Any]
) -> layers.Layer:
    """The model of that name; an autoencoder gives its image as a row of pixels.

    Raises:
      ValueError: it cannot read examples of that shape.
    """
    if model in AUTOENCODERS:
        return layers.serial(AUTOENCODERS[model](in_shape, **options), layers.flatten)
    return CLASSIFIERS[model](classes, **options)


def setup_for(
    classes: int, in_shape: tuple[int, ...], num_examples: int | None = None
) -> Callable[..., train.Run]:
    """The set-up for `train.sweep` of a classification, or of an autoencoder.

    What an autoencoder loses is the squared error of a pixel, and an accuracy it has none.

    Args:
      classes: number of logits.
      in_shape: of one example.
      num_examples: how many are trained on, which a schedule of the learning rate has to know.
    """

    def training_script(
        *,
        model: str,
        optimizer: str,
        learning_rate: Any,
        epochs: int,
        batch_size: int | None,
        gradient: Any,
        momentum: Any = 0.9,
        l1: Any = None,
        l2: Any = None,
        patience: int | None = None,
        augment: str | None = None,
        schedule: str = "constant",
        **others: Any,
    ) -> train.Run:
        options = {name: others.pop(name) for name in options_of(MODELS) & others.keys()}
        own = {name: value for name, value in options.items() if name in options_of([model])}
        decay = {"decay": momentum} if optimizer in WITH_MOMENTUM else {}
        if model in AUTOENCODERS:
            others |= {"loss": losses.squared_error, "metrics": {}}
        else:
            others |= {"loss": losses.softmax_cross_entropy}
        rate = learning_rate
        if schedule == "cosine":
            assert num_examples is not None
            updates = epochs * (num_examples // (batch_size or num_examples))
            rate = _falling_to_0(learning_rate, updates)
        return train.Run(
            model=network(model, classes, in_shape, own),
            regularizer=_penalty(l1, l2),
            optimizer=OPTIMIZERS[optimizer](rate, **decay),
            augment=None if augment is None else AUGMENTATIONS[augment],
            epochs=epochs,
            batch_size=batch_size,
            gradient=gradient,
            early_stopping=None if patience is None else train.EarlyStopping(patience=patience),
            **others,
        )

    return training_script


def _falling_to_0(learning_rate: Any, updates: int) -> Callable[[Any], Any]:
    """h (1 + cos(pi t / T)) / 2 at update t of T  [Loshchilov and Hutter 2017, eq. 5]."""

    def rate(step):
        done = jnp.minimum(step.astype(float) / updates, 1.0)
        return learning_rate * (1 + jnp.cos(jnp.pi * done)) / 2

    return rate


def _penalty(l1: Any, l2: Any) -> regularizers.Regularizer | None:
    if l1 is not None and l2 is not None:
        return regularizers.elastic_net(l1, l2)
    if l1 is not None:
        return regularizers.l1(l1)
    return None if l2 is None else regularizers.l2(l2)
