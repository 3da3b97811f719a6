"""W2: a sweep over learning rates and seeds, as each library's users write it.

Each candidate trains N = rates * seeds networks and gives their mean accuracy on the training set.
Candidates that would take too long train fewer of them, or for fewer epochs, and say so.
"""

import concurrent.futures
import functools
import itertools
import multiprocessing
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from experiments.benchmarks.workload import Candidate, Goal, Workload

FEATURES, HIDDEN, CLASSES, EPOCHS = 64, 100, 10, 200
Run = Callable[[], dict[str, Any]]


def write_data(folder: pathlib.Path) -> None:
    from jaxnn import data

    x, y = data.load("digits").train
    np.save(folder / "digits_x.npy", x)
    np.save(folder / "digits_y.npy", y)


def jaxnn(folder: pathlib.Path, configs: int, epochs: int, batch_size: int | None) -> Run:
    _use_every_core()
    from jaxnn import data, layers, losses, optimizers, train

    dataset = data.from_arrays(*_arrays(folder), name="digits", scale=16)

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

    rates, seeds = _axes(configs)

    def run():
        history = train.sweep(
            mlp, dataset, learning_rate=rates, seed=seeds, epochs=epochs, batch_size=batch_size
        )
        return _answer(configs, epochs, history.train_accuracy.isel(epoch=-1).mean())

    return run


def plain_sweep(folder: pathlib.Path, configs: int, epochs: int, batch_size: int | None) -> Run:
    _use_every_core()
    import jax
    from jax.sharding import Mesh
    from jax.sharding import PartitionSpec as P

    x, y = map(jax.numpy.asarray, _flat(folder))
    mesh = Mesh(np.array(jax.devices()), ("lanes",))
    train = functools.partial(_plain_run, epochs, batch_size)
    rates, seeds = _lanes(configs)

    def on_device(rates, seeds, orders, x, y):
        return jax.lax.map(lambda lane: train(*lane, orders, x, y), (rates, seeds))

    lanes, shared = P("lanes"), P()
    specs = (lanes, lanes, shared, shared, shared)
    sweep = jax.jit(
        jax.shard_map(on_device, mesh=mesh, in_specs=specs, out_specs=lanes, check_vma=False)
    )

    def run():
        orders = _orders(seeds, len(x), epochs, batch_size)
        accuracies, _ = jax.block_until_ready(sweep(rates, seeds, orders, x, y))
        return _answer(configs, epochs, accuracies.mean())

    return run


def plain_calls(
    folder: pathlib.Path, configs: int, epochs: int, batch_size: int | None, part: int
) -> Run:
    import jax

    x, y = map(jax.numpy.asarray, _flat(folder))
    train = jax.jit(functools.partial(_plain_run, epochs, batch_size))
    part = min(part, configs)
    lanes = list(zip(*_lanes(configs), strict=True))[:part]

    def run():
        accuracies = []
        for rate, seed in lanes:
            orders = _orders([seed], len(x), epochs, batch_size)
            accuracies.append(train(rate, np.uint32(0), orders, x, y, key_seed=seed)[0])
        return _answer(part, epochs, np.mean(jax.block_until_ready(accuracies)), of=configs)

    return run


def _plain_run(epochs, batch_size, rate, seed, orders, x, y, key_seed=None):
    """One run of one compiled program; orders [seeds, epochs, batches, batch_size]."""
    import jax
    import jax.numpy as jnp

    keys = jax.random.split(jax.random.key(seed if key_seed is None else key_seed))
    draw = jax.nn.initializers.glorot_uniform()
    params = (
        (draw(keys[0], (FEATURES, HIDDEN)), jnp.zeros(HIDDEN)),
        (draw(keys[1], (HIDDEN, CLASSES)), jnp.zeros(CLASSES)),
    )

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

    order = orders[seed]
    params, losses = jax.lax.scan(epoch, params, order)
    return (forward(params, x).argmax(axis=-1) == y).mean(), losses


def torch_vmap(
    folder: pathlib.Path, configs: int, epochs: int, batch_size: int | None, part: int
) -> Run:
    import torch
    from torch.func import grad, vmap

    x, y, rates, seeds = _torch_arrays(folder, configs)

    def loss_fn(params, x, y):
        w1, b1, w2, b2 = params
        logits = torch.sigmoid(x @ w1 + b1) @ w2 + b2
        return torch.nn.functional.cross_entropy(logits, y)

    by_lane = 0 if batch_size else None
    gradient = vmap(grad(loss_fn), in_dims=(0, by_lane, by_lane))

    def step(params, x, y):
        grads = gradient(params, x, y)
        return tuple(p - _column(rates, p) * g for p, g in zip(params, grads, strict=True))

    return _torch_ensemble(step, x, y, seeds, epochs, batch_size, part)


