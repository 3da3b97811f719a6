"""The whole set, a mini-batch or one example for each update: what does it change?

Slides:   ann_session 2 (batch, mini-batch, stochastic); chapter5 5.7 (SGD)
Run:      python -m experiments run batch_size
Takes:    about 30 s on two CPU cores
Expects:  (written before the first run) the single gradients have the full one as their mean, and
          the noise falls with the root of the batch; with all examples every step leads downhill,
          with one example many lead uphill, with a mini-batch fewer; after the same work, each at
          its own best rate, the mini-batch is ahead of both
"""

import dataclasses
import time

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, paired_difference, verdict_on
from experiments.pages import style
from jaxnn import backprop, data, layers, losses, optimizers, train

WHOLE = 1617  # the training set of digits
SLOPE, HEIGHT = 1.0, 0.5  # of the line that the paths are drawn for
EXAMPLES = 64  # on that line


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    batch_sizes: tuple[int, ...] = (1, 16, 128, WHOLE)
    learning_rates: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0)
    seeds: int = 10
    epochs: int = 20
    draws: int = 2000
    path_steps: int = 256


QUICK = Config(batch_sizes=(16,), learning_rates=(0.1,), seeds=2, epochs=3)
DATA = ("digits",)
WHOLE_RUN = ("noise", "bias")  # of all batch sizes
UNREPEATED = ("seconds_per_step",)
TOLERANCES = {
    "train_loss": (0.1, 0.02),
    "test_loss": (0.1, 0.02),
    "train_accuracy": (0.0, 0.03),
    "test_accuracy": (0.0, 0.03),
    "noise": (1e-3, 1e-6),
    "bias": (1e-2, 1e-5),
    "path": (1e-6, 1e-9),
    "seconds_per_step": (np.inf, 0.0),
}


def setup(learning_rate, batch_size, epochs):
    return train.Run(
        model=network(),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.gradient_descent(learning_rate),
        epochs=epochs,
        batch_size=batch_size,
    )


def network() -> layers.Layer:
    return layers.serial(layers.flatten, layers.dense(100), layers.relu, layers.dense(10))


def run(config: Config) -> xr.Dataset:
    digits = data.load("digits")
    history = train.sweep(
        setup, digits, learning_rate=list(config.learning_rates),
        batch_size=list(config.batch_sizes), seed=range(config.seeds), epochs=config.epochs,
        progress=True,
    )  # fmt: skip
    history = history.drop_vars(["epochs", *train.ENDINGS], errors="ignore")
    noise, bias = gradient_noise(digits, config.batch_sizes, config.draws)
    names, paths = line_paths(config.seeds, config.path_steps)
    return history.assign(
        noise=("batch_size", noise),
        bias=("batch_size", bias),
        seconds_per_step=("batch_size", [seconds_per_step(digits, b) for b in config.batch_sizes]),
        path=xr.DataArray(
            paths,
            {"descent": names, "seed": range(config.seeds),
             "step": np.arange(config.path_steps + 1), "weight": ["slope", "height"]},
        ),
    )  # fmt: skip


def gradient_noise(digits, batch_sizes, draws) -> tuple[list[float], list[float]]:
    """For each size, over random batches: the root mean square of |g - G|, and |mean g - G|, both
    over |G|, where G is the gradient with all examples, at the initial params of seed 0.
    """
    params, single = _single_gradients(digits)
    del params
    full = single.mean(axis=0)
    rng, n = np.random.default_rng(0), len(single)
    noise, bias = [], []
    for size in batch_sizes:
        if size == 1:  # every example once: the mean is the full gradient but for rounding
            batches = single
        else:
            rows = [rng.choice(n, size, replace=False) for _ in range(1 if size == n else draws)]
            batches = np.stack([single[r].mean(axis=0) for r in rows])
        error = np.sqrt(((batches - full) ** 2).sum(axis=1).mean())
        noise.append(float(error / np.linalg.norm(full)))
        bias.append(float(np.linalg.norm(batches.mean(axis=0) - full) / np.linalg.norm(full)))
    return noise, bias


def _single_gradients(digits) -> tuple[object, np.ndarray]:
    """[examples, weights of the last layer]: the gradient of each example alone, in float64."""
    model = network()
    params, state, _ = model.init(jax.random.key(0), digits.train.inputs.shape[1:])
    gradient = backprop.by_hand(model, losses.softmax_cross_entropy)
    x = jnp.asarray(digits.train.inputs, jnp.float32) / digits.scale

    def of_one(image, label):
        _, grads = gradient(params, state, image[None], label[None], None)
        return grads[-1]["kernel"].ravel()

    return params, np.asarray(jax.jit(jax.vmap(of_one))(x, digits.train.labels), np.float64)


