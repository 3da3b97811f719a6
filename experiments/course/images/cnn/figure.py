"""Accuracies of all variants, losses, the two cross-entropies, filters, feature maps and reach."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.claims.verdicts import mean_interval
from experiments.pages import style


def draw(results: xr.Dataset) -> Figure:
    """Top: the test accuracy of each seed with the mean and its 95 % interval, losses of unseen
    images over the epochs, the accuracy under both cross-entropies (dashed: the one that Keras
    shows beside the binary one). Bottom: how well each stage is read out and how many rows of
    pixels a unit sees, the filters of the first convolution before and after training, and an image
    with feature maps of the first and the last convolution. Curves are medians and ranges.
    """
    if not results:
        return style.note("MNIST was not at hand")
    figure, axes = style.subplots(2, 3, size=(18, 11))
    for ax in axes[0, 1:]:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _draw_the_accuracies(axes[0, 0], results)
    _draw_the_losses(axes[0, 1], results)
    _draw_the_cross_entropies(axes[0, 2], results)
    _draw_the_depth(axes[1, 0], results)
    _draw_the_filters(axes[1, 1], results)
    _draw_the_maps(axes[1, 2], results)
    return figure


def _draw_the_accuracies(ax, results) -> None:
    final = 100 * results.test_accuracy.isel(epoch=-1)
    names = list(results.variant.values)
    for place, name in enumerate(names):
        accuracy = final.sel(variant=name)
        color = "C1" if name.startswith("dense") else "C0"
        heights = place + np.linspace(-0.2, 0.2, accuracy.size)
        ax.plot(accuracy, heights, "o", color=color, alpha=0.45, markersize=5)
        style.interval(ax, place, mean_interval(accuracy), markersize=5)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlabel="test accuracy (%)", title="After the last epoch")


def _draw_the_losses(ax, results) -> None:
    lines, names = [], []
    for color, name in zip(("C0", "C2", "C3", "C4", "C1"),
                           ("cnn", "no dropout", "no batch norm", "neither", "dense"),
                           strict=True):  # fmt: skip
        if name in results.variant:
            own = results.sel(variant=name)
            lines.append(style.band(ax, own.epoch, own.test_loss, color=color))
            ax.plot(own.epoch, own.validation_loss.median("seed"), ":", color=color, lw=1.5)
            names.append(name)
    ax.set(yscale="log", xlabel="epoch", ylabel="loss (nats)")
    ax.set_title("Unseen images (dotted: seen)")
    ax.legend(lines, names, loc="lower left", fontsize="small")


def _draw_the_cross_entropies(ax, results) -> None:
    for color, name, label in (("C0", "cnn", "categorical"), ("C1", "binary", "binary")):
        if name in results.variant:
            own = results.sel(variant=name)
            style.band(ax, own.epoch, 100 * own.test_accuracy, color=color, label=label)
            ax.plot(own.epoch, 100 * own.test_outputs_right.median("seed"), "--", color=color)
    ax.set(xlabel="epoch", ylabel="test accuracy (%)", title="The slide's loss and the right one")
    ax.legend(loc="lower right", title="cross-entropy")


def _draw_the_depth(ax, results) -> None:
    ax.set_title("Read out by ridge regression, and rows seen")
    if "probe" not in results:
        ax.axis("off")
        return
    names = [str(name) for name in results.read_out.values]
    places = np.arange(len(names))
    style.band(ax, places, 100 * results.probe, color="C0", marker="o", whole_lanes=False)
    rows = {str(n): int(r) for n, r in zip(results.layer.values, results.reach, strict=True)}
    seen = {"convolution 2": rows["pooling 1"], "convolution 4": rows["pooling 2"]}
    labels = [name if name == "pixels" else f"{name.replace('convolution', 'conv.')}\n"
              f"{seen.get(name, rows.get(name))} rows" for name in names]  # fmt: skip
    ax.set_xticks(places, labels)
    ax.set(ylabel="test accuracy of the read-out (%)")


def _draw_the_filters(ax, results) -> None:
    ax.axis("off")
    ax.set_title("First filters, seed 0: at the start, and trained")
    if "filters" not in results:
        return
    grids = []
    for name in ("filters_before", "filters"):
        tiles = results[name].isel(seed=0).transpose("filter", "row", "column").values
        grids.append(_tiled(tiles / np.abs(tiles).max((1, 2), keepdims=True), columns=8))
    gap = np.full((1, grids[0].shape[1]), np.nan)
    ax.imshow(np.concatenate([grids[0], gap, gap, grids[1]]), cmap="RdBu", vmin=-1, vmax=1)


def _draw_the_maps(ax, results) -> None:
    ax.axis("off")
    ax.set_title("An image, maps of convolutions 1 and 4")
    if "maps" not in results:
        return
    own = results.isel(seed=0)
    deep = np.kron(own.deep_maps.transpose("map", "y_deep", "x_deep").values, np.ones((4, 4)))
    shallow = own.maps.transpose("map", "y", "x").values
    image = own.image.values[None]
    first = np.concatenate([image, shallow[:4]])
    tiles = [_scaled(tile) for tile in (*first, *shallow[4:8], *deep)]
    blank = np.full_like(tiles[0], np.nan)
    ordered = [*tiles[:5], blank, *tiles[5:9], blank, *tiles[9:13], blank, *tiles[13:]]
    ax.imshow(_tiled(np.stack(ordered), columns=5), cmap="gray_r", vmin=0, vmax=1)


def _scaled(tile: np.ndarray) -> np.ndarray:
    low, high = float(tile.min()), float(tile.max())
    return (tile - low) / ((high - low) or 1.0)


def _tiled(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Tiles [n, height, width] in rows of so many, a line of nothing between them."""
    number, height, width = tiles.shape
    rows = -(-number // columns)
    padded = np.full((rows * columns, height + 1, width + 1), np.nan)
    padded[:number, :height, :width] = tiles
    grid = padded.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    return grid.reshape(rows * (height + 1), columns * (width + 1))
