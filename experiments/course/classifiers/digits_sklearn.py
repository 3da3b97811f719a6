"""Is our network as accurate on digits as the slide's classifier of scikit-learn?

Slides:   ann_session 4.4 (MLPClassifier: 64-100-10, logistic, rate 0.1, full batch)
Run:      python -m experiments run digits_sklearn
Takes:    about 100 s on two CPU cores
Expects:  (written before the first run) both score 0.94 on average and stop after some 1,900
          epochs; over the same splits they are equivalent within half a point, which is one image
          of the 180, and no test tells the two distributions apart
"""

import dataclasses
import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy import stats

from experiments.claims.verdicts import Verdict, mean_interval, paired_difference, verdict_on
from experiments.pages import style
from jaxnn import data, layers, losses, optimizers, train

OURS, THEIRS = "jaxnn", "scikit-learn"
MARGIN = 0.5  # points of accuracy within which the two count as equal, chosen beforehand
LEVEL = 0.05  # of both tests
REFERENCE = 94.2  # points: scikit-learn 1.9.1 on the splits 0 to 9 with random_state=10
TOLERANCE, PATIENCE = 1e-4, 10  # scikit-learn's defaults, by which it stops
HIDDEN, RATE = 100, 0.1
RECORDED = np.unique(np.geomspace(1, 2_000, 100).astype(int))  # the epochs that are kept


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    seeds: int = 20
    epochs: int = 2_000

    def __post_init__(self):
        if self.seeds < 1 or self.epochs < 1:
            raise ValueError(f"seeds={self.seeds} and epochs={self.epochs} must be at least 1")


QUICK = Config(seeds=2, epochs=100)
DATA = ("digits",)
TOLERANCES = {
    "train_loss": (0.02, 0.001),
    "train_accuracy": (0.0, 0.005),
    "test_accuracy": (0.0, 0.012),
}
WHOLE_RUN = ("train_accuracy", "test_accuracy", "epochs_run")


class _Score(NamedTuple):
    loss: np.ndarray  # of each epoch, NaN after the last
    train_accuracy: float
    test_accuracy: float
    epochs_run: int


def setup(epochs):
    """The slide's network, its weights drawn as scikit-learn draws them."""
    return train.Run(
        model=layers.serial(_dense(64, HIDDEN), layers.sigmoid, _dense(HIDDEN, 10)),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.gradient_descent(RATE),
        epochs=epochs,
        batch_size=None,
    )


def _dense(num_inputs: int, features: int) -> layers.Layer:
    """Kernel and bias uniform between -b and b, b = sqrt(2 / (inputs + features))."""
    bound = math.sqrt(2 / (num_inputs + features))

    def draw_fn(key, shape, dtype=None, out_sharding=None):
        del out_sharding
        return jax.random.uniform(key, shape, dtype or np.float32, -bound, bound)

    return layers.dense(features, kernel_init=draw_fn, bias_init=draw_fn)


