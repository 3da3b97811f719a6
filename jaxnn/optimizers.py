"""The update rules of the slides and of the papers, as optax transformations; the rest is optax.

eta is the learning rate, g = grad J(theta) the gradient, and products, squares and roots of trees
are elementwise. Rates and decays may be traced values. A learning rate may also be a schedule, as
optax has them: a function of the number of updates made before, 0 at the first. Each rule raises a
TypeError for a setting that is not a number and a ValueError for one outside its range: rates and
eps are finite and at least 0, decays are in [0, 1).

Params and gradients of less than 32 bits are no reason to compute with fewer: what a rule remembers
is of float32 then, and the update is rounded to the gradient's dtype at its end. (In bfloat16,
Adam's b2 of 0.999 is 1, and a sum of squares soon grows no more.)
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxnn import checks
from jaxnn.checks import Number
from jaxnn.widening import at_least_float32

if TYPE_CHECKING:
    import optax

Rate = Number | Callable[[jax.Array], Any]  # a number, or a schedule


class ScheduledState(NamedTuple):
    step: jax.Array  # the number of updates made, of int32
    rule: Any  # the state of the rule


def _scheduled(rule: Callable) -> Callable:
    """Lets the learning rate of a rule be a schedule, which gives the rate of each update."""

    @functools.wraps(rule)
    def make(learning_rate, *args, **settings):
        if not callable(learning_rate):
            return rule(learning_rate, *args, **settings)
        plain = rule(0.0, *args, **settings)

        def init(params):
            return ScheduledState(jnp.zeros((), jnp.int32), plain.init(params))

        def update(grads, state, params=None):
            now = rule(learning_rate(state.step), *args, **settings)
            updates, rule_state = now.update(grads, state.rule, params)
            return updates, ScheduledState(state.step + 1, rule_state)

        return _transformation(init, update)

    return make


@_scheduled
def gradient_descent(learning_rate: Rate) -> "optax.GradientTransformation":
    """theta <- theta - eta grad J(theta)  [Cauchy 1847; chapter5 5.4, where eta is written h].

    Raises:
      TypeError: learning_rate is neither a number nor a schedule.
      ValueError: learning_rate is negative or not finite.
    """
    checks.nonnegative("learning_rate", learning_rate)

    def update(grads, state, params=None):
        del params
        return jax.tree.map(lambda g: -_rate(learning_rate, g) * g, grads), state

    return _in_float32(lambda params: (), update)


class MomentumState(NamedTuple):
    velocity: Any  # v_t, of the structure of the params


@_scheduled
def momentum(learning_rate: Rate, decay: Number = 0.9) -> "optax.GradientTransformation":
    """v_t = gamma v_(t-1) + eta grad J(theta), theta <- theta - v_t, with v_0 = 0.

    The form of ann_session (supplement 2) [Ruder 2016, eq. 5; Polyak 1964]. Here eta is inside the
    velocity, in `optax.sgd` outside; with a constant eta both give the same steps, under a schedule
    each g keeps the eta of its own step here. A velocity under a constant gradient g tends to
    eta g / (1 - gamma).

    Args:
      learning_rate: eta >= 0, or a schedule of it.
      decay: gamma in [0, 1); 0 is plain gradient descent.

    Raises:
      TypeError: learning_rate is neither a number nor a schedule, or decay is not a number.
      ValueError: learning_rate is negative or not finite, or decay is outside [0, 1).
    """
    checks.nonnegative("learning_rate", learning_rate)
    _check_decay("decay", decay)

    def init(params):
        return MomentumState(jax.tree.map(jnp.zeros_like, params))

    def update(grads, state, params=None):
        del params
        velocity = jax.tree.map(
            lambda v, g: decay * v + _rate(learning_rate, g) * g, state.velocity, grads
        )
        return jax.tree.map(jnp.negative, velocity), MomentumState(velocity)

    return _in_float32(init, update)


@_scheduled
def nesterov(learning_rate: Rate, decay: Number = 0.9) -> "optax.GradientTransformation":
    """v_t = gamma v_(t-1) + eta grad J(theta - gamma v_(t-1)), theta <- theta - v_t, v_0 = 0.

    Momentum that looks ahead: the gradient is taken where the velocity will have led [Nesterov
    1983; Sutskever et al. 2013, eq. 3 and 4; Ruder 2016, section 4.2]. An optimizer is given the
    gradient at its params, so these are the place ahead, phi_t = theta_t - gamma v_t, and with
    g = grad J(phi_(t-1)) the rule reads

        v_t = gamma v_(t-1) + eta g        phi_t = phi_(t-1) - gamma v_t - eta g,

    since phi_t - phi_(t-1) = -v_t - gamma v_t + gamma v_(t-1). The path begins at phi_0 = theta_0,
    and theta_t = phi_t + gamma v_t. With a constant eta the steps are those of
    `optax.sgd(eta, gamma, nesterov=True)`.

    Args:
      learning_rate: eta >= 0, or a schedule of it.
      decay: gamma in [0, 1); 0 is plain gradient descent.
    """
    plain = momentum(learning_rate, decay)

    def update(grads, state, params=None):
        _, state = plain.update(grads, state, params)
        updates = jax.tree.map(
            lambda v, g: -decay * v - _rate(learning_rate, g) * g, state.velocity, grads
        )
        return updates, state

    return _in_float32(plain.init, update)


class AdaGradState(NamedTuple):
    sum_of_squares: Any  # s_t


@_scheduled
def adagrad(
    learning_rate: Rate, *, initial_accumulator: Number = 0.0, eps: Number = 1e-8
) -> "optax.GradientTransformation":
    """s_t = s_(t-1) + g^2, theta <- theta - eta g / (sqrt(s_t) + eps).

    [Duchi et al. 2011, Figure 1, with diagonal matrices], where s_0 = 0 and eps, their delta, is
    outside the root. `optax.adagrad` has s_0 = 0.1 and eps inside the root; with the same s_0 and
    eps = 0 in both, the steps are the same. An element without any gradient so far stays.

    Args:
      learning_rate: eta >= 0, or a schedule of it.
      initial_accumulator: s_0 >= 0.
      eps: at least 0.
    """
    checks.nonnegative("learning_rate", learning_rate)
    checks.nonnegative("initial_accumulator", initial_accumulator)
    checks.nonnegative("eps", eps)

    def init(params):
        return AdaGradState(
            jax.tree.map(lambda leaf: jnp.full_like(leaf, initial_accumulator), params)
        )

    def update(grads, state, params=None):
        del params
        total = jax.tree.map(lambda s, g: s + g * g, state.sum_of_squares, grads)
        return _scaled(learning_rate, grads, total, eps), AdaGradState(total)

    return _in_float32(init, update)


class RMSPropState(NamedTuple):
    mean_square: Any  # s_t


@_scheduled
def rmsprop(
    learning_rate: Rate, decay: Number = 0.9, *, eps: Number = 1e-8
) -> "optax.GradientTransformation":
    """s_t = rho s_(t-1) + (1 - rho) g^2, theta <- theta - eta g / (sqrt(s_t) + eps), s_0 = 0.

    AdaGrad that forgets [Hinton 2012, lecture 6e, with rho = 0.9 and no eps]. Here eps is outside
    the root, as in `optax.rmsprop(eps_in_sqrt=False)` and PyTorch; optax's default is inside.

    Args:
      learning_rate: eta >= 0, or a schedule of it.
      decay: rho in [0, 1); 0 is a step of eta in the direction of the sign of g.
      eps: at least 0.
    """
    checks.nonnegative("learning_rate", learning_rate)
    _check_decay("decay", decay)
    checks.nonnegative("eps", eps)

    def init(params):
        return RMSPropState(jax.tree.map(jnp.zeros_like, params))

    def update(grads, state, params=None):
        del params
        mean = _mean(decay, state.mean_square, jax.tree.map(jnp.square, grads))
        return _scaled(learning_rate, grads, mean, eps), RMSPropState(mean)

    return _in_float32(init, update)


class AdamState(NamedTuple):
    step: jax.Array  # t, of int32
    mean: Any  # m_t
    mean_square: Any  # s_t


@_scheduled
def adam(
    learning_rate: Rate, b1: Number = 0.9, b2: Number = 0.999, *, eps: Number = 1e-8
) -> "optax.GradientTransformation":
    """RMSProp with momentum, and both means freed of the zeros from which they start.

        m_t = b1 m_(t-1) + (1 - b1) g          m^ = m_t / (1 - b1^t)
        s_t = b2 s_(t-1) + (1 - b2) g^2        s^ = s_t / (1 - b2^t)
        theta <- theta - eta m^ / (sqrt(s^) + eps)

    [Kingma and Ba 2015, Algorithm 1], as `optax.adam`. A constant gradient g gives m^ = g and
    s^ = g^2 at every t: the weights b1^(t-i) (1 - b1) of t gradients add up to 1 - b1^t.

    Args:
      learning_rate: eta >= 0, or a schedule of it; 0.001 in the paper.
      b1: in [0, 1), the decay of the mean gradient.
      b2: in [0, 1), the decay of the mean square.
      eps: at least 0.
    """
    checks.nonnegative("learning_rate", learning_rate)
    _check_decay("b1", b1)
    _check_decay("b2", b2)
    checks.nonnegative("eps", eps)

    def init(params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return AdamState(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(grads, state, params=None):
        del params
        step = state.step + 1
        mean = _mean(b1, state.mean, grads)
        square = _mean(b2, state.mean_square, jax.tree.map(jnp.square, grads))
        updates = _scaled(learning_rate, _freed(mean, b1, step), _freed(square, b2, step), eps)
        return updates, AdamState(step, mean, square)

    return _in_float32(init, update)


def _mean(decay, means, values):
    return jax.tree.map(lambda m, x: decay * m + (1 - decay) * x, means, values)


def _freed(means, decay, step):
    return jax.tree.map(lambda m: m / (1 - decay ** step.astype(m.dtype)), means)


def _scaled(rate, values, squares, eps):
    """-rate x / (sqrt(s) + eps), and 0 where that is x / 0: s = 0 only where all x were 0."""

    def scale(x, s):
        root = jnp.sqrt(s) + eps
        return jnp.where(root > 0, -_rate(rate, x) * x / jnp.where(root > 0, root, 1), 0)

    return jax.tree.map(scale, values, squares)


def _in_float32(init: Callable, update: Callable) -> Any:
    """The rule, computed in float32 at least; its updates have the dtypes of the gradients."""

    def wide_update(grads, state, params=None):
        updates, state = update(at_least_float32(grads), state, params)
        return jax.tree.map(lambda u, g: u.astype(g.dtype), updates, grads), state

    return _transformation(lambda params: init(at_least_float32(params)), wide_update)


def _transformation(init: Callable, update: Callable) -> Any:
    import optax  # takes 0.1 s, which `import jaxnn` need not wait for

    return optax.GradientTransformation(init, update)


def _rate(learning_rate: Number, like: jax.Array) -> jax.Array:
    return jnp.asarray(learning_rate, like.dtype)  # that of a schedule is of float32


def _check_decay(name: str, decay: Number) -> None:
    checks.nonnegative(name, decay)
    if not isinstance(decay, jax.core.Tracer) and decay >= 1:
        raise ValueError(f"{name} must be in [0, 1), got {decay}")


def descend(
    optimizer: "optax.GradientTransformation", gradient: Callable, start: Any, num_steps: int
) -> Any:
    """The path theta_0, ..., theta_n of an optimizer over a cost without data.

    Args:
      optimizer: any optax transformation.
      gradient: theta -> grad J(theta).
      start: theta_0, an array or a tree of arrays.
      num_steps: n >= 1.

    Returns:
      A tree like start with a new first axis of length num_steps + 1.

    Raises:
      TypeError, ValueError: num_steps is not an int of at least 1.
    """
    import optax

    checks.positive_int("num_steps", num_steps)

    def step(carry, _):
        theta, opt_state = carry
        updates, opt_state = optimizer.update(gradient(theta), opt_state, theta)
        theta = optax.apply_updates(theta, updates)
        return (theta, opt_state), theta

    _, path = jax.lax.scan(step, (start, optimizer.init(start)), length=num_steps)
    return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), start, path)
