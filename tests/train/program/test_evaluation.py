from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import train
from jaxnn.train.program import evaluation
from jaxnn.train.program.program import Watch


def test_the_bytes_of_a_tree_are_those_of_numpy():
    tree = {"a": np.zeros((3, 4), np.float32), "b": (np.zeros(5, np.int8), np.float64(1))}
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)
    assert evaluation.num_bytes(tree) == evaluation.num_bytes(shapes) == 48 + 5 + 8


@pytest.mark.parametrize("saved", [0, 1, 2**18, 2**22, 2**40])
def test_examples_are_evaluated_as_many_at_a_time_as_there_is_room_for(saved):
    number = evaluation.at_once(saved)
    assert number >= 1
    assert number == 1 or number * saved <= evaluation.EVALUATION_BYTES
    if jax.default_backend() == "cpu" and number > evaluation.MIN_AT_ONCE:
        assert number * saved <= evaluation.CACHED_BYTES


def test_means_are_named_by_their_split():
    named = evaluation.means("test", {"loss": jnp.array([1.0, 2.0]), "hit": jnp.array([True])})
    assert {name: float(value) for name, value in named.items()} == {
        "test_loss": 1.5, "test_hit": 1.0,
    }  # fmt: skip


class Carried(SimpleNamespace):
    def _replace(self, **new):
        return Carried(**vars(self) | new)


@pytest.mark.parametrize("maximize", [False, True])
def test_what_is_watched_ends_where_a_loop_would_end_it(maximize):
    values = [3.0, 2.0, np.nan, 2.5, 1.9, 1.95, 2.2, 1.0]
    rule = train.EarlyStopping(patience=2, monitor="it", min_delta=0.05, maximize=maximize)
    run, never = SimpleNamespace(early_stopping=rule), jnp.asarray(-1)
    start = Watch(jnp.asarray(jnp.inf), never, never, jnp.asarray(-1.0), ())
    carry, best, best_epoch = Carried(params=jnp.asarray(-1.0), state=(), watch=start), np.inf, -1
    for epoch, value in enumerate(values):
        carry = carry._replace(params=jnp.asarray(float(epoch)))
        row = {"it": jnp.asarray(-value if maximize else value)}
        carry = evaluation.watched(run, carry, row, epoch)
        if value < best - 0.05:
            best, best_epoch = value, epoch
        is_over = not np.isnan(value) and epoch - best_epoch >= 2
        assert (carry.watch.best_epoch, carry.watch.params) == (best_epoch, best_epoch)
        if is_over:
            break
    assert int(carry.watch.last_epoch) == epoch == 3


def test_without_a_rule_nothing_is_watched():
    carry = Carried(watch=None)
    assert evaluation.watched(SimpleNamespace(early_stopping=None), carry, {}, 0) is carry
