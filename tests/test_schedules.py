import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import schedules

STEPS = np.arange(0, 25)
CASES = {
    "polynomial_schedule": [
        (1.0, 0.1, 2.0, 10.0, 3.0), (1.0, 0.1, 0.5, 10.0), (0.5, 2.0, 1.0, 0.0),
        (0.5, 2.0, 1.0, 8.0, -2.0),
    ],
    "linear_schedule": [(1.0, 0.1, 10.0), (0.0, 0.3, 5.0, 4.0)],
    "exponential_decay": [
        (1.0, 5.0, 0.5), (1.0, 5.0, 0.5, 3.0, True), (1.0, 5.0, 0.5, 0.0, False, 0.2),
        (1.0, 5.0, 1.5, 2.0, False, 2.0), (1.0, 0.0, 0.5), (1.0, 5.0, 0.0),
        (1.0, 5.0, 0.5, -2.0),
    ],
    "cosine_decay_schedule": [(1.0, 10.0), (0.5, 12.0, 0.1, 2.0)],
    "warmup_constant_schedule": [(0.1, 1.0, 6.0)],
    "warmup_cosine_decay_schedule": [
        (0.0, 1.0, 5.0, 15.0), (0.1, 0.7, 4.0, 20.0, 0.05, 1.5), (0.1, 0.0, 4.0, 20.0, 0.3),
    ],
    "warmup_exponential_decay_schedule": [
        (0.0, 1.0, 5.0, 4.0, 0.5), (0.0, 1.0, 5.0, 4.0, 0.5, 2.0, True, 0.1),
    ],
    "linear_onecycle_schedule": [(20.0, 1.0), (17.0, 2.0, 0.2, 0.6, 10.0, 50.0)],
    "cosine_onecycle_schedule": [(20.0, 1.0), (17.0, 2.0, 0.2, 10.0, 50.0)],
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_each_schedule_is_that_of_optax_also_where_every_number_is_traced(name):
    theirs, ours = getattr(optax.schedules, name), getattr(schedules, name)
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)

    def values(schedule, arguments):
        return jnp.stack([jnp.asarray(schedule(*arguments)(step), float) for step in STEPS])

    with jax.numpy_dtype_promotion("standard"):
        expected = [values(theirs, arguments) for arguments in CASES[name]]
    # staircase alone is structure
    split = [[None if isinstance(a, bool) else a for a in arguments] for arguments in CASES[name]]

    @jax.jit
    def traced(split):
        whole = [
            [was if isinstance(was, bool) else a for was, a in zip(given, numbers, strict=True)]
            for given, numbers in zip(CASES[name], split, strict=True)
        ]
        return [jax.vmap(ours(*arguments))(jnp.asarray(STEPS)) for arguments in whole]

    for found, wanted in zip(traced(split), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)


PIECES = {3: 0.5, 10: 0.2, 17: 3.0}


@pytest.mark.parametrize("kind", [None, "linear", "cosine"])
def test_pieces_are_those_of_optax(kind):
    def made(module, value, scales):
        pieces = dict(zip(PIECES, scales, strict=True))
        if kind is None:
            return module.piecewise_constant_schedule(value, pieces)
        return module.piecewise_interpolate_schedule(kind, value, pieces)

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        expected = [made(optax.schedules, 0.7, PIECES.values())(step) for step in STEPS]
    found = jax.jit(lambda value, scales: jax.vmap(made(schedules, value, scales))(STEPS))
    np.testing.assert_allclose(found(0.7, list(PIECES.values())), expected, rtol=1e-5)


def test_none_is_missing_but_those_that_take_swept_numbers_in_optax():
    theirs = {name for name in dir(optax.schedules) if name.endswith(("schedule", "decay"))}
    left = {"constant_schedule", "sgdr_schedule", "_schedule"}
    assert theirs - left == {
        *CASES,
        "piecewise_constant_schedule",
        "piecewise_interpolate_schedule",
    }


@pytest.mark.quick
def test_another_way_to_interpolate_is_refused():
    with pytest.raises(ValueError, match='must be "linear" or "cosine", got \'cubic\''):
        schedules.piecewise_interpolate_schedule("cubic", 0.1)
