"""What trains is what is written now, and not what was when a set-up was first called."""

import dataclasses
import functools
import gc
import weakref
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxnn import layers, regularizers, train
from jaxnn.train.lanes.execute import _identity
from jaxnn.train.lanes.groups import grouped
from jaxnn.train.program.compiling import kept
from jaxnn.train.setup.axes import Grid


def squares(predictions, labels):
    targets = jax.nn.one_hot(labels, 3)
    return ((predictions - targets) ** 2).sum(-1)


def squares_vjp(predictions, labels, cotangent):
    return 2 * cotangent[:, None] * (predictions - jax.nn.one_hot(labels, 3))


def other_squares(predictions, labels):
    return 4 * squares(predictions, labels)


def other_squares_vjp(predictions, labels, cotangent):
    return 4 * squares_vjp(predictions, labels, cotangent)


def nothing(predictions, labels):
    return jnp.zeros(len(labels))


def halved(key, inputs, targets):
    return inputs / 2, targets


NOW = SimpleNamespace()  # what the set-up reads from outside
FIRST = {
    "model": layers.dense(3), "loss": squares, "optimizer": optax.sgd(0.1), "epochs": 2,
    "batch_size": 30, "regularizer": None, "metrics": {}, "monitors": {}, "targets": None,
    "augment": None, "gradient": "hand", "precision": "float32", "evaluate_every": 1,
    "folds": None, "early_stopping": None,
}  # fmt: skip
THEN = {
    "model": layers.dense(3, kernel_init=jax.nn.initializers.zeros), "loss": other_squares,
    "optimizer": optax.sgd(0.2), "epochs": 3, "batch_size": 45,
    "regularizer": regularizers.l2(0.1), "metrics": {"nothing": nothing},
    "monitors": {"norm": regularizers.kernel_norm}, "targets": lambda labels: 2 - labels,
    "augment": halved, "gradient": "autodiff", "precision": "bfloat16", "evaluate_every": 2,
    "folds": 3, "early_stopping": train.EarlyStopping(patience=1, monitor="train_loss"),
}  # fmt: skip


def reads():
    return train.Run(**vars(NOW))


@pytest.fixture(autouse=True)
def _as_first():
    vars(NOW).update(FIRST)


def identity(setup, dataset):
    grid = Grid(setup, {})
    return _identity(grouped(setup, dataset, grid), grid)


@pytest.fixture(scope="module")
def first_identity(blobs):
    vars(NOW).update(FIRST)
    return identity(reads, blobs)


@pytest.mark.parametrize("field", FIRST)
def test_every_field_that_is_read_from_outside_counts(blobs, first_identity, field):
    assert identity(reads, blobs) == first_identity
    setattr(NOW, field, THEN[field])
    assert identity(reads, blobs) != first_identity


def numpy_kernel(dataset, factor, learning_rate=0.1, epochs=2, batch_size=30):
    """That of softmax-free regression on one-hot labels, in plain NumPy."""
    params, _ = train.initial(reads(), 0, (2,))
    kernel, bias = (np.float64(params[name]) for name in ("kernel", "bias"))
    for epoch in range(epochs):
        order = np.random.default_rng((0, epoch)).permutation(len(dataset.train.inputs))
        for batch in order.reshape(-1, batch_size):
            x, y = dataset.train.inputs[batch], np.eye(3)[dataset.train.labels[batch]]
            dy = factor * 2 * (x @ kernel + bias - y) / batch_size
            kernel, bias = kernel - learning_rate * x.T @ dy, bias - learning_rate * dy.sum(0)
    return kernel


def kernel_of(setup, dataset, **settings):
    return train.fit(setup, dataset, **settings).params["kernel"]


def test_an_edited_loss_and_an_edited_rule_train(blobs, monkeypatch):
    np.testing.assert_allclose(kernel_of(reads, blobs), numpy_kernel(blobs, 1), rtol=1e-4)
    NOW.loss = other_squares
    np.testing.assert_allclose(kernel_of(reads, blobs), numpy_kernel(blobs, 4), rtol=1e-3)
    NOW.loss = squares
    monkeypatch.setitem(globals(), "squares_vjp", lambda p, y, dy: 2 * squares_rule(p, y, dy))
    np.testing.assert_allclose(kernel_of(reads, blobs), numpy_kernel(blobs, 2), rtol=1e-3)


squares_rule = squares_vjp


