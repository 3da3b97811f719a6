"""A run whose examples are streamed is the run that has them in memory."""

import functools
import sys
import threading

import jax
import numpy as np
import pytest

from jaxnn import data, layers, losses, optimizers, train
from jaxnn.train.lanes import lanes
from jaxnn.train.program import compiling, streaming

pytestmark = pytest.mark.usefixtures("no_type_checker")

COMPILED = "/jax/core/compile/backend_compile_duration"
BATCH_BYTES = 16 * (2 * 4 + 4)


class Source:
    """Examples of which every fetch is noted; one of the fetches can be made to fail."""

    def __init__(self, examples, failing=None):
        self.inputs, self.labels = examples
        self.rows, self.failing = [], failing
        self.lock, self.asked_twice = threading.Lock(), threading.Event()

    def __len__(self):
        return len(self.inputs)

    def __getitems__(self, rows):
        with self.lock:
            self.rows.append(rows)
            if len(self.rows) == 2:
                self.asked_twice.set()
            if len(self.rows) == self.failing:
                raise OSError("the disk is gone")
        return self.inputs[rows], self.labels[rows]


def streamed(dataset, failing=None, **options):
    source = Source(dataset.train, failing)
    made = data.from_source(
        source, *dataset.test, name=dataset.name, classes=dataset.classes, scale=dataset.scale,
        digest="blobs", **options,
    )  # fmt: skip
    source.rows.clear()
    source.asked_twice.clear()
    return made


def setup(learning_rate, noise=0.2, epochs=4, batch_size=16, **options):
    return train.Run(
        model=layers.serial(
            layers.dense(7), layers.batch_norm(), layers.relu, layers.dropout(noise),
            layers.dense(3),
        ),
        loss=losses.softmax_cross_entropy, optimizer=optimizers.momentum(learning_rate, 0.9),
        epochs=epochs, batch_size=batch_size, **options,
    )  # fmt: skip


@pytest.fixture(params=[1, 2, 5], ids="chunks of {}".format)
def steps(request, monkeypatch):
    """How many of the five batches of an epoch are in a chunk."""
    monkeypatch.setattr(streaming, "CHUNK_BYTES", request.param * BATCH_BYTES)
    return request.param


@pytest.fixture
def one_step_at_a_time(monkeypatch):
    monkeypatch.setattr(streaming, "CHUNK_BYTES", BATCH_BYTES)


def assert_same_bits(ours, theirs):
    assert set(ours) == set(theirs)
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_streamed_runs_have_the_bits_of_those_in_memory(blobs, steps):
    axes = {"learning_rate": [0.1, 1e30], "seed": range(2), "return_params": True}
    history, params = train.sweep(setup, streamed(blobs), **axes)
    expected, expected_params = train.sweep(setup, blobs, **axes)
    assert_same_bits(history, expected)
    jax.tree.map(np.testing.assert_array_equal, params, expected_params)
    assert (history.first_bad_step.values >= 0).any()


def test_pixels_and_a_part_of_the_examples_are_streamed_too(blobs, one_step_at_a_time):
    pixels = np.random.default_rng(1).integers(0, 256, (120, 2)).astype(np.uint8)
    labels = np.arange(120) % 3
    parts = pixels[:90], labels[:90], pixels[90:], labels[90:]
    images = data.from_arrays(*parts, scale=255.0)
    ours = train.sweep(setup, streamed(images), learning_rate=0.1, train_size=[40, 90])
    theirs = train.sweep(setup, images, learning_rate=0.1, train_size=[40, 90])
    evaluated = ["test_loss", "test_accuracy"]
    assert_same_bits(ours.drop_vars(evaluated), theirs.drop_vars(evaluated))
    for name in evaluated:  # XLA scales the test set by a product in one program, a quotient in one
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6)


def test_a_streamed_run_stops_early_where_the_one_in_memory_does(blobs, one_step_at_a_time):
    rule = train.EarlyStopping(patience=1, monitor="test_loss", min_delta=10.0)
    stopping = functools.partial(setup, early_stopping=rule, evaluate_every=2, epochs=8)
    ours = train.fit(stopping, streamed(blobs), learning_rate=0.1)
    theirs = train.fit(stopping, blobs, learning_rate=0.1)
    assert_same_bits(ours.history, theirs.history)
    jax.tree.map(np.testing.assert_array_equal, ours.params, theirs.params)
    assert ours.history.last_epoch < 8


def test_a_run_is_one_pass_after_another_over_its_own_order(blobs, one_step_at_a_time):
    stream = streamed(blobs)
    train.fit(setup, stream, learning_rate=0.1, seed=3)
    by_epoch = np.array([np.random.default_rng((3, e)).permutation(90)[:80] for e in range(4)])
    rows = {tuple(fetched) for fetched in stream.source.rows}  # by several threads: in any order
    assert rows == {tuple(batch) for batch in by_epoch.reshape(20, 16)}
    assert len(stream.source.rows) == 20


