"""Wrong update rules: every one leaves the path of the right one."""

import functools

import jax
import jax.numpy as jnp
import optax
import pytest

from jaxnn import optimizers
from tests.test_optimizers import assert_same_path


def with_velocity(rule):
    """An optimizer of one velocity, from rule(v, g) -> (step, v)."""

    def update(grads, state, params=None):
        both = jax.tree.map(rule, state, grads)
        return tuple(
            jax.tree.map(lambda pair, i=i: pair[i], both, is_leaf=lambda x: isinstance(x, tuple))
            for i in (0, 1)
        )

    return optax.GradientTransformation(functools.partial(jax.tree.map, jnp.zeros_like), update)


def new(v, g):
    return 0.9 * v + 0.1 * g


RIGHT = {
    "momentum": optax.sgd(0.1, momentum=0.9),
    "nesterov": optax.sgd(0.1, momentum=0.9, nesterov=True),
    "adagrad": optax.adagrad(0.1, initial_accumulator_value=0.0, eps=0.0),
    "rmsprop": optax.rmsprop(0.1, eps_in_sqrt=False),
    "adam": optax.adam(0.1),
}
WRONG_RULES = {
    "momentum sign": ("momentum", with_velocity(lambda v, g: (-0.1 * g + 0.9 * v, new(v, g)))),
    "uphill": ("momentum", with_velocity(lambda v, g: (new(v, g), new(v, g)))),
    "velocity of the step before": ("momentum", with_velocity(lambda v, g: (-v, new(v, g)))),
    "mean of the gradients": (
        "momentum",
        with_velocity(lambda v, g: (-0.9 * v - 0.01 * g, 0.9 * v + 0.01 * g)),
    ),
    "look-ahead sign": (
        "nesterov",
        with_velocity(lambda v, g: (0.9 * new(v, g) - 0.1 * g, new(v, g))),
    ),
    "no look-ahead": ("nesterov", optimizers.momentum(0.1)),
    "look-ahead by the old velocity": (
        "nesterov",
        with_velocity(lambda v, g: (-0.9 * v - 0.1 * g - 0.1 * g, new(v, g))),
    ),
    "squares forgotten": ("adagrad", optimizers.rmsprop(0.1, 0.0)),
    "other start of the sum": ("adagrad", optimizers.adagrad(0.1, initial_accumulator=0.1)),
    "eps inside the root": ("rmsprop", optax.rmsprop(0.1, eps=1e-8, eps_in_sqrt=True)),
    "sum for the mean": (
        "rmsprop",
        with_velocity(lambda s, g: (-0.1 * g / jnp.sqrt(0.9 * s + g * g), 0.9 * s + g * g)),
    ),
    "zeros not undone": ("adam", optax.chain(optax.ema(0.9, debias=False), optax.scale(-0.1))),
    "b1 and b2 exchanged": ("adam", optimizers.adam(0.1, 0.999, 0.9)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_update_rule_stays_on_the_path(name):
    settings = {"eps": 0.0} if name == "adagrad" else {}
    assert_same_path(getattr(optimizers, name)(0.1, **settings), RIGHT[name])


@pytest.mark.parametrize("mistake", WRONG_RULES)
def test_wrong_update_rule_leaves_the_path(mistake):
    name, wrong = WRONG_RULES[mistake]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_same_path(wrong, RIGHT[name])
