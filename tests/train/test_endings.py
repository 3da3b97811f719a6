"""How a run ends before its last epoch, and what is recorded of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import data, layers, losses, optimizers, train
from jaxnn.train.program import evaluation


def regression(learning_rate, scale=1.0, epochs=40, stops=False, maximize=False, patience=3):
    rule = train.EarlyStopping(patience=patience, monitor="train_loss", maximize=maximize)
    return train.Run(
        model=layers.serial(layers.dense(2), layers.dense(1)), loss=losses.squared_error,
        metrics={}, optimizer=optimizers.momentum(learning_rate, 0.5), epochs=epochs,
        batch_size=10, early_stopping=rule if stops else None,
    )  # fmt: skip


def leaf_name(history, run):
    return history.first_bad_leaf.attrs["flag_meanings"].split()[int(run.first_bad_leaf)]


@pytest.fixture(scope="module")
def line():
    x = np.linspace(-1, 1, 30, dtype=np.float32)[:, None]
    return data.from_arrays(x, 2 * x, x, 2 * x, classes=())


@pytest.mark.quick
def test_a_lane_that_goes_bad_stays_before_that_update(line):
    rates = [0.1, 3.0, 1e30]
    history, params = train.sweep(regression, line, learning_rate=rates, return_params=True)
    good, late, early = (history.sel(learning_rate=rate) for rate in rates)
    assert (good.first_bad_step, good.first_bad_leaf) == (-1, -1)
    assert np.isnan(good.first_bad_loss)
    assert 2 < late.first_bad_step < 40 * 3
    assert not np.isfinite(late.first_bad_loss)
    assert early.first_bad_step == 1  # the first update makes the next loss overflow
    assert leaf_name(history, early) in ("0/kernel", "1/kernel")
    last_epoch = int(late.first_bad_step) // 3
    assert np.isfinite(late.train_loss[:last_epoch]).all()
    assert not np.isfinite(late.train_loss[last_epoch])
    assert np.isnan(late.train_loss[last_epoch + 1 :]).all()
    assert np.isnan(late.test_loss[last_epoch + 1 :]).all()
    frozen = jax.tree.map(lambda leaf: leaf[2], params)
    one_step = train.fit(regression, line, learning_rate=1e30, epochs=1)
    assert one_step.history.first_bad_step == 1
    jax.tree.map(np.testing.assert_array_equal, frozen, one_step.params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(frozen))


def test_the_leaf_that_overflowed_is_named(line):
    def blown_up(learning_rate):
        def update(grads, state, params):
            del params
            bias = jax.tree.map(lambda g: jnp.full_like(g, jnp.inf), grads[1]["bias"])
            return (grads[0], grads[1] | {"bias": bias}), state

        plain = regression(learning_rate)
        return train.Run(
            model=plain.model, loss=plain.loss, metrics={}, epochs=2, batch_size=10,
            optimizer=plain.optimizer._replace(update=update),
        )  # fmt: skip

    history = train.fit(blown_up, line, learning_rate=0.1).history
    assert (history.first_bad_step, leaf_name(history, history)) == (1, "1/bias")


def test_what_the_very_last_update_breaks_is_recorded_too(line):
    history = train.fit(regression, line, learning_rate=1e38, epochs=1).history
    one_update = train.sweep(regression, line, learning_rate=[1e38], epochs=1, train_size=10)
    assert history.first_bad_step in (0, 1)
    assert one_update.first_bad_step.item() in (-1, 0)
    if one_update.first_bad_step.item() == -1:
        assert np.isfinite(one_update.train_loss).all()


@pytest.mark.parametrize("lanes", ["map", "vmap"])
def test_a_run_stops_after_its_patience_and_keeps_its_best_params(line, lanes):
    settings = {"stops": True, "maximize": True, "patience": 3}  # a falling loss: never better
    history, params = train.sweep(
        regression, line, learning_rate=[0.0, 0.01], **settings, return_params=True, lanes=lanes
    )
    falling = history.sel(learning_rate=0.01)
    assert (falling.best_epoch, falling.last_epoch) == (1, 4)
    assert np.isfinite(falling.train_loss[:4]).all()
    assert np.isnan(falling.train_loss[4:]).all()
    after_one = train.fit(regression, line, learning_rate=0.01, epochs=1)
    best = jax.tree.map(lambda leaf: leaf[1], params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), best, after_one.params)


def test_the_last_epoch_of_a_run_that_went_bad_is_the_one_in_which_it_did(line):
    """Three updates in an epoch of all examples, and two where a third of them is left out."""
    for settings, updates in ({}, 3), ({"train_size": 20}, 2):
        rates = [0.01, 3.0]
        history = train.sweep(
            regression, line, learning_rate=rates, stops=True, patience=40, **settings
        )
        good, bad = (history.sel(learning_rate=rate) for rate in rates)
        assert (good.first_bad_step, good.last_epoch) == (-1, 40)
        assert updates < bad.first_bad_step
        assert bad.last_epoch == bad.first_bad_step // updates + 1
        last = int(bad.last_epoch)
        assert not np.isnan(bad.test_loss[:last]).any()
        assert np.isnan(bad.test_loss[last:]).all()
        assert 1 <= bad.best_epoch <= bad.last_epoch


def test_a_run_that_goes_on_improving_is_not_stopped(line):
    history = train.fit(regression, line, learning_rate=0.01, stops=True).history
    assert (history.best_epoch, history.last_epoch) == (40, 40)
    without = train.fit(regression, line, learning_rate=0.01).history
    np.testing.assert_array_equal(history.train_loss, without.train_loss)
    assert "last_epoch" not in without


def test_stopping_agrees_with_the_question_put_to_the_history(line):
    def overshooting(learning_rate, stops):
        return regression(learning_rate, epochs=30, stops=stops, patience=2)

    rates = [0.01, 0.9, 1.1]
    whole = train.sweep(overshooting, line, learning_rate=rates, stops=False)
    stopped = train.sweep(overshooting, line, learning_rate=rates, stops=True)
    expected = train.early_stopping(whole.train_loss.values, patience=2)
    alive = (whole.first_bad_step < 0).values
    np.testing.assert_array_equal(stopped.best_epoch[alive], expected.best_epoch[alive] + 1)
    np.testing.assert_array_equal(stopped.last_epoch[alive], expected.epoch[alive] + 1)


@pytest.mark.usefixtures("no_type_checker")
def test_a_rule_that_cannot_be_followed_is_refused(line):
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        train.EarlyStopping(patience=0)
    with pytest.raises(ValueError, match="min_delta must be finite and at least 0, got -1"):
        train.EarlyStopping(patience=1, min_delta=-1)

    def watches(monitor):
        rule = train.EarlyStopping(patience=1, monitor=monitor)
        return train.Run(
            model=layers.dense(1), loss=losses.squared_error, metrics={}, epochs=1, batch_size=10,
            optimizer=optimizers.gradient_descent(0.1), early_stopping=rule,
        )  # fmt: skip

    with pytest.raises(ValueError, match="watches validation_loss, but the run records train_loss"):
        train.fit(watches, line, monitor="validation_loss")


def classifier(learning_rate=0.3, evaluate_every=1, precision="float32", gradient="hand"):
    return train.Run(
        model=layers.serial(
            layers.dense(6), layers.batch_norm(), layers.tanh, layers.dropout(0.2), layers.dense(3)
        ),
        loss=losses.softmax_cross_entropy, optimizer=optimizers.momentum(learning_rate, 0.5),
        epochs=5, batch_size=15, evaluate_every=evaluate_every, precision=precision,
        gradient=gradient,
    )  # fmt: skip


def test_evaluation_comes_every_so_many_epochs_and_after_the_last(blobs):
    always = train.fit(classifier, blobs).history
    sometimes = train.fit(classifier, blobs, evaluate_every=2).history
    np.testing.assert_array_equal(np.isfinite(sometimes.test_loss), [0, 1, 0, 1, 1])
    for name in ("test_loss", "test_accuracy"):
        at = [1, 3, 4]
        np.testing.assert_allclose(sometimes[name][at], always[name][at], rtol=1e-6)
    np.testing.assert_array_equal(sometimes.train_loss, always.train_loss)


def test_evaluation_in_parts_gives_the_same_means(blobs, monkeypatch):
    whole = train.fit(classifier, blobs).history
    monkeypatch.setattr(evaluation, "EVALUATION_BYTES", 7 * 200)
    in_parts = train.fit(classifier, blobs).history
    np.testing.assert_allclose(in_parts.test_loss, whole.test_loss, rtol=1e-6)
    np.testing.assert_allclose(in_parts.test_accuracy, whole.test_accuracy, rtol=1e-6)


@pytest.mark.parametrize("gradient", ["hand", "autodiff"])
def test_bfloat16_learns_about_the_same_and_keeps_wide_params(blobs, gradient):
    wide = train.fit(classifier, blobs, gradient=gradient)
    narrow = train.fit(classifier, blobs, gradient=gradient, precision="bfloat16")
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(narrow.params))
    assert narrow.history.train_loss.dtype == np.float32
    difference = abs(narrow.history.train_loss - wide.history.train_loss)
    assert 0 < difference.max() < 0.05
