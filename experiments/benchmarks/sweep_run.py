"""W2: a sweep over learning rates and seeds, as each library's users write it.

Here: ours and the plain-JAX programs beside it; the others are in `sweep_peers`.
"""

import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.benchmarks import sweep_peers
from experiments.benchmarks.sweep_peers import (
    CLASSES,
    EPOCHS,
    FEATURES,
    HIDDEN,
    Run,
    answer,
    arrays,
    axes,
    cores,
    flat,
    lanes,
)
from experiments.benchmarks.workload import Candidate, Goal, Workload


def write_data(folder: pathlib.Path) -> None:
    from jaxnn import data

    x, y = data.load("digits").train
    np.save(folder / "digits_x.npy", x)
    np.save(folder / "digits_y.npy", y)


def jaxnn(
    folder: pathlib.Path, configs: int, epochs: int, batch_size: int | None, **how: Any
) -> Run:
    from jaxnn import data, layers, losses, optimizers, train

    dataset = data.from_arrays(*arrays(folder), name="digits", scale=16.0)

    def mlp(learning_rate, epochs, batch_size):
        return train.Run(
            model=layers.serial(
                layers.flatten, layers.dense(HIDDEN), layers.sigmoid, layers.dense(CLASSES)
            ),
            loss=losses.softmax_cross_entropy,
            optimizer=optimizers.gradient_descent(learning_rate),
            epochs=epochs,
            batch_size=batch_size,
        )

    rates, seeds = axes(configs)

    def run():
        history = train.sweep(
            mlp, dataset, learning_rate=rates, seed=seeds, epochs=epochs, batch_size=batch_size,
            **how,
        )  # fmt: skip
        return answer(configs, history.train_accuracy.isel(epoch=-1).mean())

    return run


