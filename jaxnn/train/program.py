"""The compiled program: many runs, each a pure function of hyperparameters, seed and data.

One call advances every lane of a chunk by some epochs. How many lanes and epochs are in use is a
run-time value, so neither one more learning rate nor one more seed compiles anything.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxnn.data import Dataset, Examples
from jaxnn.train.run import Run, float_dtype


class Carry(NamedTuple):
    """What a run takes from one epoch into the next."""

    params: Any
    state: Any  # of the layers
    opt_state: Any
    first_bad_step: jax.Array  # the first update whose loss was not finite, -1 so far


class Arrays(NamedTuple):
    """The data as they lie on the device."""

    train: Examples
    test: Examples | None
    scale: Any  # a scalar


def arrays_of(dataset: Dataset) -> Arrays:
    """The data of a run, as host arrays."""
    return Arrays(dataset.train, dataset.test, np.asarray(dataset.scale, float_dtype()))


@functools.lru_cache(maxsize=64)
def compiled(
    setup: Callable, static: tuple, exactly: str, mesh: Mesh, how: str, chunk_epochs: int
) -> Callable:
    """The program that advances lanes of one structure; compiled at its first call.

    Args:
      setup: the set-up function, called inside the trace with traced floats.
      static: the hyperparameters that are structure, as (name, value) pairs.
      exactly: the same as text, since Python takes True, 1 and 1.0 for one key.
      mesh: the devices, along the one axis "lanes".
      how: "map" runs the lanes of a device one after another, "vmap" all at once.
      chunk_epochs: at most how many epochs one call runs.

    Returns:
      advance(carry, traced, seeds, orders, counts, first_epoch, num_epochs, arrays) -> (carry,
      history). Leaves have a leading axis of lanes, except for counts (the lanes in use on each
      device), the two numbers and the data. orders: int32 [lanes, chunk_epochs, batches,
      batch_size]; history: [lanes, chunk_epochs], of which num_epochs are filled.
    """
    del exactly
    one_lane = functools.partial(_advance_lane, setup, dict(static), chunk_epochs)
    on_device = {"map": _map_lanes, "vmap": _vmap_lanes}[how]
    by_lane, shared = P("lanes"), P()
    sharded = jax.shard_map(
        functools.partial(on_device, one_lane),
        mesh=mesh,
        in_specs=(by_lane, by_lane, by_lane, by_lane, by_lane, shared, shared, shared),
        out_specs=by_lane,
        check_vma=False,
    )
    return jax.jit(sharded, donate_argnums=0)


def empty_carry(run: Run, in_shape: tuple[int, ...], num_lanes: int, mesh: Mesh) -> Carry:
    """Zeros of the shape that `advance` takes, for the first call, which draws the params."""
    shapes = jax.eval_shape(lambda: _start(run, 0, in_shape))
    zeros = jax.tree.map(lambda leaf: np.zeros((num_lanes, *leaf.shape), leaf.dtype), shapes)
    return jax.device_put(zeros, NamedSharding(mesh, P("lanes")))


def order_of_examples(seed: int, epoch: int, num_examples: int) -> np.ndarray:
    """The order in which a run with this seed sees the examples in this epoch, drawn on the host.

    NumPy's permutation takes 0.7 ms for 48,000 examples where JAX's takes about 20 ms.
    """
    return np.random.default_rng((seed, epoch)).permutation(num_examples).astype(np.int32)


def _map_lanes(one_lane, carry, traced, seeds, orders, count, first_epoch, num_epochs, arrays):
    def lane(index, done):
        own = jax.tree.map(lambda leaf: leaf[index], (done[0], traced, seeds, orders))
        own_result = one_lane(*own, first_epoch, num_epochs, arrays)
        return jax.tree.map(lambda all_, own_: all_.at[index].set(own_), done, own_result)

    example = jax.tree.map(lambda leaf: leaf[0], (carry, traced, seeds, orders))
    _, history = jax.eval_shape(one_lane, *example, first_epoch, num_epochs, arrays)
    history = jax.tree.map(lambda leaf: jnp.zeros((len(seeds), *leaf.shape), leaf.dtype), history)
    return jax.lax.fori_loop(0, count[0], lane, (carry, history))


def _vmap_lanes(one_lane, carry, traced, seeds, orders, count, first_epoch, num_epochs, arrays):
    del count  # the lanes that are not in use run along
    lanes = jax.vmap(one_lane, in_axes=(0, 0, 0, 0, None, None, None))
    return lanes(carry, traced, seeds, orders, first_epoch, num_epochs, arrays)


def _advance_lane(
    setup, static, chunk_epochs, carry, traced, seed, order, first_epoch, num_epochs, arrays
):
    run = setup(**static, **traced)
    _, noise_key = jax.random.split(_key(seed))
    augment_key = jax.random.fold_in(_key(seed), 2)  # beside 0 and 1, the two of the split
    in_shape = arrays.train.inputs.shape[1:]
    carry = jax.lax.cond(first_epoch == 0, lambda: _start(run, seed, in_shape), lambda: carry)

    def one_epoch(carry, index):
        steps_before = (first_epoch + index) * run.num_batches(len(arrays.train.inputs))
        carry, row = _train_epoch(
            run, carry, order[index], steps_before, (noise_key, augment_key), arrays
        )
        if arrays.test is not None:
            row |= _evaluate(run, carry, arrays)
        return carry, row | {name: watch(carry.params) for name, watch in run.monitors.items()}

    def recorded_epoch(index, done):
        carry, history = done
        carry, row = one_epoch(carry, index)
        return carry, {name: history[name].at[index].set(value) for name, value in row.items()}

    _, row = jax.eval_shape(one_epoch, carry, 0)
    history = {name: jnp.zeros((chunk_epochs, *row[name].shape), row[name].dtype) for name in row}
    return jax.lax.fori_loop(0, num_epochs, recorded_epoch, (carry, history))


def initial(run: Run, seed: Any, in_shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The params and the layers' state that a run with this seed starts from."""
    init_key, _ = jax.random.split(_key(seed))
    params, state, _ = run.model.init(init_key, in_shape)
    return params, state


