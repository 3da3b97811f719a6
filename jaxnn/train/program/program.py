"""What is compiled: a run as a pure function of hyperparameters, seed and data.

One program draws what a lane starts from, and another advances it by some epochs. How many epochs
and batches there are is a run-time value, so neither another learning rate nor another seed nor a
smaller training set compiles anything. A lane whose loss is no longer finite stays where it is: its
params are those before that update.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.data import Dataset, Examples, Stream, noisy_labels
from jaxnn.train.program import evaluation
from jaxnn.train.setup import swept, update_rule
from jaxnn.train.setup.axes import name_of
from jaxnn.train.setup.run import Run, float_dtype


class Bad(NamedTuple):
    """The first update whose objective was not finite, from 0, and that objective; -1 so far."""

    step: jax.Array
    loss: jax.Array


class Watch(NamedTuple):
    """What early stopping remembers."""

    best: jax.Array
    best_epoch: jax.Array  # from 0; -1 before the first
    last_epoch: jax.Array  # after which the run ended, -1 so far
    params: Any
    state: Any


class Sums(NamedTuple):
    """Of the updates of an epoch so far: how many they are, and the sums of what each measured."""

    num_steps: jax.Array
    values: dict[str, jax.Array]


class Carry(NamedTuple):
    """What a run takes from one epoch, or part of one, into the next."""

    params: Any
    state: Any  # of the layers
    opt_state: Any
    bad: Bad
    sums: Sums
    watch: Watch | None


class Arrays(NamedTuple):
    """The data as they lie on the device; the training examples of a stream do not."""

    train: Examples | None
    validation: Examples | None
    test: Examples | None
    scale: Any  # a scalar


class LaneInputs(NamedTuple):
    """What tells one lane from another.

    Attributes:
      traced: the floats of the set-up.
      seed: uint32.
      num_batches: int32, the updates per epoch.
      label_noise: (the share of labels that are replaced, the number of classes), or None.
      validation: int32 rows of the training set that are held out, or None.
    """

    traced: dict[str, Any]
    seed: Any
    num_batches: Any
    label_noise: tuple[Any, Any] | None
    validation: Any | None


def arrays_of(dataset: Dataset) -> Arrays:
    """The data of a run, as host arrays; not the training examples of a stream."""
    train = None if isinstance(dataset, Stream) else dataset.train
    scale = np.asarray(dataset.scale, float_dtype())
    return Arrays(train, dataset.validation, dataset.test, scale)


def carry_shapes(run: Run, in_shape: tuple[int, ...]) -> Carry:
    """The shapes and dtypes of what one run carries."""
    return jax.eval_shape(lambda: _start(run, 0, in_shape))


def initial(run: Run, seed: Any, in_shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The params and the layers' state that a run with this seed starts from."""
    init_key, _ = jax.random.split(_key(seed))
    params, state, _ = run.model.init(init_key, in_shape)
    return params, state


def outcome(carry: Carry) -> tuple[Any, Any]:
    """The params and the state that a run answers with: its best ones, if it watched for them."""
    if carry.watch is not None:
        return carry.watch[-2:]
    return update_rule.stands_for(carry.opt_state, carry.params), carry.state


def _says_which(function: Callable) -> Callable:
    """A float that Python asks for its value is named; the set-up comes first, a lane somewhere."""

    @functools.wraps(function)
    def said(setup, *args):
        (lane,) = (arg for arg in args if isinstance(arg, LaneInputs))
        with swept.said(name_of(setup), lane.traced):
            return function(setup, *args)

    return said


@_says_which
def advance_lane(
    setup, static, chunk_epochs, spread, carry, lane, order, first_epoch, num_epochs, arrays
):
    """Advances one lane by some epochs; see `building.advancing`."""
    run = setup(**static, **lane.traced)
    train = arrays.train._replace(labels=_with_noise(arrays.train.labels, lane))

    def one_epoch(index, carry):
        epoch, rows = first_epoch + index, order[index]

        def batch(step):
            whole = rows.shape[-1] == 0
            examples = train if whole else jax.tree.map(lambda leaf: leaf[rows[step]], train)
            return examples if spread is None else spread(examples)

        carry = _train(run, carry, lane, epoch, batch, lane.num_batches, arrays.scale)
        return _end_epoch(run, carry, lane, epoch, arrays)

    def goes_on(index, carry):
        is_stopped = carry.bad.step >= 0
        if carry.watch is not None:
            is_stopped |= carry.watch.last_epoch >= 0
        return (index < num_epochs) & ~is_stopped

    return _recorded(run, arrays, one_epoch, goes_on, carry, chunk_epochs)


def _recorded(run, arrays, one_epoch, goes_on, carry, chunk_epochs):
    """Runs epochs and writes a history of them."""

    def recorded_epoch(done):
        index, carry, history = done
        carry, row = one_epoch(index, carry)
        history = {name: history[name].at[index].set(value) for name, value in row.items()}
        return index + 1, carry, history

    nothing = jnp.full(chunk_epochs, jnp.nan, float_dtype())
    start = 0, carry, dict.fromkeys(run.recorded(arrays), nothing)
    return jax.lax.while_loop(lambda done: goes_on(*done[:2]), recorded_epoch, start)[1:]


