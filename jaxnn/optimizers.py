"""The slides' update rules as optax transformations; every other optimizer is optax's own."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxnn import checks
from jaxnn.checks import Number


def gradient_descent(learning_rate: Number) -> optax.GradientTransformation:
    """theta <- theta - eta grad J(theta)  [Cauchy 1847; chapter5 5.4, where eta is written h].

    Raises:
      TypeError: learning_rate is not a number (for a schedule take optax.sgd).
      ValueError: learning_rate is negative or not finite.
    """
    checks.nonnegative("learning_rate", learning_rate)

    def update(grads, state, params=None):
        del params
        return jax.tree.map(lambda g: -learning_rate * g, grads), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


class MomentumState(NamedTuple):
    velocity: Any  # v_t, of the structure of the params


def momentum(learning_rate: Number, decay: Number = 0.9) -> optax.GradientTransformation:
    """v_t = gamma v_(t-1) + eta grad J(theta), theta <- theta - v_t, with v_0 = 0.

    The form of ann_session (supplement 2) [Ruder 2016, eq. 5; Polyak 1964]. Here eta is inside the
    velocity, in `optax.sgd` outside; with a constant eta both give the same steps. A velocity
    under a constant gradient g tends to eta g / (1 - gamma).

    Args:
      learning_rate: eta >= 0.
      decay: gamma in [0, 1); 0 is plain gradient descent.

    Raises:
      TypeError: learning_rate or decay is not a number.
      ValueError: learning_rate is negative or not finite, or decay is outside [0, 1).
    """
    checks.nonnegative("learning_rate", learning_rate)
    checks.nonnegative("decay", decay)
    if not isinstance(decay, jax.core.Tracer) and decay >= 1:
        raise ValueError(f"decay must be in [0, 1), got {decay}")

    def init(params):
        return MomentumState(jax.tree.map(jnp.zeros_like, params))

    def update(grads, state, params=None):
        del params
        velocity = jax.tree.map(lambda v, g: decay * v + learning_rate * g, state.velocity, grads)
        return jax.tree.map(jnp.negative, velocity), MomentumState(velocity)

    return optax.GradientTransformation(init, update)


def descend(
    optimizer: optax.GradientTransformation, gradient: Callable, start: Any, num_steps: int
) -> Any:
    """The path theta_0, ..., theta_n of an optimizer over a cost without data.

    Args:
      optimizer: any optax transformation.
      gradient: theta -> grad J(theta).
      start: theta_0, an array or a tree of arrays.
      num_steps: n >= 1.

    Returns:
      A tree like start with a new first axis of length num_steps + 1.
    """
    checks.positive_int("num_steps", num_steps)

    def step(carry, _):
        theta, opt_state = carry
        updates, opt_state = optimizer.update(gradient(theta), opt_state, theta)
        theta = optax.apply_updates(theta, updates)
        return (theta, opt_state), theta

    _, path = jax.lax.scan(step, (start, optimizer.init(start)), length=num_steps)
    return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), start, path)
