"""Do the four equations of back-propagation give the gradient, layer by layer?

Slides:   ann_session 3 (BP1 to BP4)
Run:      python -m experiments run backprop_equations
Takes:    about 10 s on two CPU cores
Expects:  (written before the first run) in float64 every layer agrees with autodiff to about 1e-15,
          in float32 to about 1e-6, no worse far from the output; the deltas of hidden neurons are
          the central differences by their net inputs; a loop of the three steps lowers the error
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, mean_interval, verdict_on
from experiments.pages import style
from jaxnn import activations, backprop, layers, losses, optimizers

WIDTHS = (8, 16, 16, 16, 16, 16, 4)
_DEPTH = len(WIDTHS) - 1
MODEL = layers.serial(
    *(part for width in WIDTHS[1:] for part in (layers.dense(width), layers.sigmoid))
)
WAYS = ("BP1 to BP4", "the layers' backward passes")


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    seeds: int = 10
    steps: int = 200


QUICK = Config(seeds=2, steps=20)
DATA = ()
TOLERANCES = {
    "distance": (0.0, 1e-5),
    "gradient_norm": (1e-3, 1e-6),
    "delta": (1e-7, 1e-12),
    "difference": (1e-3, 1e-9),
    "loss": (1e-6, 1e-9),
}


def run(config: Config) -> xr.Dataset:
    parts = [
        xr.concat([_compared(s, precision) for s in range(config.seeds)], "seed")
        for precision in ("float32", "float64")
    ]
    with jax.enable_x64(True):
        deltas = xr.concat([_deltas_by_difference(s) for s in range(config.seeds)], "seed")
        falls = xr.concat([_loop(s, config.steps) for s in range(config.seeds)], "seed")
    return xr.merge([xr.concat(parts, "precision"), deltas, falls])


@jax.jit
def problem(seed: int):
    """Params whose signals neither die nor saturate, and a batch of one."""
    init_key, x_key, y_key = jax.random.split(jax.random.key(seed), 3)
    params, state, _ = MODEL.init(init_key, WIDTHS[:1])
    params = jax.tree.map(lambda leaf: 4 * leaf, params)  # a sigmoid's slope is at most 1/4
    x = jax.random.normal(x_key, (1, WIDTHS[0]))
    return params, state, x, jax.random.uniform(y_key, (1, WIDTHS[-1]))


def bp_equations(dense, x, y):
    """The slides' algorithm, for one example and the cost (1/2) |a^L - y|^2.

        z^l = w^l a^(l-1) + b^l, a^l = sigma(z^l)        forward, l = 1..L
        delta^L = (a^L - y) * sigma'(z^L)                BP1
        delta^l = (w^(l+1))^T delta^(l+1) * sigma'(z^l)  BP2, l = L-1..1
        dC/db^l = delta^l                                BP3
        dC/dw^l_jk = a^(l-1)_k delta^l_j                 BP4

    Args:
      dense: the params of each layer, whose kernel is the transpose of w.

    Returns:
      delta and dC/dw (as the kernel) of each layer.
    """
    a, z = [x], []
    for layer in dense:
        z.append(a[-1] @ layer["kernel"] + layer["bias"])
        a.append(activations.sigmoid(z[-1]))
    slope = [activations.sigmoid(v) * (1 - activations.sigmoid(v)) for v in z]
    deltas = [(a[-1] - y) * slope[-1]]  # BP1
    for level in range(len(dense) - 2, -1, -1):
        deltas.insert(0, (dense[level + 1]["kernel"] @ deltas[0]) * slope[level])  # BP2
    return deltas, [jnp.outer(before, d) for before, d in zip(a[:-1], deltas, strict=True)]  # BP4


def _cost(outputs, targets):
    return 0.5 * ((outputs - targets) ** 2).sum()


@jax.jit
def _gradients(params, state, x, y):
    """Per layer, the gradient of bias and kernel as one vector: by BP1 to BP4, by the layers, by
    autodiff.
    """
    deltas, kernels = bp_equations(params[::2], x[0], y[0])
    equations = [jnp.append(d, k.ravel()) for d, k in zip(deltas, kernels, strict=True)]
    by_layers = backprop.by_hand(MODEL, losses.squared_error)(params, state, x, y, None)[1]
    by_autodiff = jax.grad(lambda p: _cost(MODEL.forward(p, state, x, None, True)[0], y))(params)
    factor = WIDTHS[-1] / 2  # of 1/2 sum over the mean of squares
    return equations, *(
        [jnp.append(g["bias"], g["kernel"].ravel()) * scale for g in grads[::2]]
        for grads, scale in ((by_layers, factor), (by_autodiff, 1.0))
    )


def _compared(seed: int, precision: str) -> xr.Dataset:
    """The distance of each way from autodiff, relative to the length of the layer's gradient."""
    with jax.enable_x64(precision == "float64"):
        *ours, autodiff = jax.device_get(_gradients(*problem(seed)))
    norms = [np.linalg.norm(exact) for exact in autodiff]
    distance = [
        [np.linalg.norm(g - e) / n for g, e, n in zip(way, autodiff, norms, strict=True)]
        for way in ours
    ]
    return xr.Dataset(
        {"distance": (("way", "layer"), distance), "gradient_norm": ("layer", norms)},
        {
            "way": list(WAYS),
            "layer": np.arange(1, _DEPTH + 1),
            "precision": precision,
            "seed": seed,
        },
    )


def _deltas_by_difference(seed: int, step: float = 1e-5) -> xr.Dataset:
    """The deltas of the first hidden layer, and what moving its net inputs does to the cost."""
    params, _, x, y = problem(seed)
    delta, difference = _delta_and_difference(params, x, y, step)
    return xr.Dataset(
        {"delta": ("neuron", np.asarray(delta)), "difference": ("neuron", np.asarray(difference))},
        {"neuron": np.arange(delta.size), "seed": seed},
    )


