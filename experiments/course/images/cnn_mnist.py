"""How far does the slides' convolutional network come on MNIST, from few images and from all?

Slides:   cnn_session (the network of 32-32-pool-64-64-pool, 128 units, Dropout(0.4),
          BatchNormalization, adam, on images of 28x28x1)
Run:      python -m experiments run cnn_mnist
Takes:    an hour on two CPU cores, with --full; else it is redrawn
Expects:  (written before the first run) at the slides' widths, in 10 epochs, with images shifted by
          up to two pixels and a learning rate that falls to 0, the mean of three seeds is at least
          99.4 % from all 60,000 images, about 98.9 % from 10,000 and 95 to 97 % from 1,000
"""

import dataclasses

import numpy as np
import optax
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from experiments.claims.verdicts import Verdict, mean_interval
from experiments.course.images.cnn.runs import network
from experiments.pages import style
from jaxnn import augment, data, losses, optimizers, train

SHAPE, BATCH_SIZE, RATE = (28, 28, 1), 64, 0.001
RATE_EPOCHS = 10  # after which the learning rate is 0, however long a run is
AIMED_AT = 0.994  # of the test images


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    images: tuple[int, ...] = (1000, 10_000, 60_000)
    seeds: int = 3
    epochs: int = 10
    evaluate_every: int = 2

    def __post_init__(self):
        if self.evaluate_every < 1 or self.epochs % self.evaluate_every:
            raise ValueError(
                f"{self.epochs} epochs are no multiple of evaluate_every={self.evaluate_every}:"
                " the last must be evaluated"
            )
        if min(self.images, default=0) < BATCH_SIZE:
            raise ValueError(f"images={self.images} do not fill a batch of {BATCH_SIZE}: take more")


QUICK = Config(images=(1000,), seeds=1, epochs=2)
HEAVY = True
DATA = ("mnist",)
TOLERANCES = {
    "train_loss": (0.3, 0.05),
    "test_loss": (0.3, 0.05),
    "train_accuracy": (0.0, 0.03),
    "test_accuracy": (0.0, 0.03),
}


def setup(images, epochs, evaluate_every):
    updates = RATE_EPOCHS * (images // BATCH_SIZE)
    return train.Run(
        model=network("cnn", filters=(32, 64), units=128),
        loss=losses.softmax_cross_entropy,
        optimizer=optimizers.adam(optax.cosine_decay_schedule(RATE, updates)),
        augment=augment.per_image(augment.pad_and_crop(2)),
        epochs=epochs,
        batch_size=BATCH_SIZE,
        evaluate_every=evaluate_every,
    )


def run(config: Config) -> xr.Dataset:
    """Every seed draws its own training images; the test images are looked at, and choose nothing.

    The epochs without an evaluation are left out.
    """
    mnist = data.load("mnist")
    of_each = []
    for images in config.images:
        history = train.sweep(
            setup, mnist, images=images, train_size=images, epochs=config.epochs,
            evaluate_every=config.evaluate_every, seed=range(config.seeds), progress=True,
        )  # fmt: skip
        of_each.append(history[list(TOLERANCES)].dropna("epoch", subset=["test_loss"], how="all"))
    together = xr.concat(of_each, "images", coords="different", compat="equals")
    return together.assign_coords(images=list(config.images))


def draw(results: xr.Dataset) -> Figure:
    """Left: the share of the 10,000 test images that is read wrongly, while it is trained, medians
    and ranges of the seeds. Right: after the last epoch, against the number of training images,
    each seed, the mean and its 95 % interval. Dashed: the 0.6 % that were aimed at.
    """
    figure, (epochs_ax, images_ax) = style.subplots(1, 2, size=(14, 5.5))
    wrong = 100 * (1 - results.test_accuracy)
    for place, images in enumerate(results.images.values):
        color, label = f"C{place}", f"{images:,} images"
        style.band(epochs_ax, wrong.epoch, wrong.sel(images=images), spread="range", color=color,
                   label=label)  # fmt: skip
    epochs_ax.set(xlabel="epoch", ylabel="test images read wrongly (%)", yscale="log")
    epochs_ax.set_title("While it is trained")
    epochs_ax.legend(loc="upper right")
    last = wrong.isel(epoch=-1)
    for images in results.images.values:
        own = last.sel(images=images)
        images_ax.plot(np.full(own.size, images), own, "o", color="C0", alpha=0.5)
        mean = mean_interval(own)
        style.interval(images_ax, images, mean, along="y")
        images_ax.annotate(f"{float(mean.mean):.2f} %", (images, float(mean.mean)), (10, 6),
                           textcoords="offset points")  # fmt: skip
    images_ax.set(xlabel="training images", ylabel="test images read wrongly (%)")
    images_ax.set(xscale="log", yscale="log")
    images_ax.margins(x=0.2)
    images_ax.set_title(f"After epoch {int(results.epoch[-1])}")
    for ax in (epochs_ax, images_ax):
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        style.reference(ax, "", y=100 * (1 - AIMED_AT))
    return figure


def judge(results: xr.Dataset) -> list[Verdict]:
    """The slides print no result of this network on MNIST: nothing is judged."""
    del results
    return []
