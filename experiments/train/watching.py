"""Looking on while it trains: TensorBoard and a profile trace."""

import contextlib
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from experiments.train.config import as_typed


class MissingExtraError(ImportError):
    """An optional package is not installed; the text names the extra that brings it."""


@contextlib.contextmanager
def tensorboard(folder: pathlib.Path, names: Sequence[str]) -> Iterator[Callable[[Any], None]]:
    """What `train.sweep` calls after each chunk; every run writes into a folder of its own.

    Args:
      folder: for `tensorboard --logdir`.
      names: the hyperparameters that tell the runs apart.

    Raises:
      MissingExtraError: tensorboardX is not installed.
    """
    try:
        from tensorboardX import SummaryWriter  # an extra
    except ImportError as error:
        raise MissingExtraError(
            '--log needs tensorboardX, the extra log: pip install -e ".[log]"'
        ) from error
    with contextlib.ExitStack() as stack:
        writers: dict[str, Any] = {}

        def write(done: Any) -> None:
            for index, lane in enumerate(done.lanes):
                name = folder_of(lane, names)
                if name not in writers:
                    writers[name] = stack.enter_context(SummaryWriter(str(folder / name)))
                for metric, values in done.history.items():
                    for offset, value in enumerate(values[index]):
                        if np.isfinite(value):
                            epoch = done.first_epoch + offset + 1
                            writers[name].add_scalar(metric, float(value), epoch)

        yield write


def folder_of(lane: Any, names: Sequence[str]) -> str:
    """`learning_rate=0.1,seed=3`; `run` where there is only one."""
    values = {**dict(lane.static), **lane.traced, **lane.settings._asdict()}
    told = ",".join(f"{name}={as_typed(values[name])}" for name in names)
    return re.sub(r"[^\w.,=+-]", "_", told) or "run"


def profile(folder: pathlib.Path | None) -> contextlib.AbstractContextManager:
    """A trace of everything within, for TensorBoard or Perfetto; nothing without a folder."""
    return contextlib.nullcontext() if folder is None else jax.profiler.trace(str(folder))