def torch_baddbmm(
    folder: pathlib.Path, configs: int, epochs: int, batch_size: int | None, part: int
) -> Run:
    import torch

    x, y, rates, seeds = _torch_arrays(folder, configs)

    def step(params, x, y):
        if x.ndim == 2:
            x, y = x.expand(configs, *x.shape), y.expand(configs, *y.shape)
        params = [p.requires_grad_() for p in params]
        w1, b1, w2, b2 = params
        hidden = torch.sigmoid(torch.baddbmm(b1.unsqueeze(1), x, w1))
        logits = torch.baddbmm(b2.unsqueeze(1), hidden, w2)
        total = torch.nn.functional.cross_entropy(
            logits.reshape(-1, CLASSES), y.reshape(-1), reduction="sum"
        )
        grads = torch.autograd.grad(total / y.shape[1], params)
        with torch.no_grad():
            return tuple(p - _column(rates, p) * g for p, g in zip(params, grads, strict=True))

    return _torch_ensemble(step, x, y, seeds, epochs, batch_size, part)


def _column(rates, params):
    return rates.reshape(-1, *[1] * (params.ndim - 1))


def _torch_arrays(folder, configs):
    import torch

    x, y = _flat(folder)
    rates, seeds = _lanes(configs)
    return torch.from_numpy(x / np.float32(16)), torch.from_numpy(y), torch.tensor(rates), seeds


