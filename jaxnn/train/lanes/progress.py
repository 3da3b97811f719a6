"""The progress bar of a sweep; the numbers come with each chunk of epochs, from no callback."""

import importlib.util
import sys
import time
from typing import Any

import numpy as np

from jaxnn.train.lanes.groups import Group
from jaxnn.train.lanes.lanes import Progress


class Bar:
    """A line that shows epochs done, loss, accuracy, updates per second and the time left.

    Hidden, unless it was asked for and a terminal or a notebook shows it.
    """

    def __init__(self, shown: bool, groups: list[Group]):
        in_notebook = is_in_notebook()
        on_terminal = None  # tqdm looks for itself
        self._bar: Any = _bar_of(in_notebook)(
            total=sum(group.run.epochs * len(group.lanes) for group in groups),
            unit="epoch", disable=(False if in_notebook else on_terminal) if shown else True,
            leave=False, dynamic_ncols=True,
        )  # fmt: skip
        self._since = time.perf_counter()

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.close()

    def advance(self, group: Group, done: Progress) -> None:
        """Shows what some lanes did, the median over them in their last epoch."""
        lanes, epochs = len(done.lanes), done.num_epochs
        if not epochs:
            return
        now = time.perf_counter()
        updates = lanes * epochs * group.num_batches(None) / (now - self._since)
        self._since = now
        shown = ("train_loss", "validation_accuracy", "test_accuracy")
        last = {name: done.history[name][:, -1] for name in shown if name in done.history}
        medians = {
            name: f"{np.median(values[np.isfinite(values)]):.4g}"
            for name, values in last.items()
            if np.isfinite(values).any()
        }
        self._bar.set_postfix(medians | {"updates/s": f"{updates:.0f}"}, refresh=False)
        self._bar.update(lanes * epochs)

    def skip(self, epochs: int) -> None:
        """Counts what an earlier run did."""
        self._bar.update(epochs)
        self._bar.unpause()


def is_in_notebook() -> bool:
    """Whether a kernel of Jupyter, or of what is built on it, runs this: it is no terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _bar_of(in_notebook: bool) -> Any:
    """tqdm, as a widget where a notebook has them."""
    if in_notebook and importlib.util.find_spec("ipywidgets"):
        from tqdm.notebook import tqdm as widget

        return widget
    from tqdm import tqdm

    return tqdm