def _start(run: Run, seed: Any, in_shape: tuple[int, ...]) -> Carry:
    params, state = initial(run, seed, in_shape)
    return Carry(params, state, run.optimizer.init(params), jnp.asarray(-1, jnp.int32))


def _train_epoch(run, carry, order, steps_before, keys, arrays):
    """One pass over the training set; the row holds the means over its batches."""
    gradient = run.gradient_fn()

    def step(carry, batch):
        number, rows = batch
        examples = arrays.train
        if run.batch_size is not None:
            examples = jax.tree.map(lambda leaf: leaf[rows], examples)
        x, y = examples.inputs.astype(float_dtype()) / arrays.scale, examples.labels
        noise_key, augment_key = (jax.random.fold_in(key, number) for key in keys)
        x, targets = run.training_batch(x, y, augment_key)
        (objective, aux), grads = gradient(carry.params, carry.state, x, targets, noise_key)
        updates, opt_state = run.optimizer.update(grads, carry.opt_state, carry.params)
        is_first_bad = ~jnp.isfinite(objective) & (carry.first_bad_step < 0)
        carry = Carry(
            params=optax.apply_updates(carry.params, updates),
            state=aux.state,
            opt_state=opt_state,
            first_bad_step=jnp.where(is_first_bad, number, carry.first_bad_step),
        )
        values = {name: metric(aux.predictions, y) for name, metric in run.metrics.items()}
        return carry, _means("train", values | {"loss": aux.losses})

    numbers = steps_before + jnp.arange(len(order), dtype=jnp.int32)
    carry, rows = jax.lax.scan(step, carry, (numbers, order))
    return carry, jax.tree.map(lambda leaf: leaf.mean(), rows)


def _evaluate(run, carry, arrays):
    x, y = arrays.test.inputs.astype(float_dtype()) / arrays.scale, arrays.test.labels
    predictions, _, _ = run.model.forward(carry.params, carry.state, x, None, False)
    values = {name: metric(predictions, y) for name, metric in run.metrics.items()}
    return _means("test", values | {"loss": run.loss(predictions, run.targets_of(y))})


def _means(split: str, values: dict[str, jax.Array]) -> dict[str, jax.Array]:
    return {f"{split}_{name}": value.mean() for name, value in values.items()}


def _key(seed: Any) -> jax.Array:
    return jax.random.key(seed, impl="threefry2x32")  # other kinds change under vmap