def _torch_ensemble(step, x, y, seeds, epochs, batch_size, part) -> Run:
    """All configurations side by side, for `part` of the epochs."""
    import torch

    part = min(part, epochs)
    lane_of = torch.from_numpy(seeds.astype(np.int64))

    def run():
        params = [
            torch.stack(leaves)
            for leaves in zip(*(_torch_params(int(seed)) for seed in seeds), strict=True)
        ]
        rngs = [np.random.default_rng(int(seed)) for seed in sorted(set(seeds))]
        for _ in range(part):
            if batch_size is None:
                params = step(params, x, y)
                continue
            orders = torch.from_numpy(np.stack([rng.permutation(len(x)) for rng in rngs]))
            for rows in orders[:, : len(x) // batch_size * batch_size].split(batch_size, dim=1):
                rows = rows[lane_of]
                params = step(params, x[rows], y[rows])
        w1, b1, w2, b2 = [leaf.detach() for leaf in params]
        hidden = torch.sigmoid(torch.baddbmm(b1.unsqueeze(1), x.expand(len(w1), *x.shape), w1))
        predicted = torch.baddbmm(b2.unsqueeze(1), hidden, w2).argmax(dim=-1)
        accuracy = (predicted == y).float().mean().item()
        answer = _answer(len(seeds), epochs, accuracy) | {"units": len(seeds) * part / epochs}
        if part < epochs:
            answer |= {"scaled": f"{part} of {epochs} epochs"}
            del answer["accuracy"]
        return answer

    return run


def _torch_params(seed):
    import torch

    torch.manual_seed(seed)
    first, second = torch.nn.Linear(FEATURES, HIDDEN), torch.nn.Linear(HIDDEN, CLASSES)
    leaves = (first.weight.T, first.bias, second.weight.T, second.bias)
    return [leaf.detach().contiguous() for leaf in leaves]


def torch_loop(
    folder: pathlib.Path, configs: int, epochs: int, batch_size: int | None, part: int
) -> Run:
    part = min(part, configs)
    lanes = list(zip(*_lanes(configs), strict=True))[:part]
    pool = concurrent.futures.ProcessPoolExecutor(
        _cores(), mp_context=multiprocessing.get_context("spawn")
    )
    train = functools.partial(_torch_one, folder, epochs, batch_size)

    def run():
        return _answer(part, epochs, np.mean(list(pool.map(train, lanes))), of=configs)

    return run


def _torch_one(folder, epochs, batch_size, lane) -> float:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    rate, seed = lane
    x, y = _flat(folder)
    x, y = torch.from_numpy(x / np.float32(16)), torch.from_numpy(y)
    torch.manual_seed(int(seed))
    model = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.Sigmoid(), nn.Linear(HIDDEN, CLASSES))
    optimizer = torch.optim.SGD(model.parameters(), lr=float(rate))
    loss_fn = nn.CrossEntropyLoss()
    for _ in range(epochs):
        if batch_size is None:
            batches = [(x, y)]
        else:
            order = torch.randperm(len(x))[: len(x) // batch_size * batch_size]
            batches = ((x[rows], y[rows]) for rows in order.split(batch_size))
        for inputs, labels in batches:
            optimizer.zero_grad()
            loss_fn(model(inputs), labels).backward()
            optimizer.step()
    return (model(x).argmax(dim=-1) == y).float().mean().item()


def scikit_learn(
    folder: pathlib.Path, configs: int, epochs: int, batch_size: int | None, part: int
) -> Run:
    import joblib

    x, y = _flat(folder)
    x = x / np.float32(16)
    part = min(part, configs)
    lanes = list(zip(*_lanes(configs), strict=True))[:part]

    def run():
        with joblib.Parallel(n_jobs=_cores()) as parallel:
            jobs = (joblib.delayed(_scikit_one)(x, y, epochs, batch_size, lane) for lane in lanes)
            return _answer(part, epochs, np.mean(parallel(jobs)), of=configs)

    return run


def _scikit_one(x, y, epochs, batch_size, lane) -> float:
    import warnings

    from sklearn.neural_network import MLPClassifier

    rate, seed = lane
    network = MLPClassifier(
        hidden_layer_sizes=(HIDDEN,), activation="logistic", solver="sgd", alpha=0.0, momentum=0.0,
        batch_size=batch_size or len(x), learning_rate_init=float(rate), random_state=int(seed),
        max_iter=epochs, n_iter_no_change=epochs + 1,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        return network.fit(x, y).score(x, y)


def _answer(trained: int, epochs: int, accuracy: Any, of: int | None = None) -> dict[str, Any]:
    answer = {"units": trained, "accuracy": float(accuracy)}
    if of is not None and trained < of:
        answer["scaled"] = f"{trained} of {of} configurations"
    return answer


def _axes(configs: int) -> tuple[list[float], list[int]]:
    """The learning rates and the seeds: as many of the one as of the other."""
    side = int(configs**0.5)
    return np.geomspace(0.03, 1.0, side).tolist(), list(range(side))


def _lanes(configs: int) -> tuple[np.ndarray, np.ndarray]:
    """The rate and the seed of every configuration."""
    pairs = np.array(list(itertools.product(*_axes(configs))))
    return pairs[:, 0].astype(np.float32), pairs[:, 1].astype(np.uint32)


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

    jax.config.update("jax_num_cpu_devices", _cores())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _arrays(folder: pathlib.Path) -> list[np.ndarray]:
    return [np.load(folder / f"digits_{name}.npy") for name in ("x", "y")]


def _flat(folder: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    x, y = _arrays(folder)
    return x.reshape(len(x), -1), y.astype(np.int64)


def _workload(configs: int, batch_size: int | None) -> Workload:
    batch = "full" if batch_size is None else f"batch{batch_size}"
    of_each = "the whole set" if batch_size is None else f"{batch_size} examples"
    with_goals = configs == 64

    def goal(by_batch: Mapping[str, float]) -> Goal | None:
        return Goal(by_batch[batch]) if with_goals and batch in by_batch else None

    in_epochs, in_configs = {"part": 50}, {"part": 8}
    candidates = {
        "jaxnn": Candidate(
            "jaxnn, `train.sweep`, a device per core", jaxnn, goal=Goal(3.0, "first call")
        ),
        "plain_sweep": Candidate(
            "plain JAX, a program of the same form", plain_sweep, goal=Goal(1.05)
        ),
        "plain_calls": Candidate(
            "plain JAX, N calls of one compiled run", plain_calls,
            goal=goal({"batch64": 0.53}), settings=in_configs,
        ),
        "torch_vmap": Candidate(
            "PyTorch ensemble, torch.func.vmap", torch_vmap, "torch",
            goal({"batch64": 0.38}), in_epochs,
        ),
        "torch_baddbmm": Candidate(
            "PyTorch ensemble by hand, baddbmm", torch_baddbmm, "torch",
            goal({"batch64": 0.38}), in_epochs,
        ),
        "torch_loop": Candidate(
            "PyTorch loop, a process per core", torch_loop, "torch",
            goal({"full": 0.6}), {"part": 4},
        ),
        "scikit_learn": Candidate(
            "scikit-learn, joblib, a process per core", scikit_learn, "scikit-learn",
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


WORKLOADS = tuple(_workload(configs, batch) for batch in (64, None) for configs in (64, 16))
