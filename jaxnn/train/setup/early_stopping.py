"""Early stopping: a run ends that has not improved for some epochs.

`EarlyStopping` ends a run while it trains. `early_stopping` asks the history of a finished one
where it would have ended, for every patience at no cost.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxnn import checks
from jaxnn.checks import Number


@dataclasses.dataclass(frozen=True, kw_only=True)
class EarlyStopping:
    """When a run ends before its last epoch, with the params of its best one.

    Attributes:
      patience: the run ends at the first evaluation that is at least so many epochs after the best.
      monitor: what is watched, a name of the result. Held-out examples (folds=5 in the run) keep
        the test set out of the choice.
      min_delta: an epoch improves if it is better than the best so far by more than this.
      maximize: whether larger is better, as of an accuracy.

    Raises:
      TypeError, ValueError: a setting is outside its range.
    """

    patience: int
    monitor: str = "validation_loss"
    min_delta: Number = 0.0
    maximize: bool = False

    def __post_init__(self):
        checks.positive_int("patience", self.patience)
        checks.nonnegative("min_delta", self.min_delta)


class Stop(NamedTuple):
    """Where a run ends; epochs are counted from 0.

    Attributes:
      epoch: the last epoch that is run.
      best_epoch: the one whose params are kept; -1 where no loss was below inf.
      stopped: whether the patience was at an end, and not the curve.
    """

    epoch: Int[Array, "*runs"]
    best_epoch: Int[Array, "*runs"]
    stopped: Bool[Array, "*runs"]


def early_stopping(
    losses: Float[Any, "..."], *, patience: int, min_delta: Number = 0.0, axis: int = -1
) -> Stop:
    """Stops at the first epoch that is the patience-th in a row without improvement.

    An epoch improves if its loss is more than min_delta below the best so far; the best is the loss
    of the last epoch that improved [Goodfellow et al. 2016, algorithm 7.1]. NaN never improves.

    Args:
      losses: validation losses; of an accuracy hand over its negative. Every further axis is one of
        runs, each judged alone.
      patience: at least 1.
      min_delta: at least 0.
      axis: that of the epochs.

    Raises:
      TypeError, ValueError: a setting is outside its range, or there is no epoch.
    """
    checks.positive_int("patience", patience)
    checks.nonnegative("min_delta", min_delta)
    curve = jnp.moveaxis(jnp.asarray(losses), axis, 0)  # [epochs, *runs]
    if not len(curve):
        raise ValueError("early stopping needs at least one epoch, got none")

    def epoch_fn(carry, now):
        best, stop = carry
        epoch, loss = now
        improves = (loss < best - min_delta) & ~stop.stopped
        best_epoch = jnp.where(improves, epoch, stop.best_epoch)
        stop = Stop(
            epoch=jnp.where(stop.stopped, stop.epoch, epoch),
            best_epoch=best_epoch,
            stopped=stop.stopped | (epoch - best_epoch >= patience),
        )
        return (jnp.where(improves, loss, best), stop), None

    none = jnp.full(curve.shape[1:], -1, jnp.int32)
    start = jnp.full_like(curve[0], jnp.inf), Stop(none, none, none == 0)
    epochs = jnp.arange(len(curve), dtype=jnp.int32)
    (_, stop), _ = jax.lax.scan(epoch_fn, start, (epochs, curve))
    return stop
