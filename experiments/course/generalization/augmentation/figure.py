"""A sheet of augmented images, and beside each kind what it is worth.

The sheet shows a picture of our own: the licence of the faces is not that of this project.
"""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from experiments.course.generalization import strengths
from experiments.course.generalization.augmentation.judges import points, with_gap
from experiments.course.generalization.augmentation.runs import KINDS, NONE
from experiments.pages import style

DRAWS = 6  # images of each kind


def draw(results: xr.Dataset) -> Figure:
    """Left: a picture, and what each kind makes of it in six draws, at the largest strength that
    was tried. Middle and right: what training on such images changes, against the same network
    trained on the images as they are and paired by seed: the test accuracy, and the gap between the
    loss of unseen and of seen images. Means and 95 % intervals, at the strength that each seed
    chose by the others' validation images.
    """
    if not results.data_vars:
        return style.note("simpsons_mnist was not at hand")
    figure, (sheet, worth, gap) = style.subplots(1, 3, size=(17, 10), width_ratios=(7.6, 5, 4))
    names = list(KINDS)
    _draw_sheet(sheet, picture(), names)
    at_chosen = with_gap(strengths.chosen(results))
    run = [name for name in names if name in results.kind and name != NONE]
    changes = {name: points(at_chosen, name) for name in run}
    _draw_changes(worth, changes, names, "C1")
    worth.set(xlabel="change of test accuracy (points)", title="What it is worth")
    changes = {name: strengths.gain(at_chosen.gap, name) for name in run}
    _draw_changes(gap, changes, names, "C0")
    gap.set(xlabel="change of the gap (nats)", title="The gap it narrows")
    return figure


def picture(size: int = 42) -> jax.Array:
    """A house with a red roof under the sun: no two sides alike, and edges that show a bend."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    roof = (y > 0.32) & (y < 0.54) & (np.abs(x - 0.4) < 1.3 * (y - 0.3))
    parts = [
        (y > -1, (0.55, 0.80, 0.95)),  # sky
        (np.hypot(x - 0.82, y - 0.2) < 0.11, (1.00, 0.80, 0.15)),  # sun
        (y > 0.78 - 0.1 * x, (0.30, 0.60, 0.25)),  # meadow
        ((np.abs(x - 0.4) < 0.24) & (y > 0.5) & (y < 0.86), (0.93, 0.87, 0.75)),  # wall
        (roof, (0.78, 0.25, 0.20)),
        ((np.abs(x - 0.52) < 0.06) & (y > 0.64) & (y < 0.86), (0.45, 0.28, 0.15)),  # door
        ((np.abs(x - 0.29) < 0.06) & (np.abs(y - 0.66) < 0.06), (0.30, 0.42, 0.65)),  # window
    ]
    painted = np.zeros((size, size, 3), np.float32)
    for where, colour in parts:
        painted[where] = colour
    return jnp.asarray(painted)


def _draw_sheet(ax, original: jax.Array, names: list[str]) -> None:
    """One row for each kind: the original and the draws, a little apart."""
    size = original.shape[0]
    step = size + 2
    canvas = np.ones((step * len(names), step * (DRAWS + 1), 3), np.float32)
    for row, name in enumerate(names):
        augmentation = KINDS[name].of(KINDS[name].strengths[-1])
        keys = jax.random.split(jax.random.key(row), DRAWS)
        drawn = jax.jit(jax.vmap(augmentation, (0, None)))(keys, original)
        for column, image in enumerate([original, *drawn]):
            top, left = row * step + 1, column * step + 1
            canvas[top : top + size, left : left + size] = image
    ax.imshow(np.clip(canvas, 0, 1), interpolation="nearest", aspect="auto")
    ax.grid(visible=False)
    ax.set_xticks([step / 2, step * (DRAWS / 2 + 1)], ["picture", "draws"])
    ax.set_yticks(step * (np.arange(len(names)) + 0.5), names)
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set_title("A sheet of augmented images")


def _draw_changes(ax, changes, names: list[str], color: str) -> None:
    """Each kind beside its row of the sheet."""
    for name, change in changes.items():
        place = names.index(name)
        ax.plot([change.low, change.high], [place, place], color=color, lw=2.5)
        ax.plot([change.mean], [place], marker="o", markersize=8, color=color)
    ax.set(yticks=np.arange(len(names)), yticklabels=[], ylim=(len(names) - 0.5, -0.5))
    style.reference(ax, "", x=0.0)
