import numpy as np
import pytest

from jaxnn import data, layers, losses, optimizers, train
from jaxnn.train.program import samples
from jaxnn.train.setup.axes import DataSettings

pytestmark = pytest.mark.usefixtures("no_type_checker")


def setup(learning_rate=0.3, folds=0, batch_size=15, epochs=3):
    return train.Run(
        model=layers.serial(layers.dense(6), layers.tanh, layers.dense(3)),
        loss=losses.softmax_cross_entropy, optimizer=optimizers.gradient_descent(learning_rate),
        epochs=epochs, batch_size=batch_size or None, folds=folds or None,
    )  # fmt: skip


def test_folds_share_out_the_training_set_class_by_class(blobs):
    run, labels = setup(folds=4), blobs.train.labels
    dealt = [samples.rows(run, DataSettings(seed=3, fold=fold), blobs) for fold in range(4)]
    held_out = np.concatenate([rows.validation for rows in dealt])
    assert len(held_out) == len(set(held_out)) == 88  # two of 90 are never held out
    for rows in dealt:
        assert len(rows.validation) == 22
        assert not set(rows.validation) & set(rows.train)
        assert len(rows.train) == 68
        assert set(np.bincount(labels[rows.validation])) <= {7, 8}
    again = samples.rows(run, DataSettings(seed=3, fold=1), blobs)
    other = samples.rows(run, DataSettings(seed=4, fold=1), blobs)
    np.testing.assert_array_equal(again.validation, dealt[1].validation)
    assert (other.validation != dealt[1].validation).any()


def test_a_smaller_training_set_is_part_of_a_larger_one(blobs):
    run = setup(folds=3)
    small, large = (
        samples.rows(run, DataSettings(seed=1, fold=2, train_size=size), blobs).train
        for size in (20, 45)
    )
    assert set(small) < set(large)
    assert (len(small), len(large)) == (20, 45)


def test_cross_validation_is_an_axis_of_one_program(blobs):
    history = train.sweep(setup, blobs, folds=5, fold=range(5), seed=range(2))
    assert history.attrs["programs"] == 1
    assert history.validation_accuracy.dims == ("fold", "seed", "epoch")
    assert history.validation_loss.std("fold").min() > 0
    lane = train.fit(setup, blobs, folds=5, fold=3, seed=1).history
    np.testing.assert_array_equal(history.validation_loss.sel(fold=3, seed=1), lane.validation_loss)


def as_data(blobs, rows, held_out):
    x, y = blobs.train
    return data.from_arrays(x[rows], y[rows], x[held_out], y[held_out], classes=blobs.classes)


@pytest.mark.parametrize("batch_size", [15, 0])
def test_a_fold_is_the_run_on_the_rest_of_the_data(blobs, batch_size):
    rows = samples.rows(setup(folds=3), DataSettings(seed=2, fold=1, train_size=45), blobs)
    apart = train.fit(setup, as_data(blobs, *rows), batch_size=batch_size, seed=2).history
    fold = train.fit(
        setup, blobs, batch_size=batch_size, folds=3, fold=1, train_size=45, seed=2
    ).history
    np.testing.assert_allclose(fold.train_loss, apart.train_loss, rtol=1e-5)
    np.testing.assert_allclose(fold.validation_loss, apart.test_loss, rtol=1e-5)


def test_examples_that_the_data_hold_out_are_measured_as_those_to_test_on(blobs):
    held = data.hold_out(blobs, 30, seed=1)
    on_them = data.from_arrays(*held.train, *held.validation, classes=blobs.classes)
    both = train.fit(setup, held, seed=2).history
    apart = train.fit(setup, on_them, seed=2).history
    np.testing.assert_allclose(both.train_loss, apart.train_loss, rtol=1e-6)
    np.testing.assert_allclose(both.validation_loss, apart.test_loss, rtol=1e-6)
    assert (both.validation_loss != both.test_loss).any()


def test_training_sets_of_any_size_share_one_program(blobs):
    history = train.sweep(setup, blobs, train_size=[15, 40, 90], seed=range(2))
    assert history.attrs["programs"] == 1
    assert history.test_loss.dims == ("train_size", "seed", "epoch")
    full_batch = train.sweep(setup, blobs, train_size=[15, 40], batch_size=0)
    assert full_batch.attrs["programs"] == 2  # a batch has the size of its training set


@pytest.mark.quick
def test_noise_replaces_a_share_of_the_training_labels_by_other_classes():
    labels = np.arange(2000, dtype=np.int32) % 4
    inputs = np.eye(4, dtype=np.float32)[labels]

    def table_lookup(learning_rate):
        return train.Run(
            model=layers.dense(4, use_bias=False), loss=losses.softmax_cross_entropy, epochs=1,
            batch_size=None, optimizer=optimizers.gradient_descent(learning_rate),
        )  # fmt: skip

    dataset = data.from_arrays(inputs, labels, inputs, labels)
    _, params = train.sweep(
        table_lookup, dataset, learning_rate=1.0, label_noise=[0, 0.2, 0.5], return_params=True
    )
    start, _ = train.initial(table_lookup(1.0), 0, (4,))
    # one step moves row c by -(softmax - share of each label among the examples of class c) / 4
    kernel = np.asarray(start["kernel"])
    softmax = np.exp(kernel) / np.exp(kernel).sum(1, keepdims=True)
    shares = 4 * (params["kernel"] - kernel) + softmax
    np.testing.assert_allclose(shares[0], np.eye(4), atol=1e-5)
    for noise, share in [(0.2, shares[1]), (0.5, shares[2])]:
        assert abs(np.diag(share).mean() - (1 - noise)) < 0.03
        others = share[~np.eye(4, dtype=bool)]
        assert abs(others - noise / 3).max() < 0.06


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"fold": 0}, r"fold=0, but the run has no folds: say how many"),
        ({"fold": 3, "folds": 3}, r"fold must be in \[0, 3\), got 3"),
        ({"fold": -1, "folds": 3}, "fold must be at least 0, got -1"),
        ({"folds": 91}, "folds=91 of 90 examples: give a number from 2 to 90"),
        ({"train_size": 91}, "train_size=91, but there are only 90 examples"),
        ({"train_size": 61, "folds": 3}, "train_size=61, but there are only 60 examples"),
        ({"train_size": [90, 10]}, "10 examples, not enough for one batch of 15"),
        ({"train_size": 0}, "train_size must be at least 1, got 0"),
        ({"label_noise": 1.5}, r"label_noise must be in \[0, 1\], got 1\.5"),
    ],
)
def test_what_the_data_do_not_have_is_refused(blobs, hyperparameters, message):
    with pytest.raises(ValueError, match=message):
        train.sweep(setup, blobs, **hyperparameters)


def test_noise_needs_classes():
    line = np.ones((30, 1), np.float32)
    regression = data.from_arrays(line, line, classes=())

    def linear(learning_rate):
        return train.Run(
            model=layers.dense(1), loss=losses.squared_error, metrics={}, epochs=1, batch_size=None,
            optimizer=optimizers.gradient_descent(learning_rate),
        )  # fmt: skip

    with pytest.raises(ValueError, match="label_noise needs labels of two classes"):
        train.fit(linear, regression, learning_rate=0.1, label_noise=0.1)
