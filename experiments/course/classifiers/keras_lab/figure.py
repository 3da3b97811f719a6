"""Accuracies of both fits, the test accuracy of each seed, the network and the first image."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.claims.verdicts import claims, mean_interval, prediction_interval
from experiments.course.classifiers.keras_lab.runs import SPLITS, WIDTHS
from experiments.pages import style


def draw(results: xr.Dataset) -> Figure:
    """Left: accuracies of the right fit over the epochs, medians and ranges over the seeds. Middle:
    the test accuracy of each seed, their mean with its 95 % interval, and where one more run would
    fall. Right: the fit on unscaled pixels beside the right one. Below: the network, the training
    loss, and the first image of the publisher's file.
    """
    if not results:
        return style.note("MNIST was not at hand")
    figure, axes = style.subplots(2, 3, size=(17, 9), gridspec_kw={"height_ratios": (3, 2)})
    curve_ax, test_ax, bug_ax = axes[0]
    _draw_the_history(curve_ax, results)
    _draw_the_test(test_ax, results.right_test_accuracy.isel(right_epoch=-1))
    _draw_the_bug(bug_ax, results)
    _draw_the_network(axes[1, 0])
    style.band(axes[1, 1], results.right_epoch, results.right_train_loss, color="C0")
    axes[1, 1].set(yscale="log", xlabel="epoch", ylabel="loss (nats)", title="Training loss")
    _draw_the_first(axes[1, 2], results)
    return figure


def _draw_the_history(ax, results) -> None:
    lines = [
        style.band(ax, results.right_epoch, results[f"right_{split}_accuracy"])
        for split in ("train", "validation")
    ]
    ax.set(xlabel="epoch", ylabel="accuracy", ylim=(0.85, 1.0), title="Fitted on scaled pixels")
    _leave_room(ax, results.right_epoch)
    style.label_lines(ax, lines, [SPLITS["train"], SPLITS["validation"]])


def _draw_the_test(ax, accuracy) -> None:
    one_more, mean = prediction_interval(accuracy), mean_interval(accuracy)
    ax.axvspan(float(one_more.low), float(one_more.high), color="C2", alpha=0.12, linewidth=0)
    ax.plot(accuracy, accuracy.seed, "o", color="C2")
    last = accuracy.sizes["seed"]
    style.interval(ax, last + 1, mean)
    ax.annotate("mean, 95 %", (float(mean.high), last + 1), xytext=(8, -5),
                textcoords="offset points")  # fmt: skip
    style.reference(ax, "slide", x=claims()["mnist-test-accuracy"].printed_value)
    ax.set(xlabel="test accuracy (band: one more run, 95 %)", ylabel="seed")
    ax.set_title("After the last epoch", pad=18)
    ax.set(ylim=(-1, last + 2.5), yticks=range(last))


def _draw_the_bug(ax, results) -> None:
    epochs = results.unscaled_epoch
    right = results.right_test_accuracy.sel(right_epoch=epochs.values)
    style.band(ax, epochs, right, color="C2", label="right: test")
    for split, color, mark in (("train", "C0", "o"), ("test", "C1", "x")):
        style.band(ax, epochs, results[f"unscaled_{split}_accuracy"], whole_lanes=False,
                   color=color, marker=mark, label=f"unscaled: {SPLITS[split]}")  # fmt: skip
    style.reference(ax, "", y=0.1)
    ax.set(xlabel="epoch", ylabel="accuracy", ylim=(0, 1), xticks=epochs.values)
    ax.set_title("Fitted on pixels up to 255 (dashed: guessing)")
    ax.legend(loc="center right")


def _draw_the_network(ax) -> None:
    ax.axis("off")
    ax.set(xlim=(-0.5, len(WIDTHS) - 0.5), ylim=(0, 1), title="The network")
    for place, width in enumerate(WIDTHS):
        half = 0.06 * np.log2(width) / 2
        ax.fill_between([place - 0.12, place + 0.12], 0.5 - half, 0.5 + half, color="C0",
                        alpha=0.35, linewidth=0)  # fmt: skip
        ax.text(place, 0.5, str(width), ha="center", va="center")
        name = "input" if place == 0 else "softmax" if width == 10 else "ReLU"
        ax.text(place, 0.06, name, ha="center", va="center", fontsize="small")
        if place:
            ax.annotate("", (place - 0.16, 0.5), (place - 0.84, 0.5),
                        arrowprops={"arrowstyle": "->", "color": "#555555"})  # fmt: skip


def _draw_the_first(ax, results) -> None:
    ax.axis("off")
    if "first_image" not in results:
        ax.text(0.5, 0.5, "The publisher's file was not at hand", ha="center")
        return
    ax.imshow(results.first_image, cmap="gray_r")
    ax.set_title(f"The first image, label {int(results.first_label)}")


def _leave_room(ax, epoch) -> None:
    """For labels at the ends of the lines, inside the axes."""
    first, last = int(epoch[0]), int(epoch[-1])
    ax.set_xlim(first, last + 0.6 * max(last - first, 1))
    ax.set_xticks([tick for tick in ax.get_xticks() if first <= tick <= last and tick == int(tick)])
