import numpy as np
import pytest

from jaxnn import layers, losses, optimizers, train
from jaxnn.train.lanes.groups import grouped
from jaxnn.train.lanes.history import History
from jaxnn.train.lanes.lanes import Progress, _Drawn
from jaxnn.train.setup.axes import Grid


def setup(learning_rate=0.1, width=2, batch_size=10, epochs=3):
    return train.Run(
        model=layers.serial(layers.dense(width), layers.dense(3)), epochs=epochs,
        loss=losses.softmax_cross_entropy, batch_size=batch_size or None,
        optimizer=optimizers.gradient_descent(learning_rate),
    )  # fmt: skip


def groups_of(dataset, **hyperparameters):
    grid = Grid(setup, hyperparameters)
    return grid, grouped(setup, dataset, grid)


def test_lanes_of_one_structure_are_a_group(blobs):
    _, groups = groups_of(blobs, learning_rate=[0.1, 0.2], width=[2, 4], seed=range(2))
    assert [len(group.lanes) for group in groups] == [4, 4]
    assert [group.lanes[0].static for group in groups] == [(("width", 2),), (("width", 4),)]
    assert [g.shapes.params[0]["kernel"].shape for g in groups] == [(2, 2), (2, 4)]
    assert [group.order_shape() for group in groups] == [(9, 10), (9, 10)]


def test_full_batches_are_grouped_by_the_size_of_the_training_set(blobs):
    _, groups = groups_of(blobs, batch_size=0, train_size=[20, 40], seed=range(2))
    assert [group.order_shape() for group in groups] == [(1, 20), (1, 40)]
    _, (whole,) = groups_of(blobs, batch_size=0)
    assert whole.order_shape() == (1, 0)
    _, (mixed,) = groups_of(blobs, train_size=[20, 40])
    assert [mixed.num_batches(size) for size in (20, 40, None)] == [2, 4, 9]


def test_a_training_set_that_fills_no_batch_is_refused(blobs):
    with pytest.raises(ValueError, match="has 7 examples, not enough for one batch of 10"):
        groups_of(blobs, train_size=[20, 7])


def test_orders_are_those_of_numpy_and_lanes_of_one_seed_share_them(blobs):
    _, (group,) = groups_of(blobs, learning_rate=[0.1, 0.2], seed=[4, 5])
    drawn = _Drawn(group).orders(group.lanes, 3, range(1, 3))
    assert drawn.shape == (4, 3, 9, 10)
    for lane, order in zip(group.lanes, drawn, strict=True):
        for row, epoch in enumerate((1, 2)):
            rng = np.random.default_rng((lane.settings.seed, epoch))
            np.testing.assert_array_equal(order[row].ravel(), rng.permutation(90))
        assert not order[2].any()  # of an epoch that is not run


def test_orders_of_a_part_are_rows_of_that_part(blobs):
    _, (group,) = groups_of(blobs, train_size=[20, 40])
    drawn = _Drawn(group).orders(group.lanes, 1, range(1))
    for lane, order, size in zip(group.lanes, drawn, (20, 40), strict=True):
        rows = order[0, : size // 10].ravel()
        np.testing.assert_array_equal(np.sort(rows), np.sort(group.rows[lane.number].train))


def test_a_history_is_filled_as_its_parts_come(blobs):
    grid, groups = groups_of(blobs, width=[2, 4], epochs=[2, 3], seed=range(2))
    history, lane = History(grid, groups), groups[1].lanes[1]
    history.record(Progress([lane], 0, {"test_loss": np.array([[1.0, 2.0]])}, None))
    history.record(Progress([lane], 2, {"test_loss": np.array([[3.0]])}, None))
    np.testing.assert_array_equal(history.rows([lane], 2)["test_loss"], [[1.0, 2.0]])
    result = history.dataset(note="a run")
    assert result.attrs["note"] == "a run"
    assert result.test_loss.dims == ("width", "epochs", "seed", "epoch")
    own = result.test_loss[lane.position]
    np.testing.assert_array_equal(own, [1.0, 2.0, 3.0])
    assert np.isfinite(result.test_loss).sum() == 3
    assert result.epoch.attrs == {"units": "epochs"}
    assert (result.first_bad_step == -1).all()
    assert "last_epoch" not in result
