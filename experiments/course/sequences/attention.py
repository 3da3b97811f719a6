"""Where does attention look, and does it read digits as well as a memory does?

Slides:   r_tutorial 3.6 (attention and the Transformer)
Run:      python -m experiments run attention
Takes:    about 60 s on two CPU cores
Expects:  (written before the first full run) one attention layer learns to turn a sequence around,
          to 99 % of the symbols of unseen sequences and more, and looks at the mirrored place; on
          digits, read row by row, the Transformer is within two points of the LSTM, one attention
          layer alone is a few points behind both
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, mean_interval, paired_difference, verdict_on
from experiments.pages import style
from jaxnn import data, layers, losses, metrics, models, optimizers, train

SYMBOLS, LENGTH, WIDTH = 8, 12, 32
TRAINING, TEST, BATCH = 2560, 500, 64
LEARNT = 0.99  # of the symbols of unseen sequences
READERS = ("Transformer", "one attention layer", "LSTM", "RNN")
COLORS = dict(zip(READERS, ("C0", "C5", "C2", "C1"), strict=True))


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    readers: tuple[str, ...] = READERS
    seeds: int = 10
    epochs: int = 30
    digits_epochs: int = 30

    def __post_init__(self):
        for reader in self.readers:
            if reader not in READERS:
                raise ValueError(f"readers are {'; '.join(READERS)}, got {reader!r}")
        if not self.readers:
            raise ValueError(f"a reader is needed at least, of {'; '.join(READERS)}")
        for name in ("seeds", "epochs", "digits_epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


QUICK = Config(readers=("one attention layer",), seeds=2, epochs=3, digits_epochs=3)
DATA = ("digits",)
WHOLE_RUN = ("weights", "rows_read")
TOLERANCES = {
    "reversed_loss": (0.3, 0.1),
    "reversed_accuracy": (0.0, 0.1),
    "weights": (0.0, 0.3),
    "digits_accuracy": (0.0, 0.05),
    "rows_read": (0.0, 1.0),
    "image": (0.0, 0.0),
}


def setup(epochs):
    """Symbols in, the same symbols in reverse out: one head, one layer, and nothing beside it."""
    return train.Run(
        model=layers.serial(
            layers.embedding(SYMBOLS, WIDTH), layers.positional_encoding(),
            layers.self_attention(1), layers.dense(SYMBOLS),
        ),
        loss=losses.softmax_cross_entropy,
        metrics={"accuracy": places_right},
        targets=as_symbols,
        optimizer=optimizers.adam(0.003),
        epochs=epochs,
        batch_size=BATCH,
    )  # fmt: skip


def as_symbols(labels):
    """The sequence as class indices, one for each place; a data set keeps it as floats."""
    return labels.astype(jnp.int32)


def places_right(logits, labels):
    """1 for each place whose symbol is right, else 0."""
    return metrics.accuracy(logits, as_symbols(labels))


def reader(kind, epochs):
    """Reads a digit as eight rows."""
    return train.Run(
        model=network(kind),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.adam(0.003),
        epochs=epochs,
        batch_size=BATCH,
        folds=5,
    )


def network(kind: str) -> layers.Layer:
    """The classifier of that name."""
    if kind == "one attention layer":
        embedded = layers.rows_as_steps, layers.dense(WIDTH), layers.positional_encoding()
        read_out = layers.mean_over_steps, layers.dense(10)
        return layers.serial(*embedded, layers.self_attention(1), *read_out)
    made: dict[str, Callable[[int], layers.Layer]] = {
        "Transformer": models.transformer_classifier,
        "LSTM": models.lstm_classifier,
        "RNN": models.rnn_classifier,
    }
    return made[kind](10)


def run(config: Config) -> xr.Dataset:
    """The same sequences for every seed; of the digits every seed deals its own unseen fifth."""
    seeds, sequences = range(config.seeds), reversals()
    turned, params = train.sweep(
        setup, sequences, epochs=config.epochs, seed=seeds, return_params=True, progress=True
    )
    assert sequences.test is not None
    unseen = jnp.asarray(sequences.test.inputs)
    own = [jax.tree.map(lambda leaf, s=s: jnp.asarray(leaf[s]), params) for s in seeds]
    map_of = jax.jit(functools.partial(attention_map, setup(1).model))
    maps = [map_of(of_seed, unseen).mean(axis=0) for of_seed in own]
    found = {
        "reversed_loss": turned.test_loss.drop_vars("epochs"),
        "reversed_accuracy": turned.test_accuracy.drop_vars("epochs"),
        "weights": xr.DataArray(np.array(maps), {"seed": seeds}, ("seed", "place", "read")),
    }
    digits, accuracies = data.pooled(data.load("digits")), []
    for kind in config.readers:
        history, params = train.sweep(
            reader, digits, kind=kind, epochs=config.digits_epochs, seed=seeds, fold=0,
            return_params=True, progress=True,
        )  # fmt: skip
        accuracy = history.validation_accuracy.drop_vars(["kind", "epochs", "fold"])
        accuracies.append(accuracy.expand_dims(reader=[kind]))
        if kind == "one attention layer":
            found |= _rows_read(digits, jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), params))
    found["digits_accuracy"] = xr.concat(accuracies, "reader")
    return xr.merge([values.rename(name) for name, values in found.items()], join="outer")


def reversals() -> data.Dataset:
    """Random sequences, and the same from their end to their beginning."""
    drawn = np.random.default_rng(0).integers(0, SYMBOLS, (TRAINING + TEST, LENGTH))
    x, y = drawn.astype(np.float32), drawn[:, ::-1].astype(np.float32)
    parts = x[:TRAINING], y[:TRAINING], x[TRAINING:], y[TRAINING:]
    return data.from_arrays(*parts, name="reversals", classes=())


def attention_map(model: layers.Layer, params, inputs: jax.Array) -> jax.Array:
    """How much each place reads of each other one, [examples, place, read]; each row sums to 1.

    softmax(q k^T / sqrt(dim)) times the values is what an attention layer gives: with the unit
    vectors in the place of the values these are the weights themselves.

    Args:
      model: a chain of layers with a `self_attention(1)` among them.
      params: of the chain.
      inputs: a batch.
    """
    x = inputs
    for layer, own in zip(model.parts, params, strict=True):
        if layer.name == "self_attention(1)":
            query, key, _ = jnp.split(
                layers.affine(x, own["in_kernel"], own["in_bias"]), 3, axis=-1
            )
            units = jnp.broadcast_to(jnp.eye(x.shape[1]), (len(x), x.shape[1], x.shape[1]))
            return layers.dot_product_attention(query, key, units)
        x = layer.forward(own, (), x, None, False)[0]
    raise ValueError(f"{model.name} has no self_attention(1)")


def _rows_read(digits: data.Dataset, params) -> dict[str, xr.DataArray]:
    """One digit of each class that seed 0 has not seen, and how much each of its rows is read."""
    labels = digits.train.labels
    unseen = data.fold_rows(labels, folds=5, seed=0, equal=True)[0]
    rows = unseen[[np.flatnonzero(labels[unseen] == digit)[0] for digit in range(10)]]
    images = digits.train.inputs[rows] / np.float32(digits.scale)
    map_of = jax.jit(functools.partial(attention_map, network("one attention layer")))
    weights = map_of(params, jnp.asarray(images))
    return {
        "image": xr.DataArray(images[..., 0], dims=("digit", "row", "column")),
        "rows_read": xr.DataArray(np.asarray(weights.mean(axis=1)), dims=("digit", "row")),
    }


def draw(results: xr.Dataset) -> Figure:
    """Top left: an attention layer learns to say sequences backwards, every seed a line. Top right:
    which place it looks at for each place that it says, mean over unseen sequences and seeds.
    Bottom left: digits read row by row, medians and ranges. Bottom right: unseen digits, tinted by
    how much the one attention layer reads of each row.
    """
    figure, axes = style.subplots(2, 2, size=(16, 11))
    _draw_learning(axes[0, 0], results)
    _draw_the_map(axes[0, 1], results)
    _draw_accuracies(axes[1, 0], results)
    _draw_the_digits(axes[1, 1], results)
    return figure


def _draw_learning(ax, results) -> None:
    accuracy = results.reversed_accuracy.dropna("epoch", how="all")
    for _, of_seed in accuracy.groupby("seed"):
        ax.plot(accuracy.epoch, of_seed.squeeze(), color="C0", lw=1.3, alpha=0.7)
    style.reference(ax, "chance", y=1 / SYMBOLS)
    ax.set(ylim=(0, 1.02), xlabel="epoch", ylabel="symbols that are right, unseen sequences")
    ax.set_title("Turning a sequence around")


def _draw_the_map(ax, results) -> None:
    shown = ax.imshow(results.weights.mean("seed"), cmap="viridis", vmin=0, vmax=1)
    ax.set(xlabel="place that is read", ylabel="place that is said", title="Where it looks")
    ticks = range(0, results.sizes["place"], 2)
    ax.set_xticks(ticks, [str(tick + 1) for tick in ticks])
    ax.set_yticks(ticks, [str(tick + 1) for tick in ticks])
    ax.grid(visible=False)
    ax.figure.colorbar(shown, ax=ax, label="weight", shrink=0.9)


def _draw_accuracies(ax, results) -> None:
    for name in results.reader.values:
        accuracy = results.digits_accuracy.sel(reader=name).dropna("epoch", how="all")
        style.band(ax, accuracy.epoch, accuracy, color=COLORS[name], label=name)
    ax.set(ylim=(0.7, 1), xlabel="epoch", ylabel="accuracy, unseen digits")
    ax.set_title("Digits, row by row")
    ax.legend(loc="lower right")


def _draw_the_digits(ax, results) -> None:
    ax.set_title("How much of the attention each row gets")
    ax.set_axis_off()
    if "image" not in results:
        return
    images = np.pad(results.image.values, ((0, 0), (1, 1), (1, 1)))
    tint = np.broadcast_to(results.rows_read.values[..., None], results.image.shape)
    tints = np.pad(tint, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    ax.imshow(_tiles(images), cmap="gray_r", vmin=0, vmax=1)
    shown = ax.imshow(_tiles(tints), cmap="YlOrRd", vmin=0, alpha=0.55)
    ax.figure.colorbar(shown, ax=ax, label="weight, mean over what reads", shrink=0.7)


def _tiles(pictures: np.ndarray) -> np.ndarray:
    """Ten pictures in two rows."""
    _, height, width = pictures.shape
    of_rows = pictures.reshape(2, 5, height, width).transpose(0, 2, 1, 3)
    return of_rows.reshape(2 * height, 5 * width)


def judge(results: xr.Dataset) -> list[Verdict]:
    claim = "topic-attention-r"
    sums = results.weights.sum("read")
    off = float(np.abs(sums - 1).max())
    mirrored = results.weights.values[:, :, ::-1]
    on_it = xr.DataArray(mirrored.diagonal(axis1=1, axis2=2).mean(axis=1), dims="seed")
    hits = (mirrored.argmax(axis=2) == np.arange(mirrored.shape[1])).mean(axis=1)
    finite = np.isfinite(mirrored).all(axis=(1, 2))
    aligned = mean_interval(xr.DataArray(np.where(finite, hits, np.nan), dims="seed"))
    weight = mean_interval(on_it)
    right = mean_interval(results.reversed_accuracy.isel(epoch=-1))
    told = _told_of_digits(results)
    return [
        verdict_on(
            claim,
            off < 1e-4 and bool(right.low > LEARNT) and bool(aligned.low > LEARNT),
            measured=f"the weights of a place sum to 1 within {off:.0e}; one attention layer turns"
            f" {right:.4f} of the symbols of unseen sequences around, looks most at the mirrored"
            f" place for {aligned:.3f} of the places, and with {weight:.3f} of its weight{told}",
            evidence=f"sequences of {LENGTH} of {SYMBOLS} symbols, one head, mean weights over"
            f" {TEST} unseen sequences for each seed; 95 % intervals: the share of symbols that are"
            f" right, and that of places whose largest weight is on the mirrored one, must be above"
            f" {LEARNT}",
            seeds=min(int(right.runs), int(aligned.runs)),
        )
    ]


def _told_of_digits(results) -> str:
    """What the readers of digits reach, and the Transformer beside the others."""
    final = 100 * results.digits_accuracy.dropna("epoch", how="all").isel(epoch=-1)
    there = [str(name) for name in results.reader.values]
    told = [f"{name} {mean_interval(final.sel(reader=name)):.1f} %" for name in there]
    lines = f"; accuracy on unseen digits, read row by row: {', '.join(told)}"
    if {"Transformer", "LSTM"} <= set(there):
        gain = paired_difference(final.sel(reader="Transformer"), final.sel(reader="LSTM"))
        lines += f"; the Transformer {gain:+.1f} points beside the LSTM"
    return lines