@jax.jit
def _delta_and_difference(params, x, y, step):
    first, rest = params[0], params[2::2]

    def cost_of(z):
        a = activations.sigmoid(z)
        for layer in rest:
            a = activations.sigmoid(a @ layer["kernel"] + layer["bias"])
        return _cost(a, y[0])

    z = x @ first["kernel"] + first["bias"][None]
    nudge = step * jnp.eye(z.size)
    moved = jnp.concatenate([z + nudge, z - nudge])
    up, down = jnp.split(jax.vmap(cost_of)(moved), 2)
    deltas, _ = bp_equations(params[::2], x[0], y[0])
    return deltas[0], (up - down) / (2 * step)


def _loop(seed: int, steps: int) -> xr.Dataset:
    """Forward, error, backward, again and again on 32 examples; the loss before each step."""
    params, state, _, _ = problem(seed)
    x_key, y_key = jax.random.split(jax.random.key(1000 + seed))
    x = jax.random.normal(x_key, (32, WIDTHS[0]))
    y = jax.random.uniform(y_key, (32, WIDTHS[-1]))
    return xr.Dataset(
        {"loss": ("step", np.asarray(_losses(params, state, x, y, steps)))},
        {"step": np.arange(steps), "seed": seed},
    )


@functools.partial(jax.jit, static_argnames="steps")
def _losses(params, state, x, y, steps: int):
    gradient = backprop.by_hand(MODEL, losses.squared_error)
    optimizer = optimizers.gradient_descent(0.5)

    def step(params, _):
        (loss, _), grads = gradient(params, state, x, y, None)
        updates, _ = optimizer.update(grads, optimizer.init(params))
        return jax.tree.map(jnp.add, params, updates), loss

    return jax.lax.scan(step, params, length=steps)[1]


def draw(results: xr.Dataset) -> Figure:
    """Left: how far the gradient of each layer is from autodiff, relative to its length, by the
    four equations (discs) and by the layers' own backward passes (crosses), a mark a seed. Middle:
    the deltas of the first hidden layer against the central differences of the cost by its net
    inputs. Right: the loss of the loop, a line a seed.
    """
    figure, axes = style.subplots(1, 3, size=(17, 5.6))
    ax = axes[0]
    for precision, color in (("float32", "C1"), ("float64", "C0")):
        for way, marker, shift in zip(WAYS, "ox", (-0.12, 0.12), strict=True):
            gaps = results.distance.sel(precision=precision, way=way).transpose("seed", "layer")
            for gap in gaps:
                ax.plot(
                    results.layer + shift, np.maximum(gap, 1e-17), marker, color=color, alpha=0.5
                )
        ax.annotate(precision, (1.4, 3e-6 if precision == "float32" else 3e-14), color=color)
    ax.annotate("discs down here: the same bits", (1.4, 3e-17), color="#555555")
    ax.set(yscale="log", ylim=(3e-18, 1e-4), xlabel="layer", xticks=results.layer)
    ax.set(ylabel="relative distance from autodiff", title="Every layer, to rounding")
    ax = axes[1]
    ax.plot(results.difference.values.ravel(), results.delta.values.ravel(), ".", alpha=0.5)
    low, high = float(results.delta.min()), float(results.delta.max())
    ax.plot([low, high], [low, high], "--", color="#555555", linewidth=1)
    ax.set(xlabel="central difference of the cost", ylabel="δ by BP2", title="Hidden errors")
    for seed in results.seed.values:
        axes[2].plot(
            results.step, results.loss.sel(seed=seed), color="C0", alpha=0.5, linewidth=1.2
        )
    axes[2].set(xlabel="step", ylabel="loss", ylim=(0, None), title="Forward, error, backward")
    return figure


def judge(results: xr.Dataset) -> list[Verdict]:
    worst = {p: float(results.distance.sel(precision=p).max()) for p in ("float32", "float64")}
    off = np.abs(results.delta - results.difference).max("neuron") / np.abs(results.delta).max(
        "neuron"
    )
    fall = mean_interval(results.loss.isel(step=0) - results.loss.isel(step=-1))
    return [
        verdict_on(
            "bp-algorithm",
            bool(worst["float64"] < 1e-13 and worst["float32"] < 1e-4),
            measured=f"largest distance from autodiff in any of {_DEPTH} layers:"
            f" {worst['float64']:.1g} in float64, {worst['float32']:.1g} in float32 (relative)",
            evidence="BP1 to BP4 as they are written, and the layers' backward passes, on networks"
            f" of widths {', '.join(map(str, WIDTHS))} by the seeds; 1e-13 and 1e-4 are allowed",
            seeds=results.sizes["seed"],
        ),
        verdict_on(
            "hidden-error-unknown",
            bool((off < 1e-6).all()),
            measured=f"the deltas of the first of {_DEPTH - 1} hidden layers are within"
            f" {float(off.max()):.1g} of the differences, relative to the largest of them",
            evidence="BP2 against the central difference of the cost when one net input moves by"
            " 1e-5, in float64; each seed must be within 1e-6",
            seeds=results.sizes["seed"],
        ),
        verdict_on(
            "backprop-three-steps",
            bool(fall.low > 0 and (results.loss.isel(step=-1) < results.loss.isel(step=0)).all()),
            measured=f"the loss falls by {fall:.4f} from"
            f" {float(results.loss.isel(step=0).mean()):.4f} in {results.sizes['step']} steps",
            evidence="gradient descent at rate 0.5 on 32 random examples; every seed must end"
            " lower, and the 95 % interval of the fall be above 0",
            seeds=int(fall.runs),
        ),
    ]