def plain_sweep(folder: pathlib.Path, configs: int, epochs: int, batch_size: int | None) -> Run:
    _use_every_core()
    import jax
    from jax.sharding import Mesh
    from jax.sharding import PartitionSpec as P

    x, y = map(jax.numpy.asarray, flat(folder))
    mesh = Mesh(np.array(jax.devices()), ("lanes",))
    train = functools.partial(_plain_run, epochs, batch_size)
    padded = -(-configs // mesh.size) * mesh.size  # shard_map wants as many on every device
    rates, seeds = (np.resize(each, padded) for each in lanes(configs))

    def on_device(rates, seeds, orders, x, y):
        def one_lane(lane):
            rate, seed = lane
            return train(rate, seed, orders[seed], x, y)

        return jax.lax.map(one_lane, (rates, seeds))

    by_lane, shared = P("lanes"), P()
    specs = (by_lane, by_lane, shared, shared, shared)
    sweep = jax.jit(
        jax.shard_map(on_device, mesh=mesh, in_specs=specs, out_specs=by_lane, check_vma=False)
    )

    def run():
        orders = _orders(seeds, len(x), epochs, batch_size)
        accuracies, _ = jax.block_until_ready(sweep(rates, seeds, orders, x, y))
        return answer(configs, accuracies[:configs].mean())

    return run


def plain_calls(
    folder: pathlib.Path, configs: int, epochs: int, batch_size: int | None, part: int
) -> Run:
    import jax

    x, y = map(jax.numpy.asarray, flat(folder))
    train = jax.jit(functools.partial(_plain_run, epochs, batch_size))
    part = min(part, configs)
    chosen = list(zip(*lanes(configs), strict=True))[:part]

    def run():
        accuracies = []
        for rate, seed in chosen:
            (order,) = _orders([seed], len(x), epochs, batch_size)
            accuracies.append(train(rate, seed, order, x, y)[0])
        return answer(part, np.mean(jax.block_until_ready(accuracies)), of=configs)

    return run


def fused(folder: pathlib.Path, configs: int, epochs: int, batch_size: int) -> Run:
    """Fused lanes see the same batches, so that their first layers are one matrix, side by side."""
    import jax
    import jax.numpy as jnp

    x, y = map(jax.numpy.asarray, flat(folder))
    rates, seeds = lanes(configs)

    def forward(params, x):
        (w1, b1), (w2, b2) = params  # [configs, ...]
        side_by_side = w1.transpose(1, 0, 2).reshape(FEATURES, -1)
        hidden = (x.astype(jnp.float32) / 16 @ side_by_side).reshape(len(x), configs, HIDDEN)
        return jnp.einsum("bnh,nhc->nbc", jax.nn.sigmoid(hidden + b1), w2) + b2[:, None]

    def loss_fn(params, x, y):
        log_probabilities = jax.nn.log_softmax(forward(params, x))
        return -log_probabilities[:, jnp.arange(len(y)), y].mean(axis=1).sum()  # lanes are apart

    def step(params, rows):
        grads = jax.grad(loss_fn)(params, x[rows], y[rows])

        def moved(p, g):
            return p - rates.reshape(-1, *[1] * (p.ndim - 1)) * g

        return jax.tree.map(moved, params, grads), None

    @jax.jit
    def train(seeds, order):
        params = jax.vmap(_drawn)(seeds)
        params, _ = jax.lax.scan(step, params, order.reshape(-1, batch_size))
        return (forward(params, x).argmax(axis=-1) == y).mean()

    def run():
        (order,) = _orders([0], len(x), epochs, batch_size)
        return answer(configs, jax.block_until_ready(train(np.asarray(seeds), order)))

    return run


def _plain_run(epochs, batch_size, rate, seed, order, x, y):
    """One run in one compiled program; order [epochs, batches, batch_size]."""
    import jax
    import jax.numpy as jnp

    params = _drawn(seed)

    def forward(params, x):
        (w1, b1), (w2, b2) = params
        return jax.nn.sigmoid(x.astype(jnp.float32) / 16 @ w1 + b1) @ w2 + b2

    def loss_fn(params, x, y):
        log_probabilities = jax.nn.log_softmax(forward(params, x))
        return -jnp.take_along_axis(log_probabilities, y[:, None], axis=1).mean()

    def step(params, rows):
        batch = (x, y) if batch_size is None else (x[rows], y[rows])
        loss, grads = jax.value_and_grad(loss_fn)(params, *batch)
        return jax.tree.map(lambda p, g: p - rate * g, params, grads), loss

    def epoch(params, order):
        params, losses = jax.lax.scan(step, params, order)
        return params, losses.mean()

    params, losses = jax.lax.scan(epoch, params, order)
    return (forward(params, x).argmax(axis=-1) == y).mean(), losses


def _drawn(seed):
    import jax
    import jax.numpy as jnp

    keys = jax.random.split(jax.random.key(seed))
    draw = jax.nn.initializers.glorot_uniform()
    return (
        (draw(keys[0], (FEATURES, HIDDEN)), jnp.zeros(HIDDEN)),
        (draw(keys[1], (HIDDEN, CLASSES)), jnp.zeros(CLASSES)),
    )


def _orders(seeds, n, epochs, batch_size) -> np.ndarray:
    """[seeds, epochs, batches, batch_size], drawn on the host."""
    if batch_size is None:
        return np.zeros((len(set(seeds)), epochs, 1, 0), np.int32)
    drawn = []
    for seed in sorted(set(seeds)):
        rng = np.random.default_rng(int(seed))
        drawn.append([rng.permutation(n)[: n // batch_size * batch_size] for _ in range(epochs)])
    return np.array(drawn, np.int32).reshape(len(drawn), epochs, -1, batch_size)


def _use_every_core() -> None:
    import jax

    jax.config.update("jax_num_cpu_devices", cores())


def _workload(configs: int, batch_size: int | None) -> Workload:
    batch = "full" if batch_size is None else f"batch{batch_size}"
    of_each = "the whole set" if batch_size is None else f"{batch_size} examples"
    with_goals = configs == 64

    def goal(by_batch: Mapping[str, float]) -> Goal | None:
        return Goal(by_batch[batch]) if with_goals and batch in by_batch else None

    in_epochs, in_configs = {"part": 50}, {"part": 8}
    candidates = {
        "jaxnn": Candidate(
            "jaxnn, `train.sweep`", jaxnn, goal=Goal(3.0, "first call")
        ),
        "plain_sweep": Candidate(
            "plain JAX, a program of the same form", plain_sweep, goal=Goal(1.05)
        ),
        "plain_calls": Candidate(
            "plain JAX, N calls of one compiled run", plain_calls,
            goal=goal({"batch64": 0.53}), settings=in_configs,
        ),
        "torch_vmap": Candidate(
            "PyTorch ensemble, torch.func.vmap", sweep_peers.torch_vmap, "torch",
            goal({"batch64": 0.38}), in_epochs,
        ),
        "torch_baddbmm": Candidate(
            "PyTorch ensemble by hand, baddbmm", sweep_peers.torch_baddbmm, "torch",
            goal({"batch64": 0.38}), in_epochs,
        ),
        "torch_loop": Candidate(
            "PyTorch loop, a process per core", sweep_peers.torch_loop, "torch",
            goal({"full": 0.6}), {"part": 4},
        ),
        "scikit_learn": Candidate(
            "scikit-learn, joblib, a process per core", sweep_peers.scikit_learn, "scikit-learn",
            goal({"batch64": 0.17}), in_configs,
        ),
    }  # fmt: skip
    if not with_goals:  # the others cost the same whatever N is
        depends_on_n = ("jaxnn", "plain_sweep", "torch_vmap", "torch_baddbmm")
        candidates = {name: candidates[name] for name in depends_on_n}
    return Workload(
        name=f"W2-{batch}-n{configs}",
        title=f"A sweep of {configs} configurations on digits, updates of {of_each}",
        about=f"{FEATURES}-{HIDDEN}-{CLASSES}, sigmoid, softmax cross entropy, gradient descent,"
        f" {EPOCHS} epochs over the 1,617 digits of the training set;"
        f" {int(configs**0.5)} learning rates from 0.03 to 1 times as many seeds.",
        unit="s per configuration",
        candidates=candidates,
        write_data=write_data,
        settings={"configs": configs, "epochs": EPOCHS, "batch_size": batch_size},
        quick={"configs": 4, "epochs": 10},
    )


def _lanes_workload() -> Workload:
    """How the lanes of one sweep may be run: what `lanes="auto"` chooses, and its rivals."""
    ways: dict[str, tuple[str, dict[str, Any]]] = {
        "map": ('`lanes="map"`, a worker per core', {"lanes": "map"}),
        "map_one": ('`lanes="map"`, one worker', {"lanes": "map", "num_devices": 1}),
        "vmap": ('`lanes="vmap"`', {"lanes": "vmap"}),
    }
    candidates = {
        name: Candidate(f"jaxnn, {label}", jaxnn, settings=how)
        for name, (label, how) in ways.items()
    }
    candidates["fused"] = Candidate(
        "plain JAX, lanes fused into wide products, one order for all", fused
    )
    return Workload(
        name="lanes",
        title="One sweep, its lanes run in four ways",
        about=f"The sweep of W2 with 64 configurations, 50 epochs. {fused.__doc__}",
        unit="s per configuration",
        candidates=candidates,
        write_data=write_data,
        settings={"configs": 64, "epochs": 50, "batch_size": 64},
        quick={"configs": 4, "epochs": 10},
    )


WORKLOADS = (
    *(_workload(configs, batch) for batch in (64, None) for configs in (64, 16)),
    _lanes_workload(),
)
