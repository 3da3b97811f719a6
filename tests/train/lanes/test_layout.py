import jax
import numpy as np
import pytest

from jaxnn import layers, losses, optimizers, train
from jaxnn.train.lanes import layout
from jaxnn.train.program import evaluation, program

pytestmark = pytest.mark.usefixtures("no_type_checker")


def setup(learning_rate, width=4, epochs=20, batch_size=30, noise=0.0):
    return train.Run(
        model=layers.serial(
            layers.dense(width), layers.batch_norm(), layers.dropout(noise), layers.dense(3)
        ),
        loss=losses.softmax_cross_entropy, optimizer=optimizers.momentum(learning_rate, 0.9),
        epochs=epochs, batch_size=batch_size,
    )  # fmt: skip


def planned(blobs, num_lanes=8, shape=(3, 30), width=4, **options):
    run = setup(0.1, width).measured_on(blobs.train.labels.dtype)
    shapes = program.carry_shapes(run, blobs.train.inputs.shape[1:])
    return layout.layout(run, blobs, num_lanes, shape, shapes, **options)


def test_a_cpu_runs_one_lane_after_another_in_a_worker_for_each_core(blobs, monkeypatch):
    monkeypatch.setattr(layout, "num_cores", lambda: 4)
    plan = planned(blobs)
    assert (plan.how, plan.at_once, len(plan.devices)) == ("map", 4, 1)
    assert str(plan) == "map: 4 at once on 1 cpu device(s)"
    assert planned(blobs, num_devices=3).at_once == 3
    assert planned(blobs, num_lanes=1).at_once == 1
    assert planned(blobs, how="vmap", num_lanes=5).at_once == 8  # a power of two on each device
    assert planned(blobs, how="data").at_once == 1


def test_a_call_runs_a_tenth_of_the_epochs_but_no_fewer_than_are_worth_a_call(blobs, monkeypatch):
    assert planned(blobs).span == 20  # some 60 us each
    monkeypatch.setattr(layout, "MIN_CHUNK_SECONDS", 5 * 60e-6)
    assert planned(blobs).span == 5
    monkeypatch.setattr(layout, "MIN_CHUNK_SECONDS", 0)
    assert planned(blobs).span == 2


def test_lanes_that_run_together_take_the_time_of_all(blobs, monkeypatch):
    monkeypatch.setattr(layout, "MIN_CHUNK_SECONDS", 16 * 60e-6)
    assert planned(blobs).span == 16
    assert planned(blobs, how="vmap", num_lanes=8).span == 4  # four on each of two devices


@pytest.mark.parametrize(
    ("width", "saved", "seconds"), [(4, 0, 6e-5), (4, 10**6, 9e-3), (10**4, 0, 4.9e-4)]
)
def test_an_epoch_takes_longer_with_more_weights_and_with_more_to_save(
    blobs, width, saved, seconds
):
    run = setup(0.1, width)
    shapes = program.carry_shapes(run, blobs.train.inputs.shape[1:])
    need = planned(blobs).need._replace(saved=saved)
    assert layout.seconds_of_epoch(shapes, need, 90, 3) == pytest.approx(seconds, rel=0.1)


@pytest.mark.parametrize(
    ("backend", "saved", "expected"),
    [
        ("cpu", 4, 2**22), ("cpu", 2**20, 64), ("cpu", 2**23, 32),
        ("gpu", 2**20, 256), ("gpu", 2**30, 1),
    ],
)  # fmt: skip
def test_evaluation_stays_in_the_cache_of_a_cpu_and_in_the_memory(
    monkeypatch, backend, saved, expected
):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    assert evaluation.at_once(saved) == expected


@pytest.mark.quick
def test_what_a_lane_needs_is_counted_from_its_shapes(blobs):
    params = 2 * 4 + 4 + 2 * 4 + 4 * 3 + 3
    state = 2 * 4
    need = planned(blobs).need
    assert need.lane == 2 * 4 * (params + state + params + 5)  # with momentum, Bad and Sums
    assert need.order == 4 * 90
    assert need.data == blobs.train.inputs.nbytes + blobs.train.labels.nbytes + (
        blobs.test.inputs.nbytes + blobs.test.labels.nbytes + 4
    )


@pytest.mark.quick
def test_lanes_are_cut_into_chunks_that_fit(blobs, monkeypatch):
    roomy = planned(blobs, num_lanes=100)
    for room in (roomy.memory - 1, roomy.memory // 2 + 2000):
        monkeypatch.setattr(layout, "free_memory", lambda device, room=room: room)
        tight = planned(blobs, num_lanes=100)
        assert tight.memory <= room
        assert (tight.at_once, tight.span) < (roomy.at_once, roomy.span)
    result = train.sweep(setup, blobs, learning_rate=0.1, seed=range(7), epochs=2)
    assert np.isfinite(result.test_loss).all()


def test_a_run_that_does_not_fit_is_refused(blobs, monkeypatch):
    monkeypatch.setattr(layout, "free_memory", lambda device: 10**3)
    with pytest.raises(ValueError, match=r"one run needs about .* GB, but 0\.0 GB are free"):
        planned(blobs)


def test_the_free_memory_is_that_of_the_machine():
    free = layout.free_memory(jax.devices()[0])
    assert 10**8 < free < 10**14


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"num_devices": 3, "how": "data"},
            ValueError,
            r"num_devices=3, but there are 2 devices \(cpu\): .*CPU_DEVICES=3",
        ),
        ({"num_devices": 10**6}, ValueError, r"num_devices=1000000, but there are \d+ cores"),
        ({"num_devices": 0}, ValueError, "num_devices must be at least 1, got 0"),
        ({"how": "magic"}, ValueError, "lanes must be \"auto\", .* got 'magic'"),
    ],
)
def test_devices_that_are_not_there_are_refused(blobs, options, error, message):
    with pytest.raises(error, match=message):
        planned(blobs, **options)


def test_a_batch_spread_over_devices_gives_the_same_run(blobs):
    """Batch norm sees the whole batch, and dropout draws for the whole batch."""
    alone = train.fit(setup, blobs, learning_rate=0.1, noise=0.3, epochs=3)
    spread = train.fit(setup, blobs, learning_rate=0.1, noise=0.3, epochs=3, lanes="data")
    assert spread.history.attrs["lanes"] == "data: 1 at once on 2 cpu device(s)"
    for name in ("train_loss", "test_loss", "train_accuracy"):
        np.testing.assert_allclose(spread.history[name], alone.history[name], rtol=2e-5)
    with pytest.raises(ValueError, match="a batch of 15 cannot be spread evenly over 2 devices"):
        train.fit(setup, blobs, learning_rate=0.1, batch_size=15, lanes="data")