def seconds_per_step(digits, batch_size: int, repeats: int = 5) -> float:
    """The median time of one update inside a compiled loop."""
    model, optimizer = network(), optimizers.gradient_descent(0.01)
    params, state, _ = model.init(jax.random.key(0), digits.train.inputs.shape[1:])
    gradient = backprop.by_hand(model, losses.softmax_cross_entropy)
    x = jnp.asarray(digits.train.inputs[:batch_size], jnp.float32) / digits.scale
    y = jnp.asarray(digits.train.labels[:batch_size])
    steps = max(20, 2000 // batch_size)

    def step(params, _):
        _, grads = gradient(params, state, x, y, None)
        updates, _ = optimizer.update(grads, optimizer.init(params))
        return jax.tree.map(jnp.add, params, updates), None

    steps_fn = jax.jit(lambda params: jax.lax.scan(step, params, length=steps)[0])
    jax.block_until_ready(steps_fn(params))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(steps_fn(params))
        times.append(time.perf_counter() - start)
    return float(np.median(times)) / steps


def line_paths(seeds: int, num_steps: int) -> tuple[list[str], np.ndarray]:
    """[descent, seed, step, weight]: a line is fitted to noisy points, from (-1, -1), at rate 0.2.

    The points are the same for all; a seed is an order of the batches.
    """
    x, y = line_points()
    sizes = {"batch": EXAMPLES, "mini-batch of 8": 8, "stochastic": 1}
    paths = np.full((len(sizes), seeds, num_steps + 1, 2), -1.0)
    for i, size in enumerate(sizes.values()):
        for seed in range(seeds):
            rng = np.random.default_rng((seed, size))
            for step in range(num_steps):
                rows = rng.choice(EXAMPLES, size, replace=False)
                error = x[rows] @ paths[i, seed, step] - y[rows]
                paths[i, seed, step + 1] = paths[i, seed, step] - 0.2 * error @ x[rows] / size
    return list(sizes), paths


def line_points() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = np.stack([rng.uniform(-1.5, 1.5, EXAMPLES), np.ones(EXAMPLES)], axis=1)
    return x, x @ np.array([SLOPE, HEIGHT]) + 0.5 * rng.normal(size=EXAMPLES)


def _cost(path: np.ndarray) -> np.ndarray:
    """Half the mean squared error of all the points."""
    x, y = line_points()
    return 0.5 * ((path @ x.T - y) ** 2).mean(axis=-1)


def draw(results: xr.Dataset) -> Figure:
    """Top: one path of each kind over the cost of a line, from the lower left; the cross is the
    least-squares fit. Bottom: the training loss on digits, each batch size at its best rate,
    against steps, passes over the data, and seconds as measured once; medians and ranges over the
    seeds.
    """
    figure, (path_axes, loss_axes) = style.subplots(2, 3, size=(17, 10))
    for ax, name, color in zip(path_axes, results.descent.values, ("C2", "C0", "C1"), strict=True):
        _draw_a_path(ax, results.path.sel(descent=name).isel(seed=0), color)
        ax.set_title(name)
        ax.sharex(path_axes[0])
        ax.sharey(path_axes[0])
    path_axes[0].set_ylabel("height of the line")
    _draw_the_losses(loss_axes, results)
    return figure


def _draw_a_path(ax, path: xr.DataArray, color: str) -> None:
    slopes, heights = np.meshgrid(np.linspace(-1.2, 1.8, 80), np.linspace(-1.2, 1.3, 80))
    cost = _cost(np.stack([slopes, heights], axis=-1).reshape(-1, 2)).reshape(slopes.shape)
    ax.contour(slopes, heights, cost, levels=np.geomspace(0.15, 4, 9), colors="#cccccc",
               linewidths=0.8)  # fmt: skip
    ax.plot(path.sel(weight="slope"), path.sel(weight="height"), ".-", color=color, linewidth=1)
    x, y = line_points()
    ax.plot(*np.linalg.lstsq(x, y)[0], "+", color="black", markersize=14, markeredgewidth=2)
    ax.set(xlabel="slope of the line")


def _draw_the_losses(axes, results) -> None:
    per_epoch = {b: max(1, WHOLE // b) for b in results.batch_size.values}
    scales = (
        ("update steps", per_epoch),
        ("passes over the data", dict.fromkeys(per_epoch, 1)),
        ("seconds (measured once)",
         {b: n * float(results.seconds_per_step.sel(batch_size=b)) for b, n in per_epoch.items()}),
    )  # fmt: skip
    for ax, (label, unit) in zip(axes, scales, strict=True):
        for size, color in zip(results.batch_size.values, ("C1", "C0", "C3", "C2"), strict=False):
            loss = results.train_loss.sel(batch_size=size, learning_rate=best_rate(results, size))
            name = {1: "1 example", WHOLE: "all"}.get(int(size), str(size))
            style.band(ax, results.epoch * unit[size], loss, color=color, label=name)
        ax.set(xscale="log", yscale="log", xlabel=label)
    axes[0].set_ylabel("training loss (nats)")
    axes[0].legend(title="examples per step", loc="lower left")
    axes[0].set_title("Against steps")
    axes[1].set_title("Against work")
    axes[2].set_title("Against time")


def best_rate(results, size) -> float:
    """The rate of the lowest mean final training loss on the first half of the seeds."""
    chosen_on = results.train_loss.sel(batch_size=size).isel(epoch=-1)
    chosen_on = chosen_on.isel(seed=slice(max(1, results.sizes["seed"] // 2)))
    mean = chosen_on.mean("seed", skipna=False).fillna(np.inf)
    return float(results.learning_rate[int(mean.argmin("learning_rate"))])


def judge(results: xr.Dataset) -> list[Verdict]:
    return [_judge_the_noise(results), _judge_the_single(results), _judge_the_paths(results)]


def _judge_the_noise(results) -> Verdict:
    claim = "sgd-computation"
    noise = results.noise.where(results.batch_size < WHOLE, drop=True)
    if noise.sizes["batch_size"] < 3:
        return verdict_on(claim, None, measured="", evidence="fewer than 3 batch sizes were run")
    size = noise.batch_size.astype(float)
    finite = np.sqrt((WHOLE - size) / (WHOLE - 1))  # drawn without replacement
    slope = float(np.polyfit(np.log(size), np.log(noise / finite), 1)[0])
    unbiased = bool((results.bias < 3 * results.noise / np.sqrt(1000) + 1e-5).all())
    return verdict_on(
        claim,
        abs(slope + 0.5) < 0.02 and unbiased,
        measured=f"noise of the gradient proportional to the batch to the power {slope:.3f}; mean "
        f"of the batches off the full gradient by at most {float(results.bias.max()):.1e} of it",
        evidence="the root mean square of |g - G| / |G| over random batches of digits drawn "
        "without replacement, for which the factor sqrt((N - b) / (N - 1)) is divided out; the "
        "exponent must be within 0.02 of -1/2, and the mean within its sampling error",
    )


def _judge_the_single(results) -> Verdict:
    claim = "stochastic-update"
    if 1 not in results.batch_size:
        return verdict_on(claim, None, measured="", evidence="batches of one were not run")
    bias = float(results.bias.sel(batch_size=1))
    return verdict_on(
        claim,
        bias < 1e-6,
        measured=f"the mean of the {WHOLE} single gradients is off the batch gradient by {bias:.1e}"
        f" of it; {WHOLE} updates in each epoch",
        evidence="backprop.by_hand of each example of digits alone, at the initial params",
    )


def uphill(results) -> xr.DataArray:
    """The share of steps, after the first 32, that raise the cost of all the points."""
    cost = xr.apply_ufunc(_cost, results.path, input_core_dims=[["weight"]])
    return (cost.diff("step") > 1e-12).isel(step=slice(32, None)).mean("step")


def _judge_the_paths(results) -> Verdict:
    claim = "batch-stochastic-minibatch"
    if not {1, 16, WHOLE} <= set(results.batch_size.values.tolist()) or results.sizes["seed"] < 2:
        return verdict_on(claim, None, measured="", evidence="not all batch sizes were run")
    share = uphill(results)
    batch, mini, single = (share.isel(descent=i) for i in range(3))
    noisier = paired_difference(single, mini)
    smooth = bool((batch == 0).all()) and bool((mini > 0).all())
    judged_on = results.train_loss.isel(epoch=-1, seed=slice(results.sizes["seed"] // 2, None))
    rates = {b: best_rate(results, b) for b in (1, 16, WHOLE)}
    ends = {b: judged_on.sel(batch_size=b, learning_rate=rate, drop=True)
            for b, rate in rates.items()}  # fmt: skip
    over_all, over_one = (paired_difference(ends[b], ends[16]) for b in (WHOLE, 1))
    best = bool(over_all.low > 0) and bool(over_one.low > 0)
    ordered = smooth and bool(noisier.low > 0)
    return verdict_on(
        claim,
        ordered and best,
        measured=f"steps that lead uphill: {float(batch.mean()):.0%} batch, "
        f"{float(mini.mean()):.0%} mini-batch, {float(single.mean()):.0%} stochastic; after "
        f"{int(results.epoch[-1])} passes over digits the training loss of batches of 16 is below "
        f"that of all by {over_all:.3f} and below that of one by {over_one:.4f} nats",
        evidence="the way of a line's fit, each with its own order of batches; and digits, each "
        "batch size at the rate of the lowest training loss on one half of the seeds "
        f"({', '.join(f'{b}: {rate:g}' for b, rate in rates.items())}), compared on the other half "
        "after as many examples, paired by seed; both 95 % intervals must be above 0. Seconds are "
        "drawn, not judged: they are the machine's",
        seeds=min(int(over_all.runs), int(over_one.runs)),
    )
