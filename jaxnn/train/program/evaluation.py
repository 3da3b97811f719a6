"""What is looked at after an epoch: held-out examples, and whether the run is to end."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxnn.train.setup.run import float_dtype

EVALUATION_BYTES = 2**28  # of what a network saves for the examples that are evaluated at once
CACHED_BYTES = 2**24  # of it on a CPU, but for MIN_AT_ONCE examples: so it stays in the cache
MIN_AT_ONCE = 64


def evaluations(run, carry, lane, epoch, arrays):
    """The losses and metrics of the held-out examples, or NaN in an epoch without evaluation."""

    def evaluate():
        row: dict[str, jax.Array] = {}
        held_out = arrays.validation
        if lane.validation is not None:
            held_out = jax.tree.map(lambda leaf: leaf[lane.validation], arrays.train)
        if held_out is not None:
            row |= _evaluate(run, carry, "validation", held_out, arrays.scale)
        if arrays.test is not None:
            row |= _evaluate(run, carry, "test", arrays.test, arrays.scale)
        return row

    if run.evaluate_every == 1:
        return evaluate()
    nothing = {name: jnp.full((), jnp.nan, x.dtype) for name, x in jax.eval_shape(evaluate).items()}
    is_due = ((epoch + 1) % run.evaluate_every == 0) | (epoch + 1 == run.epochs)
    return jax.lax.cond(is_due, evaluate, lambda: nothing)


def _evaluate(run, carry, split, examples, scale):
    """Means over the examples, as many at a time as there is room for."""

    def forward(inputs):
        x = run.as_inputs(inputs, scale)
        return run.network.forward(carry.params, carry.state, x, None, False)

    def values_of(examples):
        predictions, y = forward(examples.inputs)[0], examples.labels
        values = {name: metric(predictions, y) for name, metric in run.own_metrics().items()}
        return values | {"loss": run.losses_of(predictions, y)}

    num = len(examples.inputs)
    size = at_once(num_bytes(jax.eval_shape(forward, examples.inputs[:1])))
    if num <= size:
        return means(split, values_of(examples))
    cut = num // size * size
    parts = jax.tree.map(lambda x: x[:cut].reshape(-1, size, *x.shape[1:]), examples)
    values = jax.lax.map(values_of, parts)
    values = jax.tree.map(lambda leaf: leaf.reshape(cut, *leaf.shape[2:]), values)
    if cut < num:
        rest = values_of(jax.tree.map(lambda leaf: leaf[cut:], examples))
        values = jax.tree.map(lambda *parts: jnp.concatenate(parts), values, rest)
    return means(split, values)


def at_once(saved: int) -> int:
    """How many examples are evaluated together, where each has the network save so many bytes."""
    most = EVALUATION_BYTES // max(saved, 1)
    if jax.default_backend() == "cpu":
        most = min(most, max(MIN_AT_ONCE, CACHED_BYTES // max(saved, 1)))
    return max(1, most)


def watched(run, carry, row, epoch):
    """Early stopping: NaN, also that of an epoch without evaluation, is no improvement."""
    rule, watch = run.early_stopping, carry.watch
    if rule is None:
        return carry
    value = -row[rule.monitor] if rule.maximize else row[rule.monitor]
    improves = value < watch.best - rule.min_delta
    best_epoch = jnp.where(improves, epoch, watch.best_epoch)
    is_over = ~jnp.isnan(value) & (epoch - best_epoch >= rule.patience)
    best, params, state = jax.tree.map(
        lambda new, old: jnp.where(improves, new, old),
        (value, carry.params, carry.state),
        (watch.best, watch.params, watch.state),
    )
    last_epoch = jnp.where(is_over, epoch, watch.last_epoch)
    watch = watch._replace(
        best=best, best_epoch=best_epoch, last_epoch=last_epoch, params=params, state=state
    )
    return carry._replace(watch=watch)


def means(split: str, values: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """The mean of each, under its name in the result."""
    dtype = float_dtype()
    return {f"{split}_{name}": value.mean().astype(dtype) for name, value in values.items()}


def num_bytes(tree: Any) -> int:
    """The memory of a tree of arrays or of their shapes."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
