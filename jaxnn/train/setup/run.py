"""What a training run is: everything that its hyperparameters decide, and nothing else."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import backprop, checks
from jaxnn.data import Dataset
from jaxnn.layers import Layer
from jaxnn.layers.layer import keeps_integers, vocabulary_of
from jaxnn.layers.precision import in_dtype
from jaxnn.losses import aligned
from jaxnn.regularizers import Regularizer
from jaxnn.train.setup import fitting
from jaxnn.train.setup.default_metrics import default_metrics, loss_name
from jaxnn.train.setup.early_stopping import EarlyStopping
from jaxnn.train.setup.fitting import ENDINGS as ENDINGS

if TYPE_CHECKING:
    import optax

HINGES = ("jaxnn.hinge", "optax.hinge_loss", "optax.perceptron_loss")  # of the targets -1 and +1


@runtime_checkable
class HeldOut(Protocol):
    """What may be beside the training examples, in a Dataset and in its copy on a device."""

    @property
    def validation(self) -> Any: ...

    @property
    def test(self) -> Any: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A training set-up with its hyperparameters filled in.

    Attributes:
      model: the network: a Layer, or a Flax module that becomes one by `modules.as_layer`: a Linen
        module, an NNX module, or what makes one of `rngs`, so that the seed draws its weights.
      loss: (predictions, labels) -> one value per example, with its `_vjp` beside it.
      optimizer: any optax transformation, or `optax.MultiSteps`; it is given what it asks for.
      epochs: passes over the training set, at least 1.
      batch_size: examples per update; the examples left over in an epoch (other ones in each) are
        not used. None takes the whole training set for every update.
      regularizer: a penalty on the params; None for none.
      metrics: (predictions, labels) -> one value per example, by the name under which its mean is
        recorded for each split and epoch. None takes the accuracy, as it follows from the loss and
        the labels (see `default_metrics`), and nothing where the labels are real-valued targets.
      monitors: params -> a scalar, recorded under its name after each epoch.
      targets: labels -> what the loss compares the predictions with; None takes the labels as they
        are, but -1 and +1 for the classes 0 and 1 under a hinge. One-hot targets are
        functools.partial(jax.nn.one_hot, num_classes=10). Metrics get the labels themselves.
      augment: (key, inputs, targets) -> (inputs, targets) changes each training batch, with a key
        of its own, before the model sees it: see `jaxnn.augment`. None for none.
      gradient: "hand" walks the layers' own backward passes, "autodiff" takes jax.grad.
      precision: "bfloat16" computes the network in it; params, loss and updates stay float32.
      evaluate_every: validation and test come after every so many epochs, and after the last; the
        epochs between are NaN in the result.
      folds: into how many parts the training set is dealt, class by class, anew for each seed; the
        part number `fold`, of n // folds examples, is held out for validation. None holds out none.
      early_stopping: when a run ends before its last epoch; None for never.

    Raises:
      TypeError, ValueError: a field is not of its kind or outside its range.
    """

    model: Any
    loss: Callable
    optimizer: "optax.GradientTransformation"
    epochs: int
    batch_size: int | None
    regularizer: Regularizer | None = None
    metrics: Mapping[str, Callable] | None = None
    monitors: Mapping[str, Callable] = dataclasses.field(default_factory=dict)
    targets: Callable | None = None
    augment: Callable | None = None
    gradient: Literal["hand", "autodiff"] = "hand"
    precision: Literal["float32", "bfloat16"] = "float32"
    evaluate_every: int = 1
    folds: int | None = None
    early_stopping: EarlyStopping | None = None

    def __post_init__(self):
        import optax  # takes 0.1 s, which `import jaxnn` need not wait for

        object.__setattr__(self, "model", _as_layer(self.model))
        if not callable(self.loss):
            raise TypeError(f"loss must be a function of predictions and labels, got {self.loss!r}")
        if not isinstance(self.regularizer, Regularizer | None):
            raise TypeError(
                f"regularizer must be one, such as regularizers.l2(0.001), got {self.regularizer!r}"
            )
        if isinstance(self.optimizer, optax.MultiSteps):
            rule = self.optimizer.gradient_transformation()
            object.__setattr__(self, "optimizer", rule)
        if not isinstance(self.optimizer, optax.GradientTransformation):
            raise TypeError(f"optimizer must be an optax transformation, got {self.optimizer!r}")
        checks.positive_int("epochs", self.epochs)
        if self.batch_size is not None:
            checks.positive_int("batch_size", self.batch_size)
        for name in ("targets", "augment"):
            if not (getattr(self, name) is None or callable(getattr(self, name))):
                raise TypeError(f"{name} must be a function, got {getattr(self, name)!r}")
        if self.gradient not in ("hand", "autodiff"):
            raise ValueError(f'gradient must be "hand" or "autodiff", got {self.gradient!r}')
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f'precision must be "float32" or "bfloat16", got {self.precision!r}')
        checks.positive_int("evaluate_every", self.evaluate_every)
        if self.folds is not None:
            checks.positive_int("folds", self.folds)
            if self.folds < 2:
                raise ValueError(f"folds must be at least 2, got {self.folds}")
        if not isinstance(self.early_stopping, EarlyStopping | None):
            raise TypeError(
                "early_stopping must be train.EarlyStopping(patience=...), got"
                f" {self.early_stopping!r}"
            )

    @property
    def network(self) -> Layer:
        """The model as it is computed, in the run's precision."""
        return in_dtype(self.model, jnp.bfloat16) if self.precision == "bfloat16" else self.model

    def gradient_fn(self) -> Callable:
        """(params, state, x, y, key) -> ((objective, Aux), grads)."""
        way = {"hand": backprop.by_hand, "autodiff": backprop.by_autodiff}[self.gradient]
        return way(self.network, self.loss, self.regularizer)

    def as_inputs(self, inputs: Any, scale: Any) -> Any:
        """What the network reads of the data: ids as integers, quantities as floats."""
        is_integer = jnp.issubdtype(inputs.dtype, jnp.integer) and inputs.dtype != jnp.uint8
        if vocabulary_of(self.model) is not None or (is_integer and keeps_integers(self.model)):
            return inputs.astype(jnp.int32)
        return inputs.astype(float_dtype()) / scale

    def targets_of(self, labels: Any) -> Any:
        """What the loss compares with."""
        if self.targets is not None:
            return self.targets(labels)
        is_classes = jnp.issubdtype(labels.dtype, jnp.integer)
        return 2 * labels - 1 if is_classes and loss_name(self.loss) in HINGES else labels

    def losses_of(self, predictions: Any, labels: Any) -> Any:
        """The loss of each example."""
        targets = self.targets_of(labels)
        return self.loss(predictions, aligned(self.loss, predictions, targets))

    def measured_on(self, dtype: Any) -> "Run":
        """The run with the metrics that it takes by default on labels of this dtype."""
        if self.metrics is not None:
            return self
        chosen = default_metrics(self.model, self.loss, dtype)
        return dataclasses.replace(self, metrics=chosen)

    def own_metrics(self) -> dict[str, Callable]:
        """The metrics, each given its labels in the shape that keeps the examples apart."""

        def measure(metric, predictions, labels):
            return metric(predictions, aligned(metric, predictions, labels))

        named = (self.metrics or {}).items()
        return {name: functools.partial(measure, metric) for name, metric in named}

    def training_batch(self, inputs: Any, labels: Any, key: jax.Array) -> tuple[Any, Any]:
        """Inputs and targets as the model and the loss meet them in training."""
        targets = self.targets_of(labels)
        return (inputs, targets) if self.augment is None else self.augment(key, inputs, targets)

    def splits(self, dataset: HeldOut) -> list[str]:
        """The parts of the data of which losses and metrics are recorded."""
        present = {
            "train": True,
            "validation": self.folds or dataset.validation,
            "test": dataset.test,
        }
        return [name for name, is_there in present.items() if is_there]

    def recorded(self, dataset: HeldOut) -> list[str]:
        """The names of what is recorded for every epoch."""
        measured = ("loss", *(self.metrics or {}))
        by_split = [f"{split}_{name}" for split in self.splits(dataset) for name in measured]
        return [*by_split, *self.monitors]

    def num_batches(self, num_examples: int) -> int:
        """Updates per epoch; ValueError where the data do not fill one batch."""
        if self.batch_size is None:
            return 1
        if num_examples < self.batch_size:
            raise ValueError(
                f"the training set has {num_examples} examples, not enough for one batch of"
                f" {self.batch_size}: take a smaller batch_size, or None for the whole set"
            )
        return num_examples // self.batch_size

    def check_against(self, dataset: Dataset, hyperparameters: Iterable[str] = ()) -> None:
        """Finds out, before anything is compiled, whether the run fits the data.

        Args:
          dataset: what it is to be trained on.
          hyperparameters: the names that the result will have as coordinates.

        Raises:
          TypeError: the data are not a Dataset.
          ValueError: too few examples, shapes that do not fit or would be broadcast, labels or ids
            out of range, a loss or a metric of a whole batch, a layer of one's own that gives
            something else than it must, a penalty that reaches no param, a monitor that is no
            scalar, or two results of one name.
          LookupError: the loss has no hand-derived gradient.
        """
        fitting.check(self, dataset, hyperparameters)


def _as_layer(model: Any) -> Layer:
    """The model, if it is a Layer; a Flax module through its door. Only then is Flax imported."""
    if isinstance(model, Layer):
        return model
    maker = model.func if isinstance(model, functools.partial) else model
    of_flax = any(kind.__module__.startswith("flax.") for kind in type(maker).__mro__)
    if of_flax or (callable(model) and "rngs" in _arguments(model)):
        from jaxnn import modules

        return modules.as_layer(model)
    raise TypeError(
        "model must be a Layer or a Flax module (or make one, as lambda rngs: MLP(10, rngs=rngs)"
        f" does), got {model!r}"
    )


def _arguments(function: Callable) -> Iterable[str]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins have none
        return ()


def float_dtype() -> np.dtype:
    """float32, or float64 where JAX has been told to use it."""
    return jnp.result_type(float)