@pytest.mark.parametrize("other_steps", [1, 3])
def test_a_run_that_broke_within_an_epoch_goes_on_from_there(
    blobs, tmp_path, monkeypatch, one_step_at_a_time, other_steps
):
    monkeypatch.setattr(lanes, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr("jaxnn.train.lanes.execute.SHARE_OF_SAVING", np.inf)
    broken, whole = streamed(blobs, failing=14, threads=1), streamed(blobs, threads=1)
    with pytest.raises(OSError, match="the disk is gone"):
        train.fit(setup, broken, learning_rate=0.1, checkpoint_dir=tmp_path)
    monkeypatch.setattr(streaming, "CHUNK_BYTES", other_steps * BATCH_BYTES)
    resumed = train.fit(setup, whole, learning_rate=0.1, checkpoint_dir=tmp_path)
    expected = train.fit(setup, blobs, learning_rate=0.1)
    assert_same_bits(resumed.history, expected.history)
    jax.tree.map(np.testing.assert_array_equal, resumed.params, expected.params)
    orders = [np.random.default_rng((0, epoch)).permutation(90)[:80] for epoch in (2, 3)]
    missing = np.concatenate([orders[0][3 * 16 :], orders[1]])  # of 20 batches 13 were learnt from
    np.testing.assert_array_equal(np.concatenate(whole.source.rows), missing)


def test_a_stream_of_other_examples_is_refused_by_a_checkpoint(blobs, tmp_path):
    train.fit(setup, streamed(blobs), learning_rate=0.1, checkpoint_dir=tmp_path)
    other = data.from_source(tuple(blobs.train), *blobs.test, name="blobs", digest="others")
    with pytest.raises(train.CheckpointError, match=r"data\.sha256"):
        train.fit(setup, other, learning_rate=0.1, checkpoint_dir=tmp_path)


def test_the_next_epoch_is_fetched_before_it_is_asked_for(blobs):
    stream, seen = streamed(blobs), []

    def on_chunk(done):
        if not seen:
            seen.append(stream.source.asked_twice.wait(30))

    train.fit(setup, stream, learning_rate=0.1, on_chunk=on_chunk)
    assert seen == [True]


@pytest.mark.quick
def test_no_more_is_fetched_ahead_than_there_is_room_for(blobs, one_step_at_a_time):
    stream = streamed(blobs, threads=3)
    ahead = []

    def on_chunk(done):
        ahead.append(len(stream.source.rows) - 5 * (done.first_epoch + 1))

    train.fit(setup, stream, learning_rate=0.1, epochs=9, on_chunk=on_chunk)
    assert max(ahead) <= 3
    need = train.plan(setup, stream, learning_rate=0.1).programs[0].layout.need
    in_memory = train.plan(setup, blobs, learning_rate=0.1).programs[0].layout.need
    assert need.data < in_memory.data
    assert need.work == in_memory.work + (3 + streaming.IN_USE) * BATCH_BYTES


def test_neither_another_float_nor_another_chunk_compiles_anything(blobs, monkeypatch):
    monkeypatch.setattr(streaming, "CHUNK_BYTES", 2 * BATCH_BYTES)
    monkeypatch.setattr(compiling, "kept", compiling.Kept(8))  # without those of other tests

    def fresh(learning_rate):
        return setup(learning_rate, epochs=2)

    names = []

    def listener(event, duration, **details):
        if event == COMPILED:
            names.append(details.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(listener)
    train.sweep(fresh, streamed(blobs), learning_rate=[0.1, 0.2], train_size=[50, 90])
    train.fit(fresh, streamed(blobs), learning_rate=0.3)
    jax.monitoring.unregister_event_duration_listener(listener)
    assert len(names) == 3, names  # the start, the steps, and the end of an epoch


def test_a_streamed_batch_can_be_spread_over_devices(blobs, steps):
    ours = train.fit(setup, streamed(blobs), learning_rate=0.1, lanes="data").history
    theirs = train.fit(setup, blobs, learning_rate=0.1).history
    assert ours.attrs["lanes"] == "data: 1 at once on 2 cpu device(s)"
    for name in ("train_loss", "test_loss", "train_accuracy"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-5)


@pytest.mark.parametrize(
    ("run", "options", "message"),
    [
        ({"batch_size": None}, {}, "batch_size=None needs all training examples in memory"),
        ({"folds": 3}, {}, "folds=3 needs all training examples in memory, but those of blobs"),
        ({}, {"label_noise": 0.1}, r"label_noise=0\.1 needs .* data\.from_arrays"),
        ({}, {"lanes": "vmap"}, 'lanes="vmap" needs the data in memory'),
        ({}, {"train_size": 91}, "only 90 examples"),
        ({"batch_size": 91}, {}, "90 examples, not enough for one batch of 91"),
    ],
)
def test_what_needs_all_examples_at_once_is_refused(blobs, run, options, message):
    with pytest.raises(ValueError, match=message):
        train.fit(functools.partial(setup, **run), streamed(blobs), learning_rate=0.1, **options)


def test_more_classes_than_outputs_are_refused_before_anything_is_fetched(blobs):
    stream = data.from_source(tuple(blobs.train), classes="abcd", name="letters")
    with pytest.raises(ValueError, match=r"letters has 4 classes, but the \(3,\) outputs"):
        train.fit(setup, stream, learning_rate=0.1)


def test_without_grain_the_package_is_named(blobs, monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(ModuleNotFoundError, match="pip install grain"):
        train.fit(setup, streamed(blobs), learning_rate=0.1)


def spread(path):
    """The batches over all devices, also those of other processes (tests/train/lanes)."""
    rng = np.random.default_rng(0)
    labels = np.arange(40, dtype=np.int32) % 3
    points = rng.normal(size=(40, 2)).astype(np.float32)
    stream = streamed(data.from_arrays(points, labels, points, labels))
    history = train.fit(setup, stream, learning_rate=0.1, lanes="data").history
    np.savez(path, loss=history.test_loss, rows=np.concatenate(stream.source.rows))
