"""What a loss or an embedding cannot take is found on the host, before anything compiles."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import data, layers, losses, train

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
pytestmark = pytest.mark.usefixtures("no_type_checker")


def setup_of(loss, outputs=1, **settings):
    model = settings.pop("model", None) or layers.dense(outputs)

    def setup(learning_rate):
        return train.Run(
            model=model, loss=loss, optimizer=optax.sgd(learning_rate), epochs=1, batch_size=10,
            **settings,
        )  # fmt: skip

    return setup


def with_one(value, where=17, good=(0.0, 1.0), shape=(40,)):
    labels = np.resize(np.asarray(good, np.float32), shape)
    labels[where] = value
    return labels


SOFT = {"good": (0.0, 1.0), "shape": (40, 2)}
WRONG = [
    (losses.binary_cross_entropy, 1, with_one(2.0), r"labels must be in \[0, 1\], got 2\.0"),
    (losses.sigmoid_binary_cross_entropy, 1, with_one(-0.5), r"in \[0, 1\], got -0\.5"),
    (losses.sigmoid_binary_cross_entropy, 3, with_one(1.5, shape=(40, 3)), r"in \[0, 1\], got 1"),
    (losses.hinge, 1, with_one(0.0, good=(-1, 1)), r"-1 or \+1, got 0\.0; targets=lambda"),
    (losses.hinge, 1, with_one(2.0, good=(-1, 1)), r"-1 or \+1, got 2\.0"),
    (losses.categorical_cross_entropy, 2, with_one(1.5, **SOFT), r"in \[0, 1\], got 1\.5"),
    (losses.softmax_cross_entropy_with_soft_targets, 2, with_one(-1, **SOFT), r"got -1\.0"),
    (losses.kl_divergence, 2, with_one(3, **SOFT), r"in \[0, 1\], got 3\.0"),
    (losses.js_divergence, 2, with_one(3, **SOFT), r"in \[0, 1\], got 3\.0"),
]


@pytest.mark.parametrize(("loss", "outputs", "labels", "words"), WRONG)
@pytest.mark.parametrize("call", ["fit", "sweep"])
def test_a_target_out_of_range_is_refused_by_fit_and_sweep(loss, outputs, labels, words, call):
    with pytest.raises(ValueError, match=rf"label of example 17 of arrays: .*{words}"):
        getattr(train, call)(
            setup_of(loss, outputs), data.from_arrays(X, labels),
            learning_rate=0.1 if call == "fit" else [0.1, 0.2],
        )  # fmt: skip


def test_the_split_is_named_and_a_setting_of_the_loss_is_no_hindrance():
    labels = with_one(2.0)
    dataset = data.from_arrays(X, with_one(1.0), X, labels)
    loss = functools.partial(losses.sigmoid_binary_cross_entropy)
    with pytest.raises(ValueError, match=r"example 17 of arrays \(test\)"):
        train.fit(setup_of(loss), dataset, learning_rate=0.1)


def test_what_the_targets_make_of_the_labels_is_looked_at_and_not_the_labels():
    dataset = data.from_arrays(X, with_one(1.0))
    with pytest.raises(ValueError, match=r"-1 or \+1, got 0\.0"):
        train.fit(setup_of(losses.hinge), dataset, learning_rate=0.1)
    mended = setup_of(losses.hinge, targets=lambda labels: 2 * labels - 1)
    assert np.isfinite(train.fit(mended, dataset, learning_rate=0.1).history.train_loss).all()


def test_a_hinge_of_two_classes_has_their_sides_for_targets():
    """The loss is that of NumPy for the class 0 at -1 and the class 1 at +1."""
    classes = (X[:, 0] > 0).astype(int)
    model = layers.dense(1, kernel_init=jax.nn.initializers.constant(0.3))
    setup = setup_of(losses.hinge, model=model)
    fitted = train.fit(setup, data.from_arrays(X, classes), learning_rate=0.0)
    scores = 0.3 * X.sum(1)
    sides = np.where(classes == 1, 1, -1)
    expected = np.maximum(0, 1 - sides * scores).mean()
    np.testing.assert_allclose(fitted.history.train_loss[-1], expected, rtol=1e-5)
    expected = (np.sign(scores) == sides).mean()
    np.testing.assert_allclose(fitted.history.train_accuracy[-1], expected, rtol=1e-5)
    np.testing.assert_array_equal(setup_of(optax.hinge_loss)(0.1).targets_of(classes), sides)


def test_one_hot_rows_where_indices_belong_are_refused_and_the_other_way_round():
    rows = np.eye(2, dtype=np.float32)[np.arange(40) % 2]
    with pytest.raises(ValueError, match="labels must be integer class indices, got float32"):
        train.fit(setup_of(losses.softmax_cross_entropy, 2), data.from_arrays(X, rows),
                  learning_rate=0.1)  # fmt: skip
    soft = losses.softmax_cross_entropy_with_soft_targets
    with pytest.raises(ValueError, match=r"the loss cannot compare .* int32 labels of shape \(\)"):
        train.fit(setup_of(soft, 2), data.from_arrays(X, np.arange(40) % 2), learning_rate=0.1)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (np.array([[3, 4], [5, 9]]), r"input 9 at \(1, 1\) of arrays \(train\) is no id"),
        (np.array([[3, -1], [5, 4]]), r"input -1 at \(0, 1\)"),
        (np.array([[3, 1.5], [5, 4]]), r"input 1\.5 at \(0, 1\) .* whole numbers from 0 to 8"),
    ],
)
def test_inputs_that_are_no_ids_are_refused(ids, words):
    model = layers.serial(layers.embedding(9, 2), layers.flatten, layers.dense(2))
    run = setup_of(losses.softmax_cross_entropy, model=model)(0.1)
    with pytest.raises(ValueError, match=words):
        run.check_against(data.from_arrays(np.resize(ids, (10, 2)), [0] * 10))


def test_ids_are_not_scaled():
    model = layers.serial(layers.embedding(9, 2), layers.flatten, layers.dense(2))
    run = setup_of(losses.softmax_cross_entropy, model=model)(0.1)
    with pytest.raises(ValueError, match=r"integers, which are not scaled, .* scale=255\.0"):
        run.check_against(data.from_arrays(np.ones((40, 2), int), [0] * 40, scale=255.0))


@pytest.mark.parametrize("dtype", [np.int64, np.int16, np.uint8, np.float32])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_step_over_token_ids_changes_the_rows_that_were_read(dtype, precision):
    first = 100 if dtype == np.uint8 else 65_001 if dtype != np.int16 else 32_001
    ids = np.arange(first, first + 8)[:, None].astype(dtype)
    model = layers.serial(layers.embedding(first + 20, 2), layers.flatten, layers.dense(2))

    def setup(learning_rate):
        return train.Run(
            model=model, loss=losses.softmax_cross_entropy, optimizer=optax.sgd(learning_rate),
            epochs=1, batch_size=8, precision=precision,
        )  # fmt: skip

    result = train.fit(setup, data.from_arrays(ids, np.arange(8) % 2), learning_rate=10.0)
    before = train.initial(setup(1.0), 0, (1,))[0][0]["table"]
    moved = np.flatnonzero(np.abs(np.asarray(before) - result.params[0]["table"]).max(1) > 1e-4)
    np.testing.assert_array_equal(moved, np.arange(first, first + 8))


def test_quantities_that_are_integers_become_floats_for_all_other_networks():
    counts = np.random.default_rng(0).integers(0, 5, (40, 3))
    labels = counts.sum(1) % 2
    setup = setup_of(losses.softmax_cross_entropy, model=layers.serial(layers.elu(0.5),
                     layers.dense(2)))  # fmt: skip
    both = [
        train.fit(setup, data.from_arrays(x, labels), learning_rate=0.1).history.train_loss
        for x in (counts, counts.astype(np.float32))
    ]
    np.testing.assert_array_equal(*both)


def test_a_layer_of_ones_own_says_that_it_reads_ids():
    def own(**says):
        table = layers.embedding(9, 2)
        return layers.serial(
            layers.Layer(table.init,
                         lambda p, s, x, key, train: (layers.lookup(p["table"], x), s, x),
                         lambda p, x, dy: ({"table": layers.lookup_vjp(p["table"], x, dy)}, x),
                         "own", **says),
            layers.flatten, layers.dense(2),
        )  # fmt: skip

    dataset = data.from_arrays(np.arange(40).reshape(20, 2) % 9, [0, 1] * 10)
    setup = setup_of(losses.softmax_cross_entropy, model=own(vocabulary=9))
    assert np.isfinite(train.fit(setup, dataset, learning_rate=0.1).history.train_loss).all()
    with pytest.raises(ValueError, match=r"ids must be integers, got float32 .* `vocabulary`"):
        setup_of(losses.softmax_cross_entropy, model=own())(0.1).check_against(dataset)


def test_all_labels_are_told_by_a_few():
    """Each kind of wrong value is found wherever it hides, as a look at all labels would."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        labels = rng.choice([-1.0, 1.0], 30).astype(np.float32)
        bad = rng.choice([0.0, 0.5, -0.3, 1.5, -7.0])
        labels[rng.integers(30)] = bad
        run = setup_of(losses.hinge)(0.1)
        with pytest.raises(ValueError, match=rf"-1 or \+1, got {bad}"):
            run.check_against(data.from_arrays(jnp.asarray(X[:30]), labels))
