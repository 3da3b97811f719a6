import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from experiments.course.sequences import attention
from jaxnn import layers
from tests.experiments.altered import change, statuses

CLAIM = "topic-attention-r"


@pytest.fixture
def held():
    """Numbers of which the claim holds: all is learnt, and every place looks at its mirror."""
    rng, places = np.random.default_rng(0), 6
    weights = np.full((7, places, places), 0.02)
    weights[:, np.arange(places), np.arange(places)[::-1]] = 1 - 0.02 * (places - 1)
    by_epoch = ("seed", "epoch")
    return xr.Dataset(
        {
            "reversed_loss": (by_epoch, 0.01 * rng.random((7, 3))),
            "reversed_accuracy": (by_epoch, 1 - 0.001 * rng.random((7, 3))),
            "weights": (("seed", "place", "read"), weights),
            "digits_accuracy": (("reader", *by_epoch), 0.97 + 0.01 * rng.random((2, 7, 3))),
        },
        {"seed": range(7), "epoch": [1, 2, 3], "reader": ["Transformer", "LSTM"]},
    )


@pytest.mark.quick
def test_numbers_of_which_the_claim_holds_reproduce_it(held):
    assert statuses(attention, held) == {CLAIM: "reproduced"}
    attention.draw(held)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("variable", "value", "where"),
    [
        ("weights", lambda old: 1.01 * old, {"seed": 3}),
        ("weights", lambda old: old.isel(read=slice(None, None, -1)).values, {"seed": [0, 1, 2]}),
        ("reversed_accuracy", lambda old: 0.9 * old, {"epoch": 3}),
    ],
)
def test_altered_numbers_contradict_it(variable, value, where, held):
    changed = change(held, variable, value, **where)
    assert statuses(attention, changed)[CLAIM] == "contradicted"


@pytest.mark.quick
def test_few_seeds_and_lost_runs_are_not_judged(held):
    assert statuses(attention, held.isel(seed=slice(3)))[CLAIM] == "not judged"
    lost = change(held, "weights", lambda old: old * np.nan, seed=[0, 1, 2])
    lost = change(lost, "reversed_accuracy", lambda old: old * np.nan, seed=[0, 1, 2])
    assert statuses(attention, lost)[CLAIM] == "not judged"


def test_the_map_is_the_weight_by_which_the_layer_mixes_what_it_reads():
    model = layers.serial(layers.dense(4), layers.self_attention(1))
    params, _, _ = model.init(jax.random.key(0), (5, 3))
    x = jax.random.normal(jax.random.key(1), (2, 5, 3))
    weights = attention.attention_map(model, params, x)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    own = params[1]
    embedded = layers.affine(x, **params[0])
    value = layers.affine(embedded, own["in_kernel"], own["in_bias"])[..., 8:]
    mixed = layers.affine(weights @ value, own["out_kernel"], own["out_bias"])
    y = model.forward(params, ((), ()), x, None, False)[0]
    np.testing.assert_allclose(mixed, y, rtol=1e-4, atol=1e-5)


@pytest.mark.quick
def test_a_model_without_attention_has_no_map():
    model = layers.serial(layers.flatten)
    with pytest.raises(ValueError, match="has no self_attention"):
        attention.attention_map(model, ((),), jnp.zeros((1, 2, 2)))


@pytest.mark.quick
def test_what_is_learnt_is_the_sequence_from_its_end():
    made = attention.reversals()
    np.testing.assert_array_equal(made.test.labels, made.test.inputs[:, ::-1])


@pytest.mark.quick
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"readers": ("GRU",)}, "readers are Transformer; one attention layer; .*got 'GRU'"),
        ({"readers": ()}, "a reader is needed"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        attention.Config(**settings)


def test_the_quick_run_shows_digits_and_what_is_read_of_them(monkeypatch):
    monkeypatch.setattr(attention, "TRAINING", 128)
    few = attention.run(dataclasses.replace(attention.QUICK, seeds=1, epochs=1, digits_epochs=1))
    np.testing.assert_allclose(few.rows_read.sum("row"), 1, rtol=1e-4)
    assert few.image.shape == (10, 8, 8)
    attention.draw(few)
    assert statuses(attention, few) == {CLAIM: "not judged"}
