import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jaxnn import data, initializers, layers, logistic_regression, losses, optimizers, train
from jaxnn.data import toy

POINTS = 400  # to train on, and as many fresh ones
EVERY = 50  # epochs between those that are kept
LINEAR_BUDGET = 240  # parameters of the networks without activation, on the moons
PANELS = {  # task, activation, depth, budget: the networks whose decisions are drawn
    "without activation": ("moons", "identity", 3, LINEAR_BUDGET),
    "ReLU": ("moons", "relu", 3, LINEAR_BUDGET),
    "one hidden layer": ("spirals", "relu", 1, 240),
    "four hidden layers": ("spirals", "relu", 4, 240),
}
PROBED = PANELS["four hidden layers"][2:]  # depth and budget; its layers are probed
GRID = np.linspace(-1.0, 1.0, 61)  # of a panel, in units of its task's half width
HALF_WIDTH = {"moons": 2.6, "spirals": 1.2}
ACTIVATIONS = {"identity": layers.identity, "relu": layers.relu}


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag; a budget is a number of parameters."""

    depths: tuple[int, ...] = (1, 2, 3, 4)
    budgets: tuple[int, ...] = (60, 120, 240)
    linear_depths: tuple[int, ...] = (0, 1, 2, 3)
    panels: tuple[str, ...] = tuple(PANELS)
    seeds: int = 10
    epochs: int = 300

    def __post_init__(self):
        if not self.depths or min(self.depths) < 1:
            raise ValueError(f"depths={self.depths}: give numbers of hidden layers from 1 on")
        if not self.budgets or min(self.budgets) < 20:
            raise ValueError(f"budgets={self.budgets}: give 20 parameters or more")
        if not self.linear_depths or min(self.linear_depths) < 0:
            raise ValueError(f"linear_depths={self.linear_depths}: give numbers from 0 on")
        if not self.panels or not set(self.panels) <= set(PANELS):
            raise ValueError(f"panels={self.panels}: give some of {list(PANELS)}")
        if self.epochs < EVERY:
            raise ValueError(f"epochs={self.epochs}: give {EVERY} or more, of which one is kept")


QUICK = Config(
    depths=(1,), budgets=(240,), linear_depths=(0,), panels=("one hidden layer",),
    seeds=2, epochs=50,
)  # fmt: skip
DATA = ()
TOLERANCES = {
    "accuracy": (0.0, 0.1),
    "linear_accuracy": (0.0, 0.02),
    "probe_accuracy": (0.0, 0.2),
    "collapse_error": (0.0, 1e-5),
    "bend": (0.5, 1e-6),
    "logits": (10.0, 100.0),  # a picture of one seed
    "points": (1e-6, 1e-6),
}
WHOLE_RUN = ("probe_accuracy", "collapse_error", "bend", "logits")


def draw_points(task: str, seed: int) -> data.Dataset:
    if task == "moons":
        return toy.moons(POINTS, noise=0.2, seed=seed)
    return toy.spirals(POINTS, turns=2.0, noise=0.04, seed=seed)


def num_params(depth: int, width: int) -> int:
    """Of two inputs, `depth` hidden layers of `width` units, and one output."""
    if depth == 0:
        return 3
    return 4 * width + 1 + (depth - 1) * width * (width + 1)


def width_of(depth: int, budget: int) -> int:
    """The width whose number of parameters is nearest to the budget."""
    return min(range(1, budget), key=lambda width: abs(num_params(depth, width) - budget))


def setup(activation, depth, budget, epochs):
    hidden = [
        layer
        for _ in range(depth)
        for layer in (
            layers.dense(width_of(depth, budget), kernel_init=initializers.he_normal()),
            ACTIVATIONS[activation],
        )
    ]
    return train.Run(
        model=layers.serial(*hidden, layers.dense(1)),
        loss=losses.sigmoid_binary_cross_entropy,
        optimizer=optimizers.adam(0.01),
        epochs=epochs,
        batch_size=40,
        evaluate_every=EVERY,
    )


def run(config: Config) -> xr.Dataset:
    """Every seed draws points of its own, and a start."""
    seeds = range(config.seeds)
    grid = {"depth": list(config.depths), "budget": list(config.budgets)}
    accuracy = xr.concat(
        [
            xr.concat(
                [_accuracy(task, seed, "relu", config.epochs, **grid) for seed in seeds], "seed"
            )
            for task in HALF_WIDTH
        ],
        xr.DataArray(list(HALF_WIDTH), dims="task", name="task"),
    )
    linear = [
        _accuracy("moons", seed, "identity", config.epochs, depth=list(config.linear_depths),
                  budget=[LINEAR_BUDGET])
        for seed in seeds
    ]  # fmt: skip
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "linear_accuracy": xr.concat(linear, "seed")
            .isel(budget=0, drop=True)
            .rename(depth="linear_depth"),
            **_measure_the_networks(config),
            **(_probe(config) if "four hidden layers" in config.panels else {}),
        }
    )


def _accuracy(task, seed, activation, epochs, **grid) -> xr.DataArray:
    """On fresh points, of the epochs that are kept."""
    history = train.sweep(
        setup, draw_points(task, seed), activation=activation, seed=[seed], epochs=epochs, **grid
    )
    kept = history.test_accuracy.sel(epoch=slice(EVERY, None, EVERY))
    return kept.drop_vars(["activation", "epochs"], errors="ignore")


def _measure_the_networks(config: Config) -> dict[str, xr.DataArray]:
    """Of the networks of PANELS: what an affine function leaves of them, how far the product of
    the layers is from them (NaN where they have an activation), and the first seed's picture.
    """
    bend, error, logits, points = [], [], [], []
    for task, activation, depth, budget in (PANELS[panel] for panel in config.panels):
        grid = _grid_points(HALF_WIDTH[task])
        bends, errors = [], []
        for seed in range(config.seeds):
            network, params, state = _trained(task, seed, activation, depth, budget, config.epochs)
            outputs = network.forward(params, state, grid, None, False)[0][:, 0]
            bends.append(bend_of(np.asarray(grid), np.asarray(outputs)))
            product = collapse(params)
            straight = layers.affine(grid, **product)
            scale = np.abs(outputs).max()
            far = float(np.abs(straight[:, 0] - outputs).max() / scale)
            errors.append(far if activation == "identity" else np.nan)
            if seed == 0:
                logits.append(np.asarray(outputs).reshape(len(GRID), len(GRID)))
                fresh = draw_points(task, seed).test
                assert fresh is not None
                points.append(np.column_stack([fresh.inputs, fresh.labels]))
        bend.append(bends)
        error.append(errors)
    panels = {"panel": list(config.panels)}
    seeds = {"seed": np.arange(config.seeds)}
    return {
        "bend": xr.DataArray(np.array(bend), {**panels, **seeds}),
        "collapse_error": xr.DataArray(np.array(error), {**panels, **seeds}),
        "logits": xr.DataArray(np.stack(logits), {**panels, "y": GRID, "x": GRID}),
        "points": xr.DataArray(
            np.stack(points), {**panels, "point": np.arange(POINTS), "of": ["x", "y", "label"]}
        ),
    }


def _trained(task, seed, activation, depth, budget, epochs):
    settings = {"activation": activation, "depth": depth, "budget": budget, "epochs": epochs}
    result = train.fit(setup, draw_points(task, seed), seed=seed, **settings)
    return setup(**settings).model, jax.tree.map(jnp.asarray, result.params), result.state


def _grid_points(half_width: float) -> jax.Array:
    x, y = np.meshgrid(half_width * GRID, half_width * GRID)
    return jnp.asarray(np.column_stack([x.ravel(), y.ravel()]), jnp.float32)


def collapse(params) -> dict[str, jax.Array]:
    """The one affine map of layers without activation: W = W_1 W_2 ..., b = (b_1 W_2 + b_2) ..."""
    kernel, bias = jnp.eye(2), jnp.zeros(2)
    for layer in params:
        if isinstance(layer, dict):
            kernel, bias = kernel @ layer["kernel"], bias @ layer["kernel"] + layer["bias"]
    return {"kernel": kernel, "bias": bias}


def bend_of(points: np.ndarray, logits: np.ndarray) -> float:
    """The share of the logits' variance that the best affine function of the points leaves; 0 of
    a constant.
    """
    design = np.column_stack([points, np.ones(len(points))]).astype(np.float64)
    values = logits.astype(np.float64)
    solution, *_ = np.linalg.lstsq(design, values, rcond=None)
    variance = np.var(values)
    return float(np.var(values - design @ solution) / variance) if variance > 0 else 0.0


def _probe(config: Config) -> dict[str, xr.DataArray]:
    """Accuracy on fresh points of one neuron that reads a layer, before and after training."""
    depth, budget = PROBED
    scores = []
    for seed in range(config.seeds):
        points = draw_points("spirals", seed)
        _, trained, _ = _trained("spirals", seed, "relu", depth, budget, config.epochs)
        settings = {"activation": "relu", "depth": depth, "budget": budget, "epochs": 1}
        start, _ = train.initial(setup(**settings), seed, (2,))
        scores.append(
            [[read(*hidden) for hidden in hidden_layers(params, points)]
             for params in (start, trained)]
        )  # fmt: skip
    coords = {
        "seed": np.arange(config.seeds),
        "network": ["start", "trained"],
        "layer": np.arange(depth + 1),
    }
    return {"probe_accuracy": xr.DataArray(np.array(scores), coords)}


def hidden_layers(params, points: data.Dataset):
    """Of the inputs and each hidden layer's outputs: training and fresh values, and their labels.

    The outputs are those of the activations, so that they are what the next layer sees.
    """
    assert points.test is not None
    seen, fresh = (jnp.asarray(part.inputs) for part in (points.train, points.test))
    labels = points.train.labels, points.test.labels
    yield np.asarray(seen), labels[0], np.asarray(fresh), labels[1]
    for layer in [layer for layer in params if isinstance(layer, dict)][:-1]:
        seen, fresh = (jax.nn.relu(layers.affine(h, **layer)) for h in (seen, fresh))
        yield np.asarray(seen), labels[0], np.asarray(fresh), labels[1]


def read(seen, seen_labels, fresh, fresh_labels) -> float:
    """The accuracy on fresh values of one neuron that is trained on the seen ones."""
    scale = data.standardizer(seen)
    params = _fit(jnp.asarray(scale(seen)), jnp.asarray(seen_labels))
    predicted = logistic_regression.predict(params, jnp.asarray(scale(fresh)))
    return float((predicted == fresh_labels).mean())


@jax.jit
def _fit(inputs, labels):
    start = logistic_regression.initialize_with_zeros(inputs.shape[1])
    return logistic_regression.optimize(
        start, inputs, labels, learning_rate=1.0, num_steps=1_000
    ).params
