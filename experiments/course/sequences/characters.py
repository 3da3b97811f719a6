"""Does a recurrent network guess the next letter of English better than counts of letters do?

Slides:   r_tutorial 3.5 (RNN and LSTM)
Run:      python -m experiments run characters
Takes:    about 60 s on two CPU cores
Expects:  (written before the first run) of the last fifth of a text whose first four fifths it has
          read, a letter costs the LSTM 2.2 to 2.6 bits and the plain RNN 0.1 more; counts of pairs
          cost 3.2 bits; counts of triples come near to the RNN; letters alone cost more than 4 bits
"""

import dataclasses
import pathlib
import re

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import Verdict, mean_interval
from experiments.pages import style
from jaxnn import data, layers, losses, optimizers, train

TEXT = pathlib.Path(__file__).resolve().parents[3] / "LICENSE"  # 10,000 letters that never change
CONTEXT, FEATURES, UNITS, BATCH = 16, 16, 64, 64
CELLS = {"RNN": layers.elman(UNITS), "LSTM": layers.lstm(UNITS)}
COUNTED = {"letters": 0, "pairs": 1, "triples": 2}  # how many letters before the one to be guessed
COLORS = {"RNN": "C1", "LSTM": "C0"}


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    cells: tuple[str, ...] = tuple(CELLS)
    seeds: int = 10
    epochs: int = 10

    def __post_init__(self):
        for cell in self.cells:
            if cell not in CELLS:
                raise ValueError(f"cells are {'; '.join(CELLS)}, got {cell!r}")
        for name in ("seeds", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


QUICK = Config(cells=("RNN",), seeds=2, epochs=1)
DATA = ()
TOLERANCES = {
    "bits": (0.02, 0.02),
    "accuracy": (0.0, 0.02),
    "counted_bits": (1e-6, 1e-6),
    "counted_accuracy": (0.0, 1e-6),
}


def setup(cell, symbols, epochs):
    """Reads CONTEXT letters one by one, and says what comes next."""
    return train.Run(
        model=layers.serial(
            layers.embedding(symbols, FEATURES), CELLS[cell], layers.dense(symbols)
        ),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.adam(0.003),
        epochs=epochs,
        batch_size=BATCH,
    )


def run(config: Config) -> xr.Dataset:
    """The test set is the last fifth of the text, the same for all seeds; it chooses nothing."""
    read, unread = encoded()
    symbols = int(read.max()) + 1
    dataset = data.from_arrays(*windows(read), *windows(unread), name="the licence")
    history = train.sweep(
        setup, dataset, cell=list(config.cells), symbols=symbols, epochs=config.epochs,
        seed=range(config.seeds), progress=True,
    ).drop_vars(["symbols", "epochs"])  # fmt: skip
    counted = [by_counts(read, unread, symbols, before) for before in COUNTED.values()]
    bits, accuracy = np.transpose(counted)
    return xr.Dataset(
        {
            "bits": history.test_loss / np.log(2),
            "accuracy": history.test_accuracy,
            "counted_bits": ("counts", bits),
            "counted_accuracy": ("counts", accuracy),
        },
        {"counts": list(COUNTED)},
    )


def encoded() -> tuple[np.ndarray, np.ndarray]:
    """Four fifths of the text and the rest, its 26 letters, stops, commas and spaces as numbers."""
    text = re.sub("[^a-z.,]+", " ", TEXT.read_text("utf-8").lower())
    _, numbers = np.unique(list(text), return_inverse=True)
    cut = len(numbers) * 4 // 5
    return numbers[:cut].astype(np.int32), numbers[cut:].astype(np.int32)


def windows(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every CONTEXT letters [n, CONTEXT], as floats, and the one [n] that follows each."""
    seen = np.lib.stride_tricks.sliding_window_view(numbers[:-1], CONTEXT)
    return seen.astype(np.float32), numbers[CONTEXT:]


def by_counts(read, unread, symbols: int, before: int) -> tuple[float, float]:
    """Bits a letter, and the share guessed, by what followed the same letters in the text read.

    The share of a letter is mixed with what fewer letters before it say, down to all letters alike,
    as much as the letters before are rare: (n_ab + p_b) / (n_a + 1) for b after a  [Jelinek and
    Mercer 1980, in the form of MacKay and Peto 1995 with a weight of 1].
    """
    contexts, following = windows(unread)
    p = np.full((len(following), symbols), 1 / symbols)
    for length in range(before + 1):
        counts: dict[tuple, np.ndarray] = {}
        for end in range(length, len(read)):
            seen = tuple(read[end - length : end])
            counts.setdefault(seen, np.zeros(symbols))[read[end]] += 1
        nothing = np.zeros(symbols)
        own = np.stack([
            counts.get(tuple(context[CONTEXT - length :].astype(int)), nothing)
            for context in contexts
        ])  # fmt: skip
        p = (own + p) / (own.sum(axis=1, keepdims=True) + 1)
    costs = -np.log2(p[np.arange(len(following)), following])
    return float(costs.mean()), float((p.argmax(axis=1) == following).mean())


def draw(results: xr.Dataset) -> Figure:
    """Left: what a letter of the unread fifth of the project's licence costs in bits, over the
    epochs, medians and ranges of the seeds. Right: the share of its letters that are guessed, after
    the last epoch: each seed, the mean and its 95 % interval. Dashed: counts of single letters, of
    pairs and of triples.
    """
    figure, (bits_ax, share_ax) = style.subplots(1, 2, size=(14, 5.5))
    for cell in map(str, results.cell.values):
        style.band(
            bits_ax, results.epoch, results.bits.sel(cell=cell), color=COLORS[cell], label=cell
        )
    for name, bits in zip(results.counts.values, results.counted_bits.values, strict=True):
        style.reference(bits_ax, str(name), y=float(bits))
    last_epoch = int(results.epoch[-1])
    bits_ax.set(xlabel="epoch", ylabel="bits per letter", xlim=(0, 1.05 * last_epoch))
    bits_ax.set_title("What an unread letter costs", pad=20)
    bits_ax.set_xticks(range(0, last_epoch + 1, max(1, last_epoch // 5)))
    bits_ax.legend(loc="upper right", bbox_to_anchor=(1.0, 0.9))  # between two of the dashed lines
    last = 100 * results.accuracy.isel(epoch=-1)
    for place, cell in enumerate(results.cell.values):
        own = last.sel(cell=cell)
        share_ax.plot(own, np.full(own.size, place), "o", color=COLORS[str(cell)], alpha=0.4)
        style.interval(share_ax, place, mean_interval(own))
    for name, share in zip(results.counts.values, results.counted_accuracy.values, strict=True):
        style.reference(share_ax, str(name), x=100 * float(share))
    names = [str(cell) for cell in results.cell.values]
    share_ax.set_yticks(range(len(names)), names)
    share_ax.set(ylim=(len(names) - 0.5, -0.5), xlabel="letters guessed (%)")
    share_ax.set_title(f"After epoch {last_epoch}", pad=20)
    return figure


def judge(results: xr.Dataset) -> list[Verdict]:
    """The slides print no number of a recurrent network: nothing is judged."""
    del results
    return []
