"""The models and update rules that the script knows by name, and the set-up that they make.

A new model is a function here: its parameters after the number of classes become its flags, if
`TrainConfig` has fields of these names.
"""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import optax

from jaxnn import activations, layers, losses, optimizers, regularizers, train


def mlp(
    classes: int, hidden: tuple[int, ...], activation: str, dropout: Any = None
) -> layers.Layer:
    """Dense hidden layers, each with an activation (and dropout), and a linear read-out."""
    after = [layers.activation(getattr(activations, activation))]
    after += [] if dropout is None else [layers.dropout(dropout)]
    hidden_layers = [layer for width in hidden for layer in (layers.dense(width), *after)]
    return layers.serial(layers.flatten, *hidden_layers, layers.dense(classes))


def logistic_regression(classes: int) -> layers.Layer:
    """One linear layer under the softmax."""
    return layers.serial(layers.flatten, layers.dense(classes))


MODELS: dict[str, Callable[..., layers.Layer]] = {
    model.__name__: model for model in (mlp, logistic_regression)
}
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
ACTIVATIONS = [
    name
    for name, function in vars(activations).items()
    if hasattr(activations, f"{name}_vjp") and callable(function) and name != "maxout"
]  # maxout makes one unit of several


def options_of(models: Iterable[str]) -> set[str]:
    """The hyperparameters that at least one of the models has."""
    return {
        name for model in models for name in list(inspect.signature(MODELS[model]).parameters)[1:]
    }


@functools.cache  # programs are kept by their set-up
def setup_for(classes: int) -> Callable[..., train.Run]:
    """The set-up of a classification with so many classes, for `train.sweep`."""

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
        **others: Any,
    ) -> train.Run:
        options = {name: others.pop(name) for name in options_of(MODELS) & others.keys()}
        own = {name: value for name, value in options.items() if name in options_of([model])}
        decay = {"decay": momentum} if optimizer in WITH_MOMENTUM else {}
        return train.Run(
            model=MODELS[model](classes, **own),
            loss=losses.softmax_cross_entropy,
            regularizer=_penalty(l1, l2),
            optimizer=OPTIMIZERS[optimizer](learning_rate, **decay),
            epochs=epochs,
            batch_size=batch_size,
            gradient=gradient,
            early_stopping=None if patience is None else train.EarlyStopping(patience=patience),
            **others,
        )

    return training_script


def _penalty(l1: Any, l2: Any) -> regularizers.Regularizer | None:
    if l1 is not None and l2 is not None:
        return regularizers.elastic_net(l1, l2)
    if l1 is not None:
        return regularizers.l1(l1)
    return None if l2 is None else regularizers.l2(l2)
