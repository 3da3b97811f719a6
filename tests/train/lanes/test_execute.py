import threading

import numpy as np
import pytest
import xarray as xr

from jaxnn import layers, losses, optimizers, train
from jaxnn.train.lanes import layout
from jaxnn.train.lanes.execute import SHARE_OF_SAVING
from jaxnn.train.program.workers import NAME
from jaxnn.train.saving.checkpoint import Checkpoint


def setup(learning_rate):
    return train.Run(
        model=layers.dense(3), loss=losses.softmax_cross_entropy, epochs=30, batch_size=30,
        optimizer=optimizers.gradient_descent(learning_rate),
    )  # fmt: skip


RATES = np.linspace(0.01, 0.1, 8).tolist()


def test_a_sweep_that_is_broken_off_does_not_train_on(blobs, monkeypatch):
    """Its workers end, though the traceback that is kept here holds all that was at work."""
    monkeypatch.setattr(layout, "_epochs_at_once", lambda epochs, size, seconds: 1)
    assert xr  # is loaded, so that no thread is at it
    seen = []

    def breaks(done):
        seen.append(done.first_epoch)
        if len(seen) == 5:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough") as caught:
        train.sweep(setup, blobs, learning_rate=RATES, num_devices=2, on_chunk=breaks)
    assert not [t for t in threading.enumerate() if t.name.startswith(NAME)]
    assert len(seen) == 5
    assert caught.value.__traceback__ is not None


def test_every_chunk_is_reported_with_its_lanes_and_epochs(blobs, monkeypatch):
    monkeypatch.setattr(layout, "_epochs_at_once", lambda epochs, size, seconds: 12)
    done = []
    history = train.sweep(setup, blobs, learning_rate=RATES[:2], on_chunk=done.append)
    assert sorted((d.lanes[0].number, d.first_epoch, d.num_epochs) for d in done) == [
        (lane, first, length) for lane in (0, 1) for first, length in ((0, 12), (12, 12), (24, 6))
    ]
    for d in done:
        own = history.train_loss[d.lanes[0].position][d.first_epoch :][: d.num_epochs]
        np.testing.assert_array_equal(d.history["train_loss"][0], own)


def test_saving_takes_its_share_of_the_time_at_most(blobs, tmp_path, monkeypatch):
    """With saves as slow as the clock says, those that are due are left for later, but the last."""
    saved = []

    def save(self, part):
        saved.append((part.epochs, len(part.lanes)))
        self.last_save_seconds = 1e6 * SHARE_OF_SAVING

    monkeypatch.setattr(Checkpoint, "save", save)
    monkeypatch.setattr(layout, "_epochs_at_once", lambda epochs, size, seconds: 12)
    train.sweep(setup, blobs, learning_rate=RATES[:2], num_devices=1, checkpoint_dir=tmp_path)
    assert saved == [(12, 1), (30, 2)]
