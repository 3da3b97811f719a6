"""What is measured beside the loss where a run does not say it: how many answers are right.

What counts as right follows from the loss and the labels: the largest of several scores; one output
above the threshold that its loss gives it; each of several independent labels on its own; the sign,
under a hinge. Real-valued targets have no right answers, and no accuracy is recorded.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxnn import metrics
from jaxnn.data import Dataset
from jaxnn.layers import Layer

# above which a single output stands for class 1; a loss of class indices has one class then, 0
_PROBABILITY, _LOGIT, _ONE_CLASS = 0.5, 0.0, math.inf
_THRESHOLDS = {
    "jaxnn.binary_cross_entropy": _PROBABILITY,
    "jaxnn.sigmoid_binary_cross_entropy": _LOGIT,
    "jaxnn.hinge": _LOGIT,
    "optax.sigmoid_binary_cross_entropy": _LOGIT,
    "optax.sigmoid_focal_loss": _LOGIT,
    "optax.hinge_loss": _LOGIT,
    "optax.perceptron_loss": _LOGIT,
    "jaxnn.squared_error": _PROBABILITY,  # half way between the targets 0 and 1
    "jaxnn.absolute_error": _PROBABILITY,
    "jaxnn.huber": _PROBABILITY,
    "optax.squared_error": _PROBABILITY,
    "optax.l2_loss": _PROBABILITY,
    "optax.huber_loss": _PROBABILITY,
    "optax.log_cosh": _PROBABILITY,
    "jaxnn.softmax_cross_entropy": _ONE_CLASS,
    "jaxnn.smoothed_softmax_cross_entropy": _ONE_CLASS,
    "jaxnn.negative_log_likelihood": _ONE_CLASS,
    "jaxnn.multiclass_hinge": _ONE_CLASS,
    "optax.softmax_cross_entropy_with_integer_labels": _ONE_CLASS,
}
_OF_LABELS = [  # losses of independent labels
    "jaxnn.binary_cross_entropy", "jaxnn.sigmoid_binary_cross_entropy", "jaxnn.hinge",
    "optax.sigmoid_binary_cross_entropy", "optax.sigmoid_focal_loss", "optax.hinge_loss",
    "optax.perceptron_loss",
]  # fmt: skip
_OF_DISTRIBUTIONS = [
    "jaxnn.categorical_cross_entropy", "jaxnn.softmax_cross_entropy_with_soft_targets",
    "jaxnn.kl_divergence", "jaxnn.js_divergence", "optax.softmax_cross_entropy",
    "optax.safe_softmax_cross_entropy",
]  # fmt: skip


def measured(setup: Callable, dataset: Any) -> Callable:
    """The set-up, whose runs then say what they measure on these data."""
    if not isinstance(dataset, Dataset):  # `Run.check_against` says so
        return setup
    return _Measured(setup, dataset.train.labels.dtype)


@dataclasses.dataclass(frozen=True)
class _Measured:
    setup: Callable
    dtype: np.dtype

    @property
    def __name__(self) -> str:
        return getattr(self.setup, "__name__", repr(self.setup))

    def __call__(self, **hyperparameters: Any) -> Any:
        """The run; what is none passes as it is."""
        run = self.setup(**hyperparameters)
        return run.measured_on(self.dtype) if hasattr(run, "measured_on") else run


def default_metrics(model: Layer, loss: Callable, dtype: Any) -> dict[str, Callable]:
    """The metrics of a run that names none.

    Args:
      model: what gives the predictions.
      loss: what it is trained with.
      dtype: of the labels: integers are class indices.
    """
    name = loss_name(loss)
    if np.issubdtype(dtype, np.integer):
        threshold = _THRESHOLDS.get(name, _threshold_of(model))
        if threshold is None:
            return {"accuracy": functools.partial(_accuracy_of_scores, name)}
        return {"accuracy": functools.partial(metrics.accuracy, threshold=threshold)}
    if name in _OF_LABELS:
        return {"accuracy": functools.partial(metrics.binary_accuracy, threshold=_THRESHOLDS[name])}
    return {"accuracy": metrics.categorical_accuracy} if name in _OF_DISTRIBUTIONS else {}


def loss_name(loss: Callable) -> str:
    """The package and the name of a loss, without the settings that are bound to it."""
    plain = loss.func if isinstance(loss, functools.partial) else loss
    package = str(getattr(plain, "__module__", "")).partition(".")[0]
    return f"{package}.{getattr(plain, '__name__', repr(plain))}"


def _threshold_of(model: Layer) -> float | None:
    """That of a network which ends in a sigmoid."""
    while model.parts and model.name.startswith("serial("):
        model = model.parts[-1]
    return _PROBABILITY if model.name in ("sigmoid", "hard_sigmoid") else None


def _accuracy_of_scores(loss: str, predictions: Any, labels: Any) -> Any:
    if predictions.ndim == labels.ndim or predictions.shape[-1] == 1:
        raise ValueError(
            f"the loss {loss} does not say from where on a single output means class 1, and"
            " without it no accuracy can be recorded: give train.Run(metrics={}), or"
            ' metrics={"accuracy": functools.partial(metrics.accuracy, threshold=0.5)} for a'
            " probability, 0.0 for a logit"
        )
    return metrics.accuracy(predictions, labels)
