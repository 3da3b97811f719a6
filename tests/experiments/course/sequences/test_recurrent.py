import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from experiments.course.sequences import recurrent
from jaxnn import layers, losses
from tests.experiments.altered import change, statuses

CLAIM = "topic-rnn-lstm-r"


@pytest.fixture
def held():
    """Numbers of which the claim holds: only the LSTM recalls over 60, every gradient shrinks."""
    rng, cells = np.random.default_rng(0), list(recurrent.CELLS)
    recall = np.full((3, 3, 6), 0.99) - 0.01 * rng.random((3, 3, 6))
    recall[:2, -1] -= 0.7
    gradient = np.exp(-0.2 * np.arange(61)) * (1 + 0.1 * rng.random((3, 6, 61)))
    accuracy = 0.97 + 0.01 * rng.random((2, 6, 4))
    by_distance = ("cell", "seed", "distance")
    return xr.Dataset(
        {
            "recall": (("cell", "gap", "seed"), recall),
            "gradient": (by_distance, gradient),
            "gradient_after": (by_distance, gradient),
            "digits_accuracy": (("reader", "seed", "epoch"), accuracy),
        },
        {
            "cell": cells, "gap": [10, 20, 60], "seed": range(6), "distance": range(61),
            "reader": ["RNN", "LSTM"], "epoch": range(1, 5),
        },
    )  # fmt: skip


def test_numbers_of_which_the_claim_holds_reproduce_it(held):
    assert statuses(recurrent, held) == {CLAIM: "reproduced"}
    recurrent.draw(held)


@pytest.mark.parametrize(
    ("variable", "value", "where"),
    [
        ("recall", lambda old: 0 * old + 0.25, {"cell": "LSTM", "gap": 60}),
        ("recall", lambda old: 0 * old + 1, {"cell": "RNN, Glorot"}),
        ("recall", lambda old: 0 * old + 1, {"cell": "RNN"}),
        ("gradient", lambda old: 0 * old + 1, {"cell": "RNN"}),
    ],
)
def test_altered_numbers_contradict_it(variable, value, where, held):
    changed = change(held, variable, value, **where)
    assert statuses(recurrent, changed)[CLAIM] == "contradicted"


@pytest.mark.parametrize("part", [{"gap": [60]}, {"cell": ["LSTM"]}, {"seed": [0, 1, 2]}])
def test_what_was_not_run_is_not_judged_and_still_drawn(part, held):
    custom = held.sel(part)
    assert statuses(recurrent, custom)[CLAIM] == "not judged"
    recurrent.draw(custom)


@pytest.mark.quick
def test_the_label_is_the_symbol_that_came_first_and_no_sequence_is_in_both_parts():
    made = recurrent.symbols(20)
    assert made.train.inputs.shape == (recurrent.TRAINING, 21)
    np.testing.assert_array_equal(made.test.labels, made.test.inputs[:, 0])
    assert not set(map(bytes, made.train.inputs)) & set(map(bytes, made.test.inputs))


@pytest.mark.parametrize("cell", recurrent.CELLS)
def test_the_gradient_by_distance_is_that_of_autodiff(cell):
    model, examples = recurrent.network(cell), recurrent.symbols(6).train
    inputs, labels = jnp.asarray(examples.inputs[:5]), jnp.asarray(examples.labels[:5])
    params, _, _ = model.init(jax.random.key(1), (7,))
    x = layers.lookup(params[0]["table"], inputs.astype(jnp.int32))
    behind = layers.serial(*model.parts[1:])

    def total(x):
        logits = behind.forward(params[1:], ((), ()), x, None, True)[0]
        return losses.softmax_cross_entropy(logits, labels).sum()

    by_step = np.sqrt(np.square(jax.jit(jax.grad(total))(x)).sum(axis=-1).mean(axis=0))
    by_hand = jax.jit(functools.partial(recurrent.gradient_by_distance, model))
    found = by_hand(params, inputs=inputs, labels=labels)
    np.testing.assert_allclose(found, by_step[::-1], rtol=1e-4)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cells": ("GRU",)}, "cells are RNN; RNN, Glorot; LSTM, got 'GRU'"),
        ({"readers": ("GRU",)}, "readers are RNN; LSTM, got 'GRU'"),
        ({"cells": ()}, "cells lack a name, of RNN; RNN, Glorot; LSTM"),
        ({"gaps": (0, 10)}, "each at least 1"),
        ({"seeds": 0}, "seeds must be at least 1, got 0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        recurrent.Config(**settings)


def test_the_quick_run_can_be_drawn_and_judges_nothing():
    few = recurrent.run(dataclasses.replace(recurrent.QUICK, gaps=(3,), readers=("RNN",), seeds=1))
    assert few.recall.dims == ("cell", "gap", "seed")
    assert float(few.recall.min()) > 0.9
    recurrent.draw(few)
    assert statuses(recurrent, few) == {CLAIM: "not judged"}
