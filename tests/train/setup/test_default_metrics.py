"""What is right follows from the loss and the labels; scikit-learn says how many are."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sklearn.metrics

from jaxnn import data, layers, losses, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
KERNEL = RNG.normal(size=(3, 4)).astype(np.float32)
CLASSES = (X[:, 0] > 0.4).astype(int)
MANY = (RNG.uniform(size=(40, 4)) > 0.5).astype(np.float32)
SHIFT = 0.3  # so that thresholds matter
pytestmark = pytest.mark.usefixtures("no_type_checker")


def network(outputs, *after):
    dense = layers.dense(
        outputs,
        kernel_init=lambda key, shape: KERNEL[:, : shape[1]],
        bias_init=jax.nn.initializers.constant(SHIFT),
    )
    return layers.serial(dense, *after)


def run_of(model, loss):
    return train.Run(
        model=model, loss=loss, optimizer=optax.sgd(0.0), epochs=1, batch_size=None,
        gradient="autodiff",
    )  # fmt: skip


def accuracy(model, loss, labels):
    """That of the network as it starts."""
    params, state, _ = model.init(jax.random.key(0), (3,))
    labels = data.from_arrays(X, labels).train.labels
    metrics = run_of(model, loss).measured_on(labels.dtype).own_metrics()
    predictions = model.forward(params, state, jnp.asarray(X), None, False)[0]
    return metrics["accuracy"](predictions, jnp.asarray(labels)).mean()


def scores(outputs):
    return X @ KERNEL[:, :outputs] + SHIFT


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


ONE = scores(1)[:, 0]
ACCURACIES = [
    (network(1), losses.sigmoid_binary_cross_entropy, CLASSES, CLASSES, ONE > 0),
    (network(1), optax.sigmoid_binary_cross_entropy, CLASSES, CLASSES, ONE > 0),
    (network(1, layers.sigmoid), losses.binary_cross_entropy, CLASSES, CLASSES, ONE > 0),
    (network(1, layers.sigmoid), losses.squared_error, CLASSES, CLASSES, ONE > 0),
    (network(1), losses.squared_error, CLASSES, CLASSES, ONE > 0.5),
    (network(1), losses.huber, CLASSES, CLASSES, ONE > 0.5),
    (network(1), optax.l2_loss, CLASSES, CLASSES, ONE > 0.5),
    (network(1), losses.hinge, CLASSES, CLASSES, ONE > 0),
    (network(1), losses.hinge, 2.0 * CLASSES - 1, CLASSES, ONE > 0),
    (network(1), losses.sigmoid_binary_cross_entropy, 1.0 * CLASSES, CLASSES, ONE > 0),
    (network(1, layers.sigmoid), lambda p, y: (p - y) ** 2, CLASSES, CLASSES, ONE > 0),
    (network(2), losses.softmax_cross_entropy, CLASSES, CLASSES, scores(2).argmax(1)),
    (network(2), losses.multiclass_hinge, CLASSES, CLASSES, scores(2).argmax(1)),
    (
        network(2), losses.softmax_cross_entropy_with_soft_targets,
        np.eye(2, dtype=np.float32)[CLASSES], CLASSES, scores(2).argmax(1),
    ),
    (
        network(4), losses.sigmoid_binary_cross_entropy, MANY, MANY.ravel(),
        (scores(4) > 0).ravel(),
    ),
    (
        network(4, layers.sigmoid), losses.binary_cross_entropy, MANY, MANY.ravel(),
        (sigmoid(scores(4)) > 0.5).ravel(),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "loss", "labels", "truth", "answers"), ACCURACIES)
def test_the_accuracy_is_that_of_scikit_learn(model, loss, labels, truth, answers):
    expected = sklearn.metrics.accuracy_score(truth, answers)
    assert 0.2 < expected < 0.98
    np.testing.assert_allclose(accuracy(model, loss, labels), expected, rtol=1e-6)


@pytest.mark.quick
@pytest.mark.parametrize(
    "loss", [losses.squared_error, losses.huber, optax.l2_loss, lambda p, y: (p - y) ** 2]
)
def test_a_regression_measures_no_accuracy(loss):
    assert run_of(network(1), loss).measured_on(np.dtype(np.float32)).metrics == {}


def test_a_regression_trains_without_a_word_on_metrics():
    def setup(learning_rate):
        return run_of(network(1), lambda p, y: (p - y) ** 2)

    history = train.fit(setup, data.from_arrays(X, X[:, 0], X, X[:, 0]), learning_rate=0.0).history
    assert not [name for name in history.data_vars if "accuracy" in name]
    for split in ("train", "test"):
        expected = ((ONE - X[:, 0]) ** 2).mean()
        np.testing.assert_allclose(history[f"{split}_loss"], [expected], rtol=1e-5)


def test_a_loss_that_does_not_say_what_a_single_output_means_asks_for_the_metric():
    with pytest.raises(ValueError, match=r"does not say .*metrics=\{\}.*threshold=0\.5"):
        accuracy(network(1), lambda p, y: (p - y) ** 2, CLASSES)


def test_several_outputs_of_an_unknown_loss_are_compared_by_the_largest():
    def own(p, y):
        return optax.softmax_cross_entropy_with_integer_labels(p, y)

    expected = sklearn.metrics.accuracy_score(CLASSES, scores(2).argmax(1))
    np.testing.assert_allclose(accuracy(network(2), own, CLASSES), expected, rtol=1e-6)


def test_metrics_that_are_named_stay():
    run = train.Run(
        model=network(2), loss=losses.softmax_cross_entropy, optimizer=optax.sgd(0.0), epochs=1,
        batch_size=None, metrics={},
    )  # fmt: skip
    assert run.measured_on(np.dtype(np.int32)).metrics == {}
