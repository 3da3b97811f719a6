"""What a training run is: everything that its hyperparameters decide, and nothing else."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn import backprop, checks, metrics
from jaxnn.data import Dataset, Stream
from jaxnn.layers import Layer
from jaxnn.layers.precision import in_dtype
from jaxnn.regularizers import Regularizer
from jaxnn.train.setup import update_rule
from jaxnn.train.setup.early_stopping import EarlyStopping

if TYPE_CHECKING:
    import optax

# what a result says of each run as a whole
ENDINGS = ("first_bad_step", "first_bad_loss", "first_bad_leaf", "best_epoch", "last_epoch")


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
        recorded for each split and epoch.
      monitors: params -> a scalar, recorded under its name after each epoch.
      targets: labels -> what the loss compares the predictions with; None takes the labels as they
        are. One-hot targets are functools.partial(jax.nn.one_hot, num_classes=10). Metrics get the
        labels themselves.
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
    metrics: Mapping[str, Callable] = dataclasses.field(
        default_factory=lambda: {"accuracy": metrics.accuracy}
    )
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

    def targets_of(self, labels: Any) -> Any:
        """What the loss compares with."""
        return labels if self.targets is None else self.targets(labels)

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
        measured = ("loss", *self.metrics)
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
          ValueError: too few examples, shapes that do not fit, labels out of range, a loss or a
            metric of a whole batch, a monitor that is no scalar, or two results of one name.
          LookupError: the loss has no hand-derived gradient.
        """
        if not isinstance(dataset, Dataset):
            raise TypeError(
                "the data must be a Dataset, as data.load and data.from_arrays give it, got a"
                f" {type(dataset).__name__}"
            )
        if self.folds and dataset.validation:
            raise ValueError(
                f"{dataset.name} comes with examples for validation, and the run has"
                f" folds={self.folds}: leave one of them out"
            )
        self._check_names(dataset, hyperparameters)
        self.num_batches(len(dataset.train.inputs))
        self.gradient_fn()
        one = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape[1:]), leaf.dtype), dataset.train
        )
        params, predictions = jax.eval_shape(self._predict, one.inputs)
        update_rule.check(self.optimizer, params)
        out_shape = predictions.shape[1:]
        if isinstance(dataset, Stream):  # each label is looked at when it is fetched
            _check_classes(dataset, out_shape, self.model.name)
        else:
            _check_labels(dataset.train.labels, out_shape, self.model.name, dataset.name)
        for part in (dataset.validation, dataset.test):
            if part is not None:
                _check_labels(part.labels, out_shape, self.model.name, dataset.name)
        targets = self._check_augment(one)
        against = {name: (metric, one.labels) for name, metric in self.metrics.items()}
        for name, (function, y) in ({"loss": (self.loss, targets)} | against).items():
            try:
                value = jax.eval_shape(function, predictions, y)
            except (TypeError, ValueError) as error:
                hint = "; layers.flatten makes one row of an image" if len(out_shape) > 1 else ""
                if name != "loss" and not jnp.issubdtype(y.dtype, jnp.integer):
                    hint += "; metrics={} in the run records the loss alone"
                raise ValueError(
                    f"the {name} cannot compare predictions of shape {out_shape} per example, from"
                    f" {self.model.name}, with {y.dtype} labels of shape {y.shape[1:]}:"
                    f" {error}{hint}"
                ) from error
            if getattr(value, "shape", ())[:1] != one.labels.shape[:1]:
                raise ValueError(
                    f"{'the loss' if name == 'loss' else f'the metric {name}'} must give a value"
                    f" for each example of a batch, but of a batch of one gives {value}: leave out"
                    " the mean over the batch, which is taken here"
                )
        for name, monitor in self.monitors.items():
            value = jax.eval_shape(monitor, params)
            if getattr(value, "shape", None) != ():
                raise ValueError(f"the monitor {name} must give a scalar, got {value}")

    def _check_names(self, dataset: Dataset, hyperparameters: Iterable[str]) -> None:
        recorded = self.recorded(dataset)
        names = [*recorded, *ENDINGS, "epoch", *hyperparameters]
        if self.early_stopping and self.early_stopping.monitor not in recorded:
            raise ValueError(
                f"early stopping watches {self.early_stopping.monitor}, but the run records"
                f" {', '.join(recorded)}: name one of them (folds=5 holds out a validation set,"
                " as data.hold_out does)"
            )
        twice = [name for position, name in enumerate(names) if name in names[:position]]
        if twice:
            raise ValueError(
                f"the result would have two things called {twice[0]}: give the metric, monitor or"
                " hyperparameter another name"
            )

    def _check_augment(self, one: Any) -> Any:
        """The shape of the targets in training; ValueError where others come in testing."""
        plain = jax.ShapeDtypeStruct(one.inputs.shape, float_dtype())
        in_testing = plain, jax.eval_shape(self.targets_of, one.labels)
        in_training = jax.eval_shape(
            lambda x, labels: self.training_batch(x, labels, jax.random.key(0)), plain, one.labels
        )
        for was, now in zip(in_testing, in_training, strict=True):
            if (was.shape, was.dtype) != (now.shape, now.dtype):
                raise ValueError(
                    f"augment must keep shapes and dtypes, but makes {now.dtype} of shape"
                    f" {now.shape[1:]} per example of {was.dtype} of shape {was.shape[1:]}"
                )
        return in_training[1]

    def _predict(self, inputs: Any) -> tuple[Any, Any]:
        params, state, _ = self.model.init(jax.random.key(0), inputs.shape[1:])
        x = inputs.astype(float_dtype())
        return params, self.network.forward(params, state, x, None, False)[0]


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


def _check_labels(labels: np.ndarray, out_shape: tuple, model_name: str, dataset: str) -> None:
    if not np.issubdtype(labels.dtype, np.integer):
        return
    classes = _num_classes(out_shape)
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        where = int(np.flatnonzero(wrong.reshape(len(labels), -1).any(axis=1))[0])
        raise ValueError(
            f"label {labels[where]} of example {where} of {dataset} is out of range: the"
            f" {out_shape} outputs of {model_name} stand for the labels 0 to {classes - 1}"
        )


def _check_classes(stream: Stream, out_shape: tuple, model_name: str) -> None:
    classes = _num_classes(out_shape)
    if len(stream.classes) > classes:
        raise ValueError(
            f"{stream.name} has {len(stream.classes)} classes, but the {out_shape} outputs of"
            f" {model_name} stand for the labels 0 to {classes - 1}"
        )


def _num_classes(out_shape: tuple) -> int:
    return max(out_shape[-1] if out_shape else 1, 2)  # one logit tells two classes apart
