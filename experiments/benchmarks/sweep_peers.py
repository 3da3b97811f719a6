"""W2 as the users of other libraries write it, and what all its candidates share.

Each candidate trains N = rates * seeds networks and gives their mean accuracy on the training set.
Candidates that would take too long train fewer of them, or for fewer epochs, and say so.
"""

import concurrent.futures
import functools
import itertools
import multiprocessing
import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

FEATURES, HIDDEN, CLASSES, EPOCHS = 64, 100, 10, 200
Run = Callable[[], dict[str, Any]]


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

    x, y = flat(folder)
    rates, seeds = lanes(configs)
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
        if part < epochs:
            units = len(seeds) * part / epochs
            return {"units": units, "scaled": f"{part} of {epochs} epochs"}
        w1, b1, w2, b2 = [leaf.detach() for leaf in params]
        hidden = torch.sigmoid(torch.baddbmm(b1.unsqueeze(1), x.expand(len(w1), *x.shape), w1))
        predicted = torch.baddbmm(b2.unsqueeze(1), hidden, w2).argmax(dim=-1)
        return answer(len(seeds), (predicted == y).float().mean())

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
    chosen = list(zip(*lanes(configs), strict=True))[:part]
    pool = concurrent.futures.ProcessPoolExecutor(
        cores(), mp_context=multiprocessing.get_context("spawn")
    )
    train = functools.partial(_torch_one, folder, epochs, batch_size)

    def run():
        return answer(part, np.mean(list(pool.map(train, chosen))), of=configs)

    return run


def _torch_one(folder, epochs, batch_size, lane) -> float:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    rate, seed = lane
    x, y = flat(folder)
    x, y = torch.from_numpy(x / np.float32(16)), torch.from_numpy(y)
    torch.manual_seed(int(seed))
    model = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.Sigmoid(), nn.Linear(HIDDEN, CLASSES))
    optimizer = torch.optim.SGD(model.parameters(), lr=float(rate))
    loss_fn, size = nn.CrossEntropyLoss(), batch_size or len(x)
    for _ in range(epochs):
        order = torch.randperm(len(x))[: len(x) // size * size]
        batches = ((x[rows], y[rows]) for rows in order.split(size)) if batch_size else [(x, y)]
        for inputs, labels in batches:
            optimizer.zero_grad()
            loss_fn(model(inputs), labels).backward()
            optimizer.step()
    return (model(x).argmax(dim=-1) == y).float().mean().item()


def scikit_learn(
    folder: pathlib.Path, configs: int, epochs: int, batch_size: int | None, part: int
) -> Run:
    import joblib

    x, y = flat(folder)
    x = x / np.float32(16)
    part = min(part, configs)
    chosen = list(zip(*lanes(configs), strict=True))[:part]

    def run():
        with joblib.Parallel(n_jobs=cores()) as parallel:
            jobs = (joblib.delayed(_scikit_one)(x, y, epochs, batch_size, lane) for lane in chosen)
            return answer(part, np.mean(parallel(jobs)), of=configs)

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


def answer(trained: int, accuracy: Any, *, of: int | None = None) -> dict[str, Any]:
    """What a run says of the networks that it trained, all or some `of` them."""
    scaled = {} if of in (None, trained) else {"scaled": f"{trained} of {of} configurations"}
    return {"units": trained, "accuracy": float(accuracy), **scaled}


def axes(configs: int) -> tuple[list[float], list[int]]:
    """The learning rates and the seeds: as many of the one as of the other."""
    side = int(configs**0.5)
    return np.geomspace(0.03, 1.0, side).tolist(), list(range(side))


def lanes(configs: int) -> tuple[np.ndarray, np.ndarray]:
    """The rate and the seed of every configuration."""
    pairs = np.array(list(itertools.product(*axes(configs))))
    return pairs[:, 0].astype(np.float32), pairs[:, 1].astype(np.uint32)


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def arrays(folder: pathlib.Path) -> list[np.ndarray]:
    return [np.load(folder / f"digits_{name}.npy") for name in ("x", "y")]


def flat(folder: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    x, y = arrays(folder)
    return x.reshape(len(x), -1), y.astype(np.int64)
