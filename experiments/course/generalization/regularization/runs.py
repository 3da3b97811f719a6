"""One small residual network on a hundred digits, with each method in turn, at a few strengths."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from experiments.course.generalization.strengths import LEVELS
from jaxnn import augment, data, layers, losses, metrics, optimizers, train

NONE = "none"
METHODS: dict[str, tuple[float | int, ...]] = {  # and the strengths that are tried, weakest first
    "dropout": (0.2, 0.4, 0.6),  # the rate
    "DropConnect": (0.2, 0.4, 0.6),  # the rate
    "stochastic depth": (0.9, 0.7, 0.5),  # the probability that a block survives
    "batch norm": (0.0,),  # there is no strength
    "fractional pooling": (0.0,),
    "Cutout": (2.0, 3.0, 4.0),  # the side of the square, of 8 pixels
    "Mixup": (0.1, 0.4, 1.0),  # alpha of Beta(alpha, alpha)
    "fewer units": (4,),  # by how much the widths are divided
}
RATE = 0.02  # of gradient descent with momentum, for every method
SCALE = 16.0  # the brightest pixel
EVERY = 50  # epochs from one evaluation to the next
CLASSES = 10
CHANNELS, UNITS, BLOCKS = 8, 128, 2
BATCH_SIZE = 20
TEST_SIZE, VALIDATION_SIZE, TRAIN_SIZE = 900, 300, 597  # of the digits; a seed trains on a part


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    methods: tuple[str, ...] = tuple(METHODS)
    learning_rates: tuple[float, ...] = (0.005, RATE, 0.08, 0.32)
    seeds: int = 10
    epochs: int = 100
    train_size: int = 100

    def __post_init__(self) -> None:
        for method in self.methods:
            if method not in METHODS:
                raise ValueError(f"no method is called {method!r}: there are {', '.join(METHODS)}")
        if RATE not in self.learning_rates:
            raise ValueError(
                f"learning_rates must contain {RATE}, at which the methods are compared, got"
                f" {self.learning_rates}"
            )
        if self.epochs < EVERY or self.epochs % EVERY:
            raise ValueError(
                f"epochs must be a multiple of {EVERY}, when a run is evaluated, got {self.epochs}"
            )
        if self.seeds < 1:
            raise ValueError(f"seeds must be at least 1, got {self.seeds}")
        if not BATCH_SIZE <= self.train_size <= TRAIN_SIZE:
            raise ValueError(
                f"train_size must be from {BATCH_SIZE} to {TRAIN_SIZE}, got {self.train_size}"
            )


QUICK = Config(methods=(), learning_rates=(RATE,), seeds=2, epochs=EVERY)
DATA = ("digits",)
WHOLE_RUN = ("seen_loss", "seen_accuracy")  # of the trained network
TOLERANCES = {
    "strength": (0.0, 0.0),
    "train_loss": (0.2, 0.05),
    "train_accuracy": (0.0, 0.1),
    "validation_loss": (0.2, 0.1),
    "validation_accuracy": (0.0, 0.05),
    "test_loss": (0.2, 0.1),
    "test_accuracy": (0.0, 0.05),
    "test_confidence": (0.0, 0.05),
    "seen_loss": (0.2, 0.05),
    "seen_accuracy": (0.0, 0.05),
    "rate_loss": (0.3, 0.1),
    "rate_accuracy": (0.0, 0.1),
}


def confidence(predictions: jax.Array, labels: jax.Array) -> jax.Array:
    """The probability of the class that each prediction names."""
    del labels
    return jax.nn.softmax(predictions).max(axis=-1)


def setup(method, strength, learning_rate, epochs):
    one_hot = functools.partial(jax.nn.one_hot, num_classes=CLASSES)
    mixes = method == "Mixup"
    return train.Run(
        model=network(method, strength),
        loss=losses.softmax_cross_entropy_with_soft_targets
        if mixes
        else losses.softmax_cross_entropy,
        targets=one_hot if mixes else None,
        augment=augment.mixup(strength)
        if mixes
        else augment.per_image(augment.cutout(strength))
        if method == "Cutout"
        else None,
        optimizer=optimizers.momentum(learning_rate),
        metrics={"accuracy": metrics.accuracy, "confidence": confidence},
        epochs=epochs,
        batch_size=BATCH_SIZE,
        evaluate_every=EVERY,
    )


def network(method: str, strength) -> layers.Layer:
    """The same places for all methods, so that a seed draws the same weights for each of them.

    Fractional pooling comes from 8 to 4 pixels a side in two random steps, by way of 5, where all
    others halve them in one.
    """
    divisor = strength if method == "fewer units" else 1
    channels, units = CHANNELS // divisor, UNITS // divisor

    def only(name, layer):
        return layer if method == name else layers.identity

    norm = only("batch norm", layers.batch_norm(momentum=0.9))
    branch = layers.serial(
        layers.conv2d(channels, 3), norm, layers.relu, layers.conv2d(channels, 3), norm
    )
    block = (
        layers.stochastic_depth(branch, strength)
        if method == "stochastic depth"
        else layers.residual(branch)
    )
    pool = (
        layers.serial(layers.fractional_max_pool2d(1.5), layers.fractional_max_pool2d(1.25))
        if method == "fractional pooling"
        else layers.max_pool2d(2)
    )
    dropout = layers.dropout(strength) if method == "dropout" else layers.identity
    hidden = (
        layers.drop_connect(units, strength) if method == "DropConnect" else layers.dense(units)
    )
    return layers.serial(
        *(layers.conv2d(channels, 3), norm, layers.relu, pool),
        *[layer for _ in range(BLOCKS) for layer in (block, layers.relu)],
        *(layers.flatten, dropout, hidden, layers.relu, dropout, layers.dense(CLASSES)),
    )


def digits() -> data.Dataset:
    """597 images to train on, 300 to choose the strengths on, and 900 to test on."""
    return data.hold_out(data.load("digits", test_size=TEST_SIZE), VALIDATION_SIZE)


def run(config: Config) -> xr.Dataset:
    """Every seed draws its own training images, the same for all methods."""
    images = digits()
    methods = [NONE, *(method for method in METHODS if method in config.methods)]
    found = {method: _trained(method, images, config) for method in methods}
    results = xr.concat(
        [history.sel(learning_rate=RATE, drop=True) for history in found.values()],
        xr.Variable("kind", methods),
        join="outer",
    ).reindex(level=list(LEVELS))
    strengths = np.full((len(methods), len(LEVELS)), np.nan)
    for row, method in zip(strengths, methods, strict=True):
        row[: len(_strengths(method))] = _strengths(method)
    rates = [method for method in (NONE, "batch norm") if method in methods]
    over_rates = xr.concat(
        [found[method].isel(level=0, drop=True) for method in rates], xr.Variable("norm", rates)
    )
    evaluated = [epoch for epoch in results.epoch.values if epoch % EVERY == 0]
    return results.sel(epoch=evaluated).assign(
        strength=(("kind", "level"), strengths),
        rate_loss=over_rates.train_loss.rename(epoch="rate_epoch"),
        rate_accuracy=over_rates.train_accuracy.rename(epoch="rate_epoch"),
    )


def _strengths(method: str) -> tuple[float | int, ...]:
    return METHODS.get(method, (0.0,))


def _trained(method: str, images: data.Dataset, config: Config) -> xr.Dataset:
    """[level, learning_rate, seed, epoch], of one program unless a strength is structure."""
    strengths = _strengths(method)
    is_structure = isinstance(strengths[0], int)
    together = [(strength,) for strength in strengths] if is_structure else [strengths]
    parts = [_swept(method, some, images, config) for some in together]
    history = xr.concat(parts, "strength").rename(strength="level")
    return history.assign_coords(level=list(LEVELS[: len(strengths)]))


def _swept(method, strengths, images: data.Dataset, config: Config) -> xr.Dataset:
    """More than one rate only without a method and for batch norm."""
    rates = config.learning_rates if method in (NONE, "batch norm") else (RATE,)
    history, params = train.sweep(
        setup, images, method=method, strength=list(strengths), learning_rate=list(rates),
        seed=range(config.seeds), epochs=config.epochs, train_size=config.train_size,
        return_params=True, progress=True,
    )  # fmt: skip
    params = jax.tree.map(lambda leaf: leaf[:, rates.index(RATE)], params)
    loss, accuracy = _seen(method, strengths, images.train, params, config)
    coords = {"strength": history.strength, "seed": history.seed}
    history = history.drop_vars(train.ENDINGS, errors="ignore").reset_coords(drop=True)
    return history.drop_vars(["train_confidence", "validation_confidence"]).assign(
        seen_loss=xr.DataArray(loss, coords), seen_accuracy=xr.DataArray(accuracy, coords)
    )


def _seen(method, strengths, examples, params, config: Config) -> tuple[np.ndarray, np.ndarray]:
    """[strength, seed]: loss and accuracy of the trained networks on the very images they were
    trained on, with nothing dropped or mixed; the history has them as training saw them.

    Batch norm takes its moments over all of the training images, which is what the running ones
    stand for.
    """
    rows = np.stack([
        data.subset_rows(len(examples.labels), size=config.train_size, seed=seed)
        for seed in range(config.seeds)
    ])  # fmt: skip
    inputs, labels = jnp.asarray(examples.inputs), jnp.asarray(examples.labels)

    def measured(strength, params, rows):
        model = network(method, strength)
        _, state, _ = model.init(jax.random.key(0), inputs.shape[1:])
        x, y = inputs[rows].astype(jnp.float32) / SCALE, labels[rows]
        logits, _, _ = model.forward(params, state, x, None, method == "batch norm")
        loss = losses.softmax_cross_entropy(logits, y)
        return loss.mean(), metrics.accuracy(logits, y).mean()

    if isinstance(strengths[0], int):
        (strength,) = strengths
        of_one = functools.partial(measured, strength)
        loss, accuracy = jax.jit(jax.vmap(jax.vmap(of_one), (0, None)))(params, rows)
    else:
        over_seeds = jax.vmap(measured, (None, 0, 0))
        over_both = jax.jit(jax.vmap(over_seeds, (0, 0, None)))
        loss, accuracy = over_both(jnp.asarray(strengths), params, rows)
    return np.asarray(loss), np.asarray(accuracy)
