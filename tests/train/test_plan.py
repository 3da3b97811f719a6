import numpy as np
import pytest

from jaxnn import layers, losses, optimizers, train

BATCH = 30


def setup(learning_rate, width=4, conv=False, epochs=5):
    if conv:
        network = [layers.reshape((2, 1, 1)), layers.conv2d(width, (2, 1)), layers.flatten]
    else:
        network = [layers.dense(width), layers.tanh]
    return train.Run(
        model=layers.serial(*network, layers.dense(3)), loss=losses.softmax_cross_entropy,
        optimizer=optimizers.gradient_descent(learning_rate), epochs=epochs, batch_size=BATCH,
    )  # fmt: skip


@pytest.mark.quick
def test_a_plan_counts_programs_lanes_and_work(blobs):
    plan = train.plan(setup, blobs, learning_rate=[0.1, 1.0], width=[4, 8], seed=range(3))
    assert plan.num_lanes == 12
    assert [program.structure for program in plan.programs] == [{"width": 4}, {"width": 8}]
    assert [program.num_lanes for program in plan.programs] == [6, 6]
    assert [program.updates for program in plan.programs] == [15, 15]
    # forward, and backward to the kernels and between the layers; none to the input
    small, large = (program.flops / 6 / 15 for program in plan.programs)
    assert small == 2 * BATCH * (2 * 2 * 4 + 3 * 4 * 3)
    assert large == 2 * BATCH * (2 * 2 * 8 + 3 * 8 * 3)
    assert plan.flops == 90 * (small + large)
    assert 0 < plan.memory_bytes < plan.programs[0].layout.limit
    assert plan.least_seconds == plan.flops / plan.flops_per_second


def test_a_convolution_is_work_too(blobs):
    plan = train.plan(setup, blobs, learning_rate=0.1, conv=True)
    dense = 3 * 2 * (2 * 4) * 3
    assert plan.flops / 15 > 2 * BATCH * dense / 2 + 2 * BATCH * 2 * 2 * 4


def test_a_plan_compiles_none_of_the_sweep_and_reads_well(blobs, capsys):
    text = str(train.plan(setup, blobs, learning_rate=[0.1, 1.0], width=[4, 8], seed=range(3)))
    assert text.startswith("setup: 12 run(s), 2 program(s)\nmemory: about ")
    assert "- conv=" not in text
    assert "- width=8: 6 run(s) of 15 updates; map: " in text


@pytest.mark.parametrize("lanes", ["map", "vmap", "data"])
def test_a_plan_is_of_the_devices_and_the_lanes_that_are_asked_for(blobs, lanes):
    ask = {"lanes": lanes, "learning_rate": [0.1, 1.0], "seed": range(2)}
    one, two = (train.plan(setup, blobs, num_devices=n, **ask).programs[0].layout for n in (1, 2))
    assert (one.how, two.how) == (lanes, lanes)
    if lanes == "map":  # workers, which share a device
        assert (one.at_once, two.at_once) == (1, 2)
    else:
        assert (len(one.devices), len(two.devices)) == (1, 2)
    with pytest.raises(ValueError, match="num_devices=1000, but there are"):
        train.plan(setup, blobs, num_devices=1000, **ask)


@pytest.mark.usefixtures("no_type_checker")
def test_what_a_sweep_refuses_a_plan_refuses(blobs):
    with pytest.raises(ValueError, match="the axis learning_rate is empty"):
        train.plan(setup, blobs, learning_rate=np.array([]))