def test_a_patched_rule_of_ours_trains(blobs, monkeypatch):
    NOW.model = layers.serial(layers.dense(3), layers.tanh)
    first = train.fit(reads, blobs).params
    monkeypatch.setattr("jaxnn.activations.tanh_vjp", lambda x, dy: jnp.zeros_like(dy))
    still = train.fit(reads, blobs).params
    start, _ = train.initial(reads(), 0, (2,))
    assert (first[0]["kernel"] != start[0]["kernel"]).any()
    np.testing.assert_array_equal(still[0]["kernel"], start[0]["kernel"])


def test_updated_modules_go_on_from_their_weights_with_the_program_that_is_there(blobs):
    module = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    NOW.model = module
    first = train.fit(reads, blobs)
    made = kept.made
    nnx.update(module, first.params)
    second = train.fit(reads, blobs)
    assert kept.made == made
    assert second.history.train_loss[0] < first.history.train_loss[1]
    again = kernel_of(reads, blobs)
    np.testing.assert_array_equal(again, second.params["kernel"])


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_another_table_of_the_same_shape_is_read_and_compiles_nothing(blobs, kind):
    """Class weights, at a learning rate of 0: the first loss says what the table holds."""
    tables = [np.array(table, np.float32) for table in ([1, 1, 1], [2, 0, 5])]
    NOW.optimizer, NOW.gradient = optax.sgd(0.0), "autodiff"
    made = []
    for table in tables:
        weights = kind(table)

        def weighted(p, y, weights=weights):
            return jnp.asarray(weights)[y] * squares(p, y)

        NOW.loss = weighted
        result = train.fit(reads, blobs)
        x, y = blobs.train
        predictions = x @ result.params["kernel"]
        expected = (table[y] * ((predictions - np.eye(3)[y]) ** 2).sum(-1)).mean()
        np.testing.assert_allclose(result.history.train_loss[0], expected, rtol=1e-5)
        made.append(kept.made)
    assert made[0] == made[1]


def test_the_settings_of_jax_are_those_of_now(blobs):
    kinds = []
    for wide in (False, True, False):
        with jax.enable_x64(wide):
            kinds.append(train.fit(reads, blobs).history.train_loss.dtype)
    assert kinds == [np.float32, np.float64, np.float32]


def test_a_set_up_that_is_made_anew_compiles_nothing_and_is_not_kept(blobs):
    def made_anew():
        return lambda: reads()

    train.fit(made_anew(), blobs)
    made, setup = kept.made, made_anew()
    train.fit(setup, blobs)
    assert kept.made == made
    held = weakref.ref(setup)
    del setup
    gc.collect()
    assert held() is None


@dataclasses.dataclass
class Recipe:
    width: int

    def run(self, learning_rate):
        hidden = layers.serial(layers.dense(self.width), layers.dense(3))
        return train.Run(**FIRST | {"model": hidden, "optimizer": optax.sgd(learning_rate)})

    def __call__(self, learning_rate):
        return self.run(learning_rate)


def test_a_bound_method_a_callable_object_a_lambda_and_a_partial_are_set_ups(blobs):
    recipe = Recipe(4)
    kinds = [
        recipe.run, recipe, lambda learning_rate: recipe.run(learning_rate),
        functools.partial(lambda width, learning_rate: Recipe(width).run(learning_rate), 4),
    ]  # fmt: skip
    results = [train.fit(setup, blobs, learning_rate=0.1) for setup in kinds]
    for result in results[1:]:
        np.testing.assert_array_equal(result.params[0]["kernel"], results[0].params[0]["kernel"])
    recipe.width = 5
    changed = train.fit(recipe.run, blobs, learning_rate=0.1)
    assert changed.params[0]["kernel"].shape == (2, 5)


def test_a_checkpoint_is_of_the_arrays_and_the_batch_size_too(blobs, tmp_path):
    NOW.model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    fit = functools.partial(train.fit, reads, blobs, checkpoint_dir=tmp_path)
    first = fit()
    again = fit(resume="must")
    np.testing.assert_array_equal(first.params["kernel"], again.params["kernel"])
    NOW.model = nnx.Linear(2, 3, rngs=nnx.Rngs(1))
    with pytest.raises(train.CheckpointError, match="belongs to another sweep:\n  program: "):
        fit()
    NOW.model, NOW.batch_size = nnx.Linear(2, 3, rngs=nnx.Rngs(0)), 45
    with pytest.raises(train.CheckpointError, match=r"batch_size: \[30\] in the .*, \[45\] now"):
        fit()
