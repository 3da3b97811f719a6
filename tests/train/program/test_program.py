import jax
import numpy as np
import pytest

from jaxnn import layers, losses, optimizers, train
from jaxnn.train.program import program


def setup(learning_rate=0.1, stops=False):
    rule = train.EarlyStopping(patience=2, monitor="train_loss")
    return train.Run(
        model=layers.serial(layers.dense(2), layers.batch_norm(), layers.dense(3)),
        loss=losses.softmax_cross_entropy, epochs=3, batch_size=10,
        optimizer=optimizers.momentum(learning_rate, 0.9), early_stopping=rule if stops else None,
    )  # fmt: skip


def inputs(seed):
    return program.LaneInputs({"learning_rate": np.float32(0.1)}, np.uint32(seed), 9, None, None)


@pytest.mark.parametrize("stops", [False, True])
def test_a_lane_starts_from_what_its_shapes_say(stops):
    carry = program.start_lane(setup, {"stops": stops}, (2,), inputs(3))
    shapes = program.carry_shapes(setup(stops=stops), (2,))
    assert jax.tree.structure(carry) == jax.tree.structure(shapes)
    for leaf, shape in zip(jax.tree.leaves(carry), jax.tree.leaves(shapes), strict=True):
        assert (leaf.shape, leaf.dtype) == (shape.shape, shape.dtype)
    assert (carry.bad.step, carry.sums.num_steps) == (-1, 0)
    assert (carry.watch is not None) == stops


def test_the_start_is_of_the_seed_alone_whatever_keys_the_user_has():
    start, _ = train.initial(setup(), 3, (2,))
    with jax.default_prng_impl("rbg"):
        again, _ = train.initial(setup(0.7), 3, (2,))
    jax.tree.map(np.testing.assert_array_equal, start, again)
    other, _ = train.initial(setup(), 4, (2,))
    assert (other[0]["kernel"] != start[0]["kernel"]).any()


def test_a_run_answers_with_its_last_params_or_with_the_best_that_it_watched_for():
    plain = program.start_lane(setup, {}, (2,), inputs(0))
    assert program.outcome(plain) == (plain.params, plain.state)
    watching = program.start_lane(setup, {"stops": True}, (2,), inputs(0))
    best = watching.watch._replace(params="best", state="its state")
    assert program.outcome(watching._replace(watch=best)) == ("best", "its state")


def test_the_training_examples_of_a_run_lie_in_memory_with_its_scale(blobs):
    arrays = program.arrays_of(blobs)
    assert arrays.train is blobs.train
    assert arrays.test is blobs.test
    assert (arrays.validation, arrays.scale, arrays.scale.dtype) == (None, 1.0, np.float32)
