"""A sweep that was stopped goes on to the bits of the one that was not."""

import dataclasses
import os
import signal

import jax
import numpy as np
import pytest

from jaxnn import data, layers, losses, optimizers, train
from jaxnn.train.lanes import execute, layout

pytestmark = pytest.mark.usefixtures("no_type_checker")

AXES = {"learning_rate": [0.1, 1.0, 1e30], "seed": range(2)}


def setup(learning_rate, epochs=12, width=5):
    return train.Run(
        model=layers.serial(layers.dense(width), layers.batch_norm(), layers.dense(3)),
        loss=losses.softmax_cross_entropy, optimizer=optimizers.adam(learning_rate),
        epochs=epochs, batch_size=15,
    )  # fmt: skip


class StoppedError(Exception):
    pass


def stopper(number):
    """Raises when so many chunks are done."""
    seen = []

    def on_chunk(done):
        seen.append(done)
        if len(seen) == number:
            raise StoppedError

    return on_chunk


def assert_same_bits(ours, theirs):
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


@pytest.fixture(scope="module")
def undisturbed(blobs):
    return train.sweep(setup, blobs, **AXES, return_params=True)


@pytest.fixture(autouse=True)
def many_chunks(monkeypatch):
    """However little there is to do."""
    monkeypatch.setattr(layout, "MIN_CHUNK_SECONDS", 0)


@pytest.mark.parametrize("chunks", [1, 4])
def test_a_sweep_goes_on_to_the_same_bits_also_on_other_devices(
    blobs, undisturbed, tmp_path, chunks
):
    folder = tmp_path / "sweep"
    with pytest.raises(StoppedError):
        train.sweep(setup, blobs, **AXES, checkpoint_dir=folder, on_chunk=stopper(chunks))
    done = []
    history, params = train.sweep(
        setup, blobs, **AXES, return_params=True, checkpoint_dir=folder, num_devices=1,
        on_chunk=done.append,
    )  # fmt: skip
    assert_same_bits(history, undisturbed[0])
    jax.tree.map(np.testing.assert_array_equal, params, undisturbed[1])
    assert done[0].first_epoch > 0  # not from the start


def test_what_is_finished_does_not_run_again(blobs, undisturbed, tmp_path, monkeypatch):
    axes = AXES | {"width": [5, 6]}
    folder = tmp_path / "sweep"
    first = train.sweep(setup, blobs, **axes, checkpoint_dir=folder)
    monkeypatch.setattr(execute.lanes, "train", None)
    again = train.sweep(setup, blobs, **axes, checkpoint_dir=folder)
    assert_same_bits(again, first)
    assert_same_bits(again.sel(width=5), undisturbed[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(blobs, undisturbed, tmp_path, number):
    folder = tmp_path / "sweep"
    handler = signal.getsignal(number)

    def stop(done):
        os.kill(os.getpid(), number)

    with pytest.raises(train.Interrupted, match=r"saved in .*sweep: the same call .* goes on"):
        train.sweep(setup, blobs, **AXES, checkpoint_dir=folder, on_chunk=stop)
    assert signal.getsignal(number) is handler
    history = train.sweep(setup, blobs, **AXES, checkpoint_dir=folder)
    assert_same_bits(history, undisturbed[0])


@pytest.mark.quick
def test_a_fit_resumes_too(blobs, tmp_path):
    expected = train.fit(setup, blobs, learning_rate=0.1)
    with pytest.raises(StoppedError):
        train.fit(setup, blobs, learning_rate=0.1, checkpoint_dir=tmp_path, on_chunk=stopper(3))
    resumed = train.fit(setup, blobs, learning_rate=0.1, checkpoint_dir=tmp_path)
    assert_same_bits(resumed.history, expected.history)
    jax.tree.map(np.testing.assert_array_equal, resumed.params, expected.params)
    jax.tree.map(np.testing.assert_array_equal, resumed.state, expected.state)


def test_the_directory_of_another_sweep_is_refused_by_the_differences(blobs, tmp_path):
    train.sweep(setup, blobs, learning_rate=[0.1], checkpoint_dir=tmp_path)
    with pytest.raises(train.CheckpointError, match=r"learning_rate: \[0\.1\] in the directory"):
        train.sweep(setup, blobs, learning_rate=[0.2], checkpoint_dir=tmp_path)
    with pytest.raises(train.CheckpointError, match="epochs"):
        train.sweep(setup, blobs, learning_rate=[0.1], epochs=9, checkpoint_dir=tmp_path)
    x, y = blobs.train
    other = data.from_arrays(x + 1, y, name=blobs.name)
    with pytest.raises(train.CheckpointError, match=r"data\.sha256"):
        train.sweep(setup, other, learning_rate=[0.1], checkpoint_dir=tmp_path)

    def setup_(learning_rate):
        run = setup(learning_rate)
        return train.Run(
            model=run.model, loss=losses.softmax_cross_entropy, epochs=run.epochs, batch_size=15,
            optimizer=optimizers.adam(learning_rate, b1=0.8),
        )  # fmt: skip

    setup_.__name__ = "setup"
    with pytest.raises(train.CheckpointError, match="program"):
        train.sweep(setup_, blobs, learning_rate=[0.1], checkpoint_dir=tmp_path)
    with pytest.raises(train.CheckpointError, match='resume is "never"'):
        train.sweep(setup, blobs, learning_rate=[0.1], checkpoint_dir=tmp_path, resume="never")
    with pytest.raises(train.CheckpointError, match='resume is "must"'):
        train.fit(setup, blobs, learning_rate=0.1, checkpoint_dir=tmp_path / "n", resume="must")


@pytest.mark.parametrize(
    "stopping", [None, train.EarlyStopping(monitor="validation_loss", patience=20)]
)
def test_a_run_with_folds_is_kept_too(blobs, tmp_path, stopping):
    def folded(learning_rate):
        run = setup(learning_rate)
        return dataclasses.replace(run, folds=3, early_stopping=stopping)

    expected = train.fit(folded, blobs, learning_rate=0.1)
    with pytest.raises(StoppedError):
        train.fit(folded, blobs, learning_rate=0.1, checkpoint_dir=tmp_path, on_chunk=stopper(1))
    resumed = train.fit(folded, blobs, learning_rate=0.1, checkpoint_dir=tmp_path)
    assert_same_bits(resumed.history, expected.history)
