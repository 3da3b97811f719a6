import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import layers, losses, schedules, train


@pytest.fixture(autouse=True)
def promotion_of_users():
    """That of optax is not strict."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def setup_of(optimizer):
    def setup(rate, end=0.5):
        return train.Run(
            model=layers.dense(3), loss=losses.softmax_cross_entropy,
            optimizer=optimizer(rate, end), epochs=2, batch_size=30,
        )  # fmt: skip

    return setup


def warm(made_by):
    return lambda rate, end: optax.sgd(
        made_by.warmup_cosine_decay_schedule(0.0, rate, 2, 6, end_value=end / 10)
    )


def test_optaxs_own_schedules_are_swept_a_program_for_each_value(blobs):
    optaxs = train.sweep(setup_of(warm(optax)), blobs, rate=[0.1, 0.9], end=[0.1, 0.5])
    ours = train.sweep(setup_of(warm(schedules)), blobs, rate=[0.1, 0.9], end=[0.1, 0.5])
    # of the peak optax asks, of the end it does not
    assert (optaxs.attrs["programs"], ours.attrs["programs"]) == (2, 1)
    np.testing.assert_allclose(optaxs.train_loss, ours.train_loss, rtol=1e-5)
    assert len(np.unique(np.round(ours.train_loss[..., -1], 6))) == 4


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda rate, end: optax.sgd(rate if end > 0.2 else 0.1),
        lambda rate, end: optax.sgd(lambda step: rate / (step + 1) if end else rate),
        lambda rate, end: optax.sgd(rate * np.sqrt(end)),
        lambda rate, end: optax.sgd(rate * float(jnp.sin(end))),
    ],
)
def test_a_swept_number_that_python_decides_by_is_named(blobs, optimizer):
    with pytest.raises(
        TypeError, match=r"setup needs the value of end in Python, in <lambda>, line"
    ):
        train.fit(setup_of(optimizer), blobs, rate=0.5, end=0.5)


@pytest.mark.quick
@pytest.mark.usefixtures("no_type_checker")
def test_the_line_that_asks_is_shown_wherever_it_is(blobs):
    def late(rate, end):
        def update(updates, state, params=None):
            if rate > 0.1:
                return updates, state
            return updates, state

        return optax.GradientTransformation(lambda params: (), update)

    with pytest.raises(
        TypeError, match=r"the value of a traced number .rate. .* line \d+: if rate > 0\.1:"
    ):
        train.sweep(setup_of(late), blobs, rate=[0.5, 0.1])
