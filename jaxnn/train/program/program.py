"""The compiled programs: many runs, each a pure function of hyperparameters, seed and data.

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
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxnn.data import Dataset, Examples, Stream, noisy_labels
from jaxnn.private_jax import ONCE, accepted
from jaxnn.train.program import evaluation
from jaxnn.train.program.compiling import Jitted
from jaxnn.train.program.workers import FirstAlone
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


@functools.lru_cache(maxsize=64)
def starting(
    setup: Callable, static: tuple, exactly: str, in_shape: tuple[int, ...], mesh: Mesh | None,
    how: str,
) -> Callable:  # fmt: skip
    """The program that draws what lanes of one structure start from; compiled at its first call.

    It is apart from the one that advances them because it runs once, and is compiled for that.

    Args:
      in_shape: of one example.
      setup, static, exactly, mesh, how: as in `compiled`.

    Returns:
      start(inputs) -> carry; under "vmap" both have a leading axis of lanes.
    """
    del exactly
    one_lane = functools.partial(_start_lane, setup, dict(static), in_shape)
    where = jax.devices()[0] if mesh is None else mesh.devices.flat[0]
    options: dict[str, Any] = {}
    if where.platform == "cpu":
        options["compiler_options"] = accepted(ONCE)
    if how == "map":
        return FirstAlone(jax.jit(one_lane, **options))
    assert mesh is not None
    if how == "data":
        return jax.jit(one_lane, out_shardings=NamedSharding(mesh, P()), **options)
    return jax.jit(_over_lanes(one_lane, mesh, num_of_lanes=1, num_shared=0), **options)


@functools.lru_cache(maxsize=64)
def compiled(
    setup: Callable, static: tuple, exactly: str, mesh: Mesh | None, how: str, chunk_epochs: int
) -> Callable:
    """The program that advances lanes of one structure; compiled at its first call.

    Args:
      setup: the set-up function, called inside the trace with traced floats.
      static: the hyperparameters that are structure, as (name, value) pairs.
      exactly: what else tells programs apart, as text: Python takes True, 1 and 1.0 for one key.
      mesh: the devices, along the one axis "lanes"; None for the one on which the arguments lie.
      how: "map" advances one lane; "data" one lane, with each batch spread over all devices; "vmap"
        many lanes, those of a device at once.
      chunk_epochs: at most how many epochs one call runs.

    Returns:
      advance(carry, inputs, orders, first_epoch, num_epochs, arrays) -> (carry, history). Under
      "vmap" the first three and the results have a leading axis of lanes. orders: int32
      [chunk_epochs, batches, batch_size]; history: [chunk_epochs], NaN where the lane did not run.
    """
    del exactly
    one_lane = functools.partial(_advance_lane, setup, dict(static), chunk_epochs)
    if how == "map":
        return FirstAlone(Jitted(functools.partial(one_lane, None), donate_argnums=0))
    assert mesh is not None
    if how == "data":
        spread = functools.partial(_spread, NamedSharding(mesh, P("lanes")))
        everywhere = NamedSharding(mesh, P())
        one_lane = functools.partial(one_lane, spread)
        return Jitted(one_lane, donate_argnums=0, out_shardings=everywhere)
    vectorised = _over_lanes(functools.partial(one_lane, None), mesh, num_of_lanes=3, num_shared=3)
    return Jitted(vectorised, donate_argnums=0)


def _over_lanes(one_lane: Callable, mesh: Mesh, *, num_of_lanes: int, num_shared: int) -> Callable:
    """Many lanes at once on each device; the arguments with an axis of lanes come first."""
    axes = (0,) * num_of_lanes + (None,) * num_shared
    return jax.shard_map(
        jax.vmap(one_lane, in_axes=axes),
        mesh=mesh,
        in_specs=tuple(P() if axis is None else P("lanes") for axis in axes),
        out_specs=P("lanes"),
        check_vma=False,
    )


@functools.lru_cache(maxsize=64)
def compiled_stream(
    setup: Callable, static: tuple, exactly: str, mesh: Mesh | None
) -> tuple[Callable, Callable]:
    """The programs that advance one lane by a chunk of batches, and that end its epoch.

    The arguments are those of `compiled`; with a mesh each batch is spread over its devices.

    Returns:
      advance(carry, inputs, chunk, epoch, scale) -> (carry, the steps of the epoch that are done).
        The chunk holds the Examples [steps, batch_size, ...] from a multiple of `steps` on; those
        that the epoch does not need and those that the carry has behind it are passed over.
      finish(carry, inputs, epoch, arrays) -> (carry, history of that epoch)
    """
    del exactly
    options: dict[str, Any] = {"donate_argnums": 0}
    spread = None
    if mesh is not None:
        spread = functools.partial(_spread, NamedSharding(mesh, P("lanes")))
        options["out_shardings"] = NamedSharding(mesh, P())
    advance = functools.partial(_advance_by_chunk, setup, dict(static), spread)
    finish = functools.partial(_finish_epoch, setup, dict(static))
    return FirstAlone(Jitted(advance, **options)), FirstAlone(Jitted(finish, **options))


def traced(setup: Callable, static: tuple, names: list[str], dataset: Dataset, run: Run) -> Any:
    """One lane from its start through an epoch, traced but not compiled: it has a `jaxpr`.

    It is without noise of labels.
    """
    held_out = None
    if run.folds is not None:
        held_out = jax.ShapeDtypeStruct((len(dataset.train.inputs) // run.folds,), np.int32)
    arrays = arrays_of(dataset)._replace(train=dataset.train)
    one, seed, rate = (jax.ShapeDtypeStruct((), d) for d in (np.int32, np.uint32, float_dtype()))
    lane = LaneInputs(dict.fromkeys(names, rate), seed, one, None, held_out)
    batches = run.num_batches(len(dataset.train.inputs)), run.batch_size or 0
    order = jax.ShapeDtypeStruct((1, *batches), np.int32)

    def advance(lane, order, arrays):
        carry = _start_lane(setup, dict(static), dataset.train.inputs.shape[1:], lane)
        return _advance_lane(setup, dict(static), 1, None, carry, lane, order, 0, 1, arrays)

    return jax.jit(advance).trace(lane, order, arrays)


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
    return (carry.params, carry.state) if carry.watch is None else carry.watch[-2:]


def _spread(sharding: NamedSharding, examples: Any) -> Any:
    return jax.lax.with_sharding_constraint(examples, sharding)


def _advance_lane(
    setup, static, chunk_epochs, spread, carry, lane, order, first_epoch, num_epochs, arrays
):
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


def _advance_by_chunk(setup, static, spread, carry, lane, chunk, epoch, scale):
    run = setup(**static, **lane.traced)
    steps = len(chunk.inputs)
    first = carry.sums.num_steps // steps * steps

    def batch(step):
        examples = jax.tree.map(lambda leaf: leaf[step - first], chunk)
        return examples if spread is None else spread(examples)

    num_steps = jnp.minimum(first + steps, lane.num_batches)
    carry = _train(run, carry, lane, epoch, batch, num_steps, scale)
    return carry, carry.sums.num_steps


def _finish_epoch(setup, static, carry, lane, epoch, arrays):
    """Ends one epoch, in a loop as if there were more: so XLA writes the same code as for many."""
    run = setup(**static, **lane.traced)

    def one_epoch(index, carry):
        _, carry = jax.lax.optimization_barrier((index, carry))  # as if the loop had changed it
        return _end_epoch(run, carry, lane, epoch, arrays)

    def goes_on(index, _):
        return index < jnp.minimum(epoch + 1, 1)

    return _recorded(run, arrays, one_epoch, goes_on, carry, 1)


def _start_lane(setup, static, in_shape, lane):
    return _start(setup(**static, **lane.traced), lane.seed, in_shape)


def _start(run: Run, seed: Any, in_shape: tuple[int, ...]) -> Carry:
    params, state = initial(run, seed, in_shape)
    never = jnp.asarray(-1, jnp.int32)
    watch = None
    if run.early_stopping is not None:
        watch = Watch(jnp.asarray(jnp.inf, float_dtype()), never, never, params, state)
    bad = Bad(never, jnp.asarray(jnp.nan, float_dtype()))
    return Carry(params, state, run.optimizer.init(params), bad, _no_sums(run), watch)


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
        x = x.astype(float_dtype()) / scale
        x, targets = run.training_batch(x, y, jax.random.fold_in(augment_key, number))
        (objective, aux), grads = gradient(
            carry.params, carry.state, x, targets, jax.random.fold_in(noise_key, number)
        )
        updates, opt_state = run.optimizer.update(grads, carry.opt_state, carry.params)
        is_bad = ~jnp.isfinite(objective)
        new = optax.apply_updates(carry.params, updates), aux.state, opt_state
        kept = jax.tree.map(lambda old, new: jnp.where(is_bad, old, new), carry[:3], new)
        bad = Bad(jnp.where(is_bad, number, carry.bad.step), objective.astype(float_dtype()))
        values = {name: metric(aux.predictions, y) for name, metric in run.metrics.items()}
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
    row = {name: total / num_done.astype(total.dtype) for name, total in sums.items()}
    row |= {name: watch(carry.params) for name, watch in run.monitors.items()}
    row |= evaluation.evaluations(run, carry, lane, epoch, arrays)
    row = {name: jnp.asarray(value, float_dtype()) for name, value in row.items()}
    return evaluation.watched(run, carry, row, epoch), row


def _no_sums(run: Run) -> Sums:
    names = [f"train_{name}" for name in ("loss", *run.metrics)]
    zero = jnp.zeros((), float_dtype())
    return Sums(jnp.zeros((), jnp.int32), dict.fromkeys(names, zero))


def _all_finite(tree):
    each = (jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))
    return functools.reduce(jnp.logical_and, each, jnp.asarray(True))


def _key(seed: Any) -> jax.Array:
    return jax.random.key(seed, impl="threefry2x32")  # other kinds change under vmap