@_says_which
def advance_by_chunk(setup, static, spread, carry, lane, chunk, epoch, scale):
    """Advances one lane by some batches of an epoch; see `building.streaming`."""
    run = setup(**static, **lane.traced)
    steps = len(chunk.inputs)
    first = carry.sums.num_steps // steps * steps

    def batch(step):
        examples = jax.tree.map(lambda leaf: leaf[step - first], chunk)
        return examples if spread is None else spread(examples)

    num_steps = jnp.minimum(first + steps, lane.num_batches)
    carry = _train(run, carry, lane, epoch, batch, num_steps, scale)
    return carry, carry.sums.num_steps


@_says_which
def finish_epoch(setup, static, carry, lane, epoch, arrays):
    """Ends one epoch, in a loop as if there were more: so XLA writes the same code as for many."""
    run = setup(**static, **lane.traced)

    def one_epoch(index, carry):
        _, carry = jax.lax.optimization_barrier((index, carry))  # as if the loop had changed it
        return _end_epoch(run, carry, lane, epoch, arrays)

    def goes_on(index, _):
        return index < jnp.minimum(epoch + 1, 1)

    return _recorded(run, arrays, one_epoch, goes_on, carry, 1)


@_says_which
def start_lane(setup, static, in_shape, lane):
    """What one lane starts from; see `building.starting`."""
    return _start(setup(**static, **lane.traced), lane.seed, in_shape)


def _start(run: Run, seed: Any, in_shape: tuple[int, ...]) -> Carry:
    params, state = initial(run, seed, in_shape)
    never = jnp.asarray(-1, jnp.int32)
    watch = None
    if run.early_stopping is not None:
        watch = Watch(jnp.asarray(jnp.inf, float_dtype()), never, never, params, state)
    bad = Bad(never, jnp.asarray(jnp.nan, float_dtype()))
    opt_state = update_rule.init(run.optimizer, params)
    return Carry(params, state, opt_state, bad, _no_sums(run), watch)


def _with_noise(labels, lane):
    if lane.label_noise is None:
        return labels
    share, num_classes = lane.label_noise
    return noisy_labels(labels, share, num_classes, jax.random.fold_in(_key(lane.seed), 3))


def _train(run, carry, lane, epoch, batch, num_steps, scale):
    """Goes on with an epoch until so many steps are done; batch(step) are the examples of one."""
    import optax  # takes 0.1 s, which `import jaxnn` need not wait for

    gradient = run.gradient_fn()
    _, noise_key = jax.random.split(_key(lane.seed))
    augment_key = jax.random.fold_in(_key(lane.seed), 2)  # beside 0 and 1, the two of the split

    def goes_on(carry):
        return (carry.sums.num_steps < num_steps) & (carry.bad.step < 0)

    def step(carry):
        number = epoch * lane.num_batches + carry.sums.num_steps
        x, y = batch(carry.sums.num_steps)
        x = run.as_inputs(x, scale)
        x, targets = run.training_batch(x, y, jax.random.fold_in(augment_key, number))
        inputs = carry.state, x, targets, jax.random.fold_in(noise_key, number)

        def on_this_batch(params):
            (objective, _), grads = gradient(params, *inputs)
            return objective, grads

        (objective, aux), grads = gradient(carry.params, *inputs)
        updates, opt_state = update_rule.update(
            run.optimizer, on_this_batch, (objective, grads), carry.opt_state, carry.params
        )
        is_bad = ~jnp.isfinite(objective)
        new = optax.apply_updates(carry.params, updates), aux.state, opt_state
        kept = jax.tree.map(lambda old, new: jnp.where(is_bad, old, new), carry[:3], new)
        bad = Bad(jnp.where(is_bad, number, carry.bad.step), objective.astype(float_dtype()))
        values = {name: metric(aux.predictions, y) for name, metric in run.own_metrics().items()}
        row = evaluation.means("train", values | {"loss": aux.losses})
        sums = Sums(carry.sums.num_steps + 1, jax.tree.map(jnp.add, carry.sums.values, row))
        params, state, opt_state = kept
        return Carry(params, state, opt_state, bad, sums, carry.watch)

    return jax.lax.while_loop(goes_on, step, carry)


def _end_epoch(run, carry, lane, epoch, arrays):
    """What the epoch comes to: the means over its batches, and what is looked at after it."""
    num_done, sums = carry.sums
    # what the last update broke shows in no loss of this epoch
    is_broken = (carry.bad.step < 0) & ~_all_finite(carry.params)
    bad_step = jnp.where(is_broken, epoch * lane.num_batches + num_done - 1, carry.bad.step)
    carry = carry._replace(bad=carry.bad._replace(step=bad_step), sums=_no_sums(run))
    used = carry._replace(params=update_rule.stands_for(carry.opt_state, carry.params))
    row = {name: total / num_done.astype(total.dtype) for name, total in sums.items()}
    row |= {name: watch(used.params) for name, watch in run.monitors.items()}
    row |= evaluation.evaluations(run, used, lane, epoch, arrays)
    row = {name: jnp.asarray(value, float_dtype()) for name, value in row.items()}
    return carry._replace(watch=evaluation.watched(run, used, row, epoch).watch), row


def _no_sums(run: Run) -> Sums:
    names = [f"train_{name}" for name in ("loss", *run.own_metrics())]
    zero = jnp.zeros((), float_dtype())
    return Sums(jnp.zeros((), jnp.int32), dict.fromkeys(names, zero))


def _all_finite(tree):
    each = (jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))
    return functools.reduce(jnp.logical_and, each, jnp.asarray(True))


def _key(seed: Any) -> jax.Array:
    return jax.random.key(seed, impl="threefry2x32")  # other kinds change under vmap
