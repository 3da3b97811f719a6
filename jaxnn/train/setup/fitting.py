"""Whether a run fits its data: found out from shapes and labels, before anything is compiled."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from jaxnn.data import Dataset
from jaxnn.layers.contract import check_own_layers
from jaxnn.losses import aligned
from jaxnn.train.setup import update_rule, values

if TYPE_CHECKING:
    from jaxnn.train.setup.run import Run

# what a result says of each run as a whole
ENDINGS = ("first_bad_step", "first_bad_loss", "first_bad_leaf", "best_epoch", "last_epoch")

# Two batches that no other axis is as long as: what depends on the size of the batch beyond its
# first axis is found by their difference, and what is broadcast along it does not fit by chance.
# In a batch of one, everything is broadcast and nothing shows.
_BATCHES = (1009, 1013)


def check(run: "Run", dataset: Dataset, hyperparameters: Iterable[str]) -> None:
    """See `Run.check_against`."""
    if not isinstance(dataset, Dataset):
        raise TypeError(
            "the data must be a Dataset, as data.load and data.from_arrays give it, got a"
            f" {type(dataset).__name__}"
        )
    if run.folds and dataset.validation:
        raise ValueError(
            f"{dataset.name} comes with examples for validation, and the run has"
            f" folds={run.folds}: leave one of them out"
        )
    run = run.measured_on(dataset.train.labels.dtype)
    _check_names(run, dataset, hyperparameters)
    run.num_batches(len(dataset.train.inputs))
    run.gradient_fn()
    values.check_ids(run.model, dataset)
    batch = _batch_of(dataset, _BATCHES[0])
    x = jax.eval_shape(lambda x: run.as_inputs(x, 1.0), batch.inputs)
    check_own_layers(run.model, x, by_hand=run.gradient == "hand")
    params, out_shape = _predictions(run, x)
    update_rule.check(run.optimizer, params)
    _check_penalty(run, params)
    targets = _check_targets(run, dataset)
    _check_augment(run, batch, x, targets)
    values.check_classes(dataset, out_shape, run.model.name)
    for name, function in {"loss": run.loss, **run.own_metrics()}.items():
        _check_values(run, dataset, name, function, out_shape)
    values.check_targets(run.loss, run.targets_of, dataset, out_shape)
    _check_monitors(run, params)


def _batch_of(dataset: Dataset, size: int) -> Any:
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((size, *leaf.shape[1:]), leaf.dtype), dataset.train
    )


def _check_names(run: "Run", dataset: Dataset, hyperparameters: Iterable[str]) -> None:
    recorded = run.recorded(dataset)
    names = [*recorded, *ENDINGS, "epoch", *hyperparameters]
    if run.early_stopping and run.early_stopping.monitor not in recorded:
        raise ValueError(
            f"early stopping watches {run.early_stopping.monitor}, but the run records"
            f" {', '.join(recorded)}: name one of them (folds=5 holds out a validation set,"
            " as data.hold_out does)"
        )
    twice = [name for position, name in enumerate(names) if name in names[:position]]
    if twice:
        raise ValueError(
            f"the result would have two things called {twice[0]}: give the metric, monitor or"
            " hyperparameter another name"
        )


def _predictions(run: "Run", x: Any) -> tuple[Any, tuple[int, ...]]:
    """The params and the shape of what the network makes of one example."""

    def predict(x):
        params, state, _ = run.model.init(jax.random.key(0), x.shape[1:])
        return params, run.network.forward(params, state, x, None, False)[0]

    params, predictions = jax.eval_shape(predict, x)
    if predictions.shape[:1] != x.shape[:1]:
        raise ValueError(
            f"{run.model.name} must make a row of each example, but of a batch of"
            f" {x.shape[0]} makes predictions of shape {predictions.shape}"
        )
    return params, predictions.shape[1:]


def _check_penalty(run: "Run", params: Any) -> None:
    if run.regularizer is not None:
        jax.eval_shape(run.regularizer.penalty, params)


def _check_targets(run: "Run", dataset: Dataset) -> Any:
    """The shape of the targets of a batch, which are those of each example on its own."""
    made = [jax.eval_shape(run.targets_of, _batch_of(dataset, size).labels) for size in _BATCHES]
    if any(y.shape[:1] != (n,) for y, n in zip(made, _BATCHES, strict=True)) or (
        made[0].shape[1:] != made[1].shape[1:]
    ):
        raise ValueError(
            "targets must make a target of each label on its own, but of"
            f" {_BATCHES[0]} labels makes {made[0].shape}, and of {_BATCHES[1]} {made[1].shape}"
        )
    return made[0]


def _check_augment(run: "Run", batch: Any, x: Any, targets: Any) -> None:
    """ValueError where training has other shapes or dtypes than testing."""
    if run.augment is None:
        return
    try:
        in_training = jax.eval_shape(
            lambda x, labels: run.training_batch(x, labels, jax.random.key(0)), x, batch.labels
        )
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"augment cannot take a batch of inputs {x.shape} and targets {targets.shape}: {error}"
        ) from error
    for was, now in zip((x, targets), in_training, strict=True):
        if (was.shape, was.dtype) != (now.shape, now.dtype):
            example = now.shape[1:] if now.shape[:1] == was.shape[:1] else now.shape
            raise ValueError(
                f"augment must keep shapes and dtypes, but makes {now.dtype} of shape"
                f" {example} per example of {was.dtype} of shape {was.shape[1:]}"
            )


def _check_values(
    run: "Run", dataset: Dataset, name: str, function: Callable, out_shape: tuple[int, ...]
) -> None:
    """ValueError where a loss or metric does not give a value for each example on its own."""
    found = []
    for size in _BATCHES:
        predictions = jax.ShapeDtypeStruct((size, *out_shape), jnp.result_type(float))
        y = _batch_of(dataset, size).labels
        if name == "loss":
            y = jax.eval_shape(run.targets_of, y)
        try:
            value = jax.eval_shape(
                lambda p, y: function(p, aligned(function, p, y)), predictions, y
            )
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"the {name} cannot compare predictions of shape {out_shape} per example, from"
                f" {run.model.name}, with {y.dtype} labels of shape {y.shape[1:]}:"
                f" {error}{_hint(name, y.dtype, out_shape)}"
            ) from error
        if getattr(value, "shape", ())[:1] != (size,):
            raise ValueError(
                f"{'the loss' if name == 'loss' else f'the metric {name}'} must give a value"
                f" for each example of a batch, but of a batch of {size} gives {value}: leave out"
                " the mean over the batch, which is taken here"
            )
        found.append(value.shape[1:])
    if found[0] != found[1]:
        raise ValueError(
            f"the {name} pairs every prediction with every label: predictions of shape"
            f" {(size, *out_shape)} and labels of shape {y.shape} make {value.shape}; bring them"
            " to one shape first"
        )


def _hint(name: str, dtype: Any, out_shape: tuple[int, ...]) -> str:
    hint = "; layers.flatten makes one row of an image" if len(out_shape) > 1 else ""
    if name != "loss" and not jnp.issubdtype(dtype, jnp.integer):
        hint += "; metrics={} in the run records the loss alone"
    return hint


def _check_monitors(run: "Run", params: Any) -> None:
    for name, monitor in run.monitors.items():
        value = jax.eval_shape(monitor, params)
        if getattr(value, "shape", None) != ():
            raise ValueError(f"the monitor {name} must give a scalar, got {value}")
