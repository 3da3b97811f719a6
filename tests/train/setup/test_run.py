import dataclasses
import functools

import jax
import numpy as np
import optax
import pytest

from jaxnn import data, layers, losses, metrics, train

pytestmark = pytest.mark.usefixtures("no_type_checker")


def run(outputs=3, **changes):
    settings = {
        "model": layers.serial(layers.dense(4), layers.relu, layers.dense(outputs)),
        "loss": losses.softmax_cross_entropy,
        "optimizer": optax.sgd(0.1),
        "epochs": 2,
        "batch_size": 30,
    }
    return train.Run(**(settings | changes))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"model": "mlp"}, TypeError, "model must be a Layer or a Flax module .* got 'mlp'"),
        ({"optimizer": 0.1}, TypeError, r"optimizer must be an optax transformation, got 0\.1"),
        ({"loss": "ce"}, TypeError, "loss must be a function of predictions and labels, got 'ce'"),
        ({"regularizer": 0.1}, TypeError, r"regularizers\.l2\(0\.001\), got 0\.1"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"epochs": 1.5}, TypeError, r"epochs must be an int, got 1\.5"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"augment": 0.5}, TypeError, r"augment must be a function, got 0\.5"),
        ({"targets": 10}, TypeError, "targets must be a function, got 10"),
        ({"gradient": "foot"}, ValueError, 'gradient must be "hand" or "autodiff", got \'foot\''),
    ],
)
def test_a_field_that_is_not_of_its_kind_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        run(**changes)


def test_what_fits_is_accepted(blobs):
    run().check_against(blobs)
    run(batch_size=None).check_against(blobs)
    run().check_against(dataclasses.replace(blobs, test=None))


@pytest.mark.quick
def test_batches_that_are_not_full_are_left_out():
    assert run(batch_size=64).num_batches(1617) == 25
    assert run(batch_size=None).num_batches(1617) == 1


def test_data_that_do_not_fill_a_batch_are_refused(blobs):
    with pytest.raises(ValueError, match="90 examples, not enough for one batch of 91"):
        run(batch_size=91).check_against(blobs)


def test_labels_that_the_outputs_cannot_stand_for_are_refused(blobs):
    with pytest.raises(ValueError, match=r"label 2 of example 2 of blobs is out of range.*0 to 1"):
        run(outputs=2).check_against(blobs)


def test_examples_to_choose_on_are_measured_and_exclude_folds(blobs):
    held = data.hold_out(blobs, 20)
    assert run().splits(held) == ["train", "validation", "test"]
    with pytest.raises(ValueError, match=r"blobs comes with examples for validation.* folds=3"):
        run(folds=3).check_against(held)


def test_images_that_were_not_flattened_are_refused():
    images = data.from_arrays(np.zeros((6, 4, 4), np.float32), np.zeros(6, np.int32))
    with pytest.raises(ValueError, match=r"predictions of shape \(4, 3\) per example.*flatten"):
        run(batch_size=6).check_against(images)


def test_an_augmentation_that_changes_a_shape_is_refused(blobs):
    with pytest.raises(ValueError, match=r"augment must keep .* makes float32 of shape \(1,\)"):
        run(augment=lambda key, x, y: (x[:, :1], y)).check_against(blobs)


def test_targets_are_what_the_loss_sees_and_labels_what_the_metrics_see(blobs):
    soft = losses.softmax_cross_entropy_with_soft_targets
    one_hot = functools.partial(jax.nn.one_hot, num_classes=3)
    run(loss=soft, targets=one_hot).check_against(blobs)
    with pytest.raises(ValueError, match=r"the loss cannot compare .* int32 labels"):
        run(loss=soft).check_against(blobs)


@pytest.mark.parametrize(
    ("changes", "hyperparameters", "name"),
    [
        ({"metrics": {"loss": lambda p, y: y}}, [], "train_loss"),
        ({"monitors": {"test_loss": lambda params: 1.0}}, [], "test_loss"),
        ({"monitors": {"l2": lambda params: 1.0}}, ["l2"], "l2"),
        ({}, ["epoch"], "epoch"),
    ],
)
def test_two_results_of_one_name_are_refused(blobs, changes, hyperparameters, name):
    with pytest.raises(ValueError, match=f"two things called {name}"):
        run(**changes).check_against(blobs, hyperparameters)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"metrics": {"hits": lambda p, y: (p.argmax(-1) == y).mean()}}, "the metric hits"),
        ({"metrics": {"hits": lambda p, y: None}}, "the metric hits"),
        ({"loss": lambda p, y: p.mean(), "gradient": "autodiff"}, "the loss"),
        ({"loss": lambda p, y: (p.mean(-1), y), "gradient": "autodiff"}, "the loss"),
    ],
)
def test_one_value_for_a_whole_batch_is_refused(blobs, changes, what):
    with pytest.raises(ValueError, match=f"{what} must give a value for each example"):
        run(**changes).check_against(blobs)


def test_a_monitor_that_is_no_scalar_is_refused(blobs):
    with pytest.raises(ValueError, match=r"monitor bias must give a scalar"):
        run(monitors={"bias": lambda params: params[0]["bias"]}).check_against(blobs)


def test_what_is_no_dataset_is_refused():
    with pytest.raises(TypeError, match=r"data\.from_arrays give it, got a tuple"):
        run().check_against((np.ones((3, 2)), np.ones(3)))


def test_a_loss_without_a_rule_needs_autodiff(blobs):
    def own_loss(predictions, targets):
        return losses.softmax_cross_entropy(predictions, targets)

    with pytest.raises(LookupError, match="autodiff"):
        run(loss=own_loss).check_against(blobs)
    run(loss=own_loss, gradient="autodiff").check_against(blobs)


def test_an_accuracy_asked_for_where_there_are_no_classes_is_refused_with_the_remedy():
    line = data.from_arrays(np.ones((6, 1), np.float32), np.ones((6, 3), np.float32), classes=())
    asked = run(loss=losses.squared_error, batch_size=6, metrics={"accuracy": metrics.accuracy})
    with pytest.raises(ValueError, match=r"the accuracy cannot .*; metrics=\{\} in the run"):
        asked.check_against(line)
    dataclasses.replace(asked, metrics={}).check_against(line)