def run(config: Config) -> xr.Dataset:
    """Split s of scikit-learn, and in each of the two a start drawn by the seed s."""
    import threadpoolctl  # comes with scikit-learn

    splits = [_split(seed) for seed in range(config.seeds)]
    ours = [_train_ours(split, seed, config.epochs) for seed, split in enumerate(splits)]
    # A fit has little for a second core to do: two fits at a time, of one thread each.
    with (
        threadpoolctl.threadpool_limits(1),
        ThreadPoolExecutor(2) as pool,
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
        jobs = [
            pool.submit(_train_theirs, split, seed, config.epochs)
            for seed, split in enumerate(splits)
        ]
        theirs = [job.result() for job in jobs]
    recorded = RECORDED[config.epochs >= RECORDED]
    coords = {"program": [OURS, THEIRS], "seed": np.arange(config.seeds), "epoch": recorded}
    both = [ours, theirs]
    curves = np.array([[score.loss[recorded - 1] for score in scores] for scores in both])
    ends = {
        name: (("program", "seed"), [[getattr(score, name) for score in scores] for scores in both])
        for name in ("train_accuracy", "test_accuracy", "epochs_run")
    }
    return xr.Dataset({"train_loss": (tuple(coords), curves), **ends}, coords)


def _split(seed: int) -> data.Dataset:
    """scikit-learn's own split of the digits, as on the slide."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    inputs = (digits.data / 16).astype(np.float32)  # both compute in single precision
    x, x_test, y, y_test = train_test_split(inputs, digits.target, test_size=0.1, random_state=seed)
    return data.from_arrays(x, y, x_test, y_test, name="digits")


def _train_ours(digits: data.Dataset, seed: int, epochs: int) -> _Score:
    """At the epoch where scikit-learn's rule ends the run."""
    history = train.fit(setup, digits, seed=seed, epochs=epochs).history
    loss = history.train_loss.values.astype(np.float64)
    last = last_epoch(loss)
    end = history.isel(epoch=last - 1)
    loss[last:] = np.nan
    return _Score(loss, float(end.train_accuracy), float(end.test_accuracy), last)


def last_epoch(loss: np.ndarray) -> int:
    """The epoch, counted from 1, after which scikit-learn ends a run with these losses.

    It ends once the loss has failed in more than PATIENCE epochs in a row to fall by TOLERANCE
    below the lowest one before.
    """
    best, failures = math.inf, 0
    for epoch, value in enumerate(loss, start=1):
        failures = failures + 1 if value > best - TOLERANCE else 0
        best = min(best, value)
        if failures > PATIENCE:
            return epoch
    return len(loss)


def _train_theirs(digits: data.Dataset, seed: int, epochs: int) -> _Score:
    model = classifier(seed, epochs, batch_size=len(digits.train.labels)).fit(*digits.train)
    assert digits.test is not None
    loss = np.full(epochs, np.nan)
    loss[: model.n_iter_] = model.loss_curve_
    return _Score(loss, model.score(*digits.train), model.score(*digits.test), model.n_iter_)


def classifier(seed: int, epochs: int, batch_size: int) -> Any:
    """The slide's call, but for random_state, which is 10 there."""
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(
        solver="sgd", learning_rate_init=RATE, alpha=0, batch_size=batch_size,
        activation="logistic", random_state=seed, max_iter=epochs, hidden_layer_sizes=(HIDDEN,),
        momentum=0,
    )  # fmt: skip


def draw(results: xr.Dataset) -> Figure:
    """Left: the training loss of both, medians and ranges over the splits, until they stop. Middle:
    each split's test accuracies, one against the other; marked is the mean of scikit-learn on the
    splits 0 to 9 with the slide's start. Right: the differences, their mean and its 90 % interval,
    and the margin within which both count as equal.
    """
    figure, (loss_ax, score_ax, difference_ax) = style.subplots(1, 3, size=(18, 6))
    ours, theirs = (100 * results.test_accuracy.sel(program=p) for p in (OURS, THEIRS))
    for program, dashes in ((OURS, "-"), (THEIRS, "--")):
        loss = results.train_loss.sel(program=program)
        style.band(loss_ax, results.epoch, loss, whole_lanes=False, linestyle=dashes,
                   linewidth=2.5, label=program)  # fmt: skip
    loss_ax.set(xscale="log", yscale="log", xlabel="epoch", ylabel="training loss (nats)")
    loss_ax.set_yticks([0.2, 0.5, 1.0, 2.0], ["0.2", "0.5", "1", "2"])
    loss_ax.minorticks_off()
    loss_ax.set_title("The same curve")
    loss_ax.legend(loc="lower left")
    low = math.floor(float(min(ours.min(), theirs.min()))) - 1
    score_ax.axline((low, low), slope=1, color="#aaaaaa", linewidth=1)
    spread = np.linspace(-0.12, 0.12, len(ours))  # equal points side by side
    score_ax.plot(theirs + spread, ours + spread, "o", color="C0", alpha=0.6)
    style.reference(score_ax, f"{REFERENCE:g}: the slide's start", x=REFERENCE)
    score_ax.set(xlim=(low, 100), ylim=(low, 100), aspect="equal")
    score_ax.set(xlabel="test accuracy of scikit-learn (%)", ylabel="test accuracy of jaxnn (%)")
    score_ax.set_title("One dot for each split", pad=18)
    _draw_the_differences(difference_ax, ours - theirs)
    return figure


def _draw_the_differences(ax, difference: xr.DataArray) -> None:
    ax.axhspan(-MARGIN, MARGIN, color="#dddddd", zorder=0)
    ax.plot(difference.seed, difference, "o", color="C0", alpha=0.6)
    interval = mean_interval(difference, level=1 - 2 * LEVEL)
    middle = len(difference) + 2
    mean, low, high = (float(x) for x in interval[:3])
    ax.errorbar([middle], [mean], [[mean - low], [high - mean]], fmt="D", color="C1", capsize=6)
    style.reference(ax, "", y=0.0)
    ax.set(xlabel="split", ylabel="jaxnn minus scikit-learn (points)", ylim=(-3, 3))
    ax.set_xticks([0, len(difference) - 1, middle], ["0", str(len(difference) - 1), "mean"])
    ax.set_title("Equal within the grey margin?")


class Equality(NamedTuple):
    """What the two tests say of two samples of accuracies in points, paired by seed.

    Attributes:
      equivalence: p of the two one-sided t-tests [Schuirmann 1987] that the mean difference is
        outside of -MARGIN .. MARGIN; small speaks for equality.
      apart: p of the two-sample test of Kolmogorov and Smirnov; small speaks against it.
    """

    equivalence: float
    apart: float


def compare(ours: xr.DataArray, theirs: xr.DataArray) -> Equality:
    """Equivalence of the means, and the two distributions one against the other."""
    difference = (ours - theirs).values.astype(np.float64)
    if np.ptp(difference) < 1e-6:  # without a spread t is infinite or undefined
        outside = float(abs(difference[0]) >= MARGIN)
    else:
        above = stats.ttest_1samp(difference, -MARGIN, alternative="greater").pvalue
        below = stats.ttest_1samp(difference, MARGIN, alternative="less").pvalue
        outside = float(max(above, below))
    apart = stats.ks_2samp(ours.values, theirs.values).pvalue
    return Equality(outside, float(apart))


def judge(results: xr.Dataset) -> list[Verdict]:
    claim = "digits-mlp-accuracy"
    if results.sizes["seed"] < 10:
        return [verdict_on(claim, None, measured="", evidence="not all splits 0 to 9 were run")]
    ours, theirs = (100 * results.test_accuracy.sel(program=p, drop=True) for p in (OURS, THEIRS))
    equality = compare(ours, theirs)
    difference = paired_difference(ours, theirs, level=1 - 2 * LEVEL)
    of_ten = float(theirs.isel(seed=slice(10)).mean())
    stopped = [results.epochs_run.sel(program=p).mean().item() for p in (OURS, THEIRS)]
    seen = [100 * results.train_accuracy.sel(program=p).mean().item() for p in (OURS, THEIRS)]
    return [
        verdict_on(
            claim,
            equality.equivalence < LEVEL
            and equality.apart > LEVEL
            and abs(of_ten - REFERENCE) < MARGIN,
            measured=f"test accuracy {mean_interval(ours):.2f} % with jaxnn, "
            f"{mean_interval(theirs):.2f} % with scikit-learn, {of_ten:.2f} % on its splits 0 to "
            f"9; difference {difference:+.2f} points at 90 %, equivalence p = "
            f"{equality.equivalence:.1g}, two-sample p = {equality.apart:.2g}; training accuracy "
            f"{seen[0]:.1f} and {seen[1]:.1f} %, stopped after {stopped[0]:.0f} and "
            f"{stopped[1]:.0f} epochs",
            evidence="the slide's settings with a start drawn for each split, in single precision; "
            f"two one-sided t-tests, paired by split, must find the difference within {MARGIN:g} "
            f"points (p < {LEVEL:g}), the test of Kolmogorov and Smirnov must not tell the two "
            f"apart (p > {LEVEL:g}), and scikit-learn must score within {MARGIN:g} points of the "
            f"{REFERENCE:g} % that the slide's start gives on the splits 0 to 9; the margin was "
            "set beforehand",
            seeds=int(difference.runs),
        )
    ]
