"""Learning rates by the number of updates, as optax has them, of numbers that may be swept.

Those of optax ask some of their numbers in Python whether they are 0, or above it; a swept number
has no answer there. These have optax's names, arguments and values, and ask nothing: every number
may be traced, the lengths too. t is the number of updates made before, 0 at the first.

What optax has and is not here takes swept numbers itself: `constant_schedule`, and
`join_schedules` of these.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

Number = Any  # a float, a scalar array or a traced value
Schedule = Callable[[Any], jax.Array]


def polynomial_schedule(
    init_value: Number,
    end_value: Number,
    power: Number,
    transition_steps: Number,
    transition_begin: Number = 0,
) -> Schedule:
    """I until B, then (I - E) (1 - (t - B) / T)^p + E, and E from B + T on; I where T <= 0."""

    def schedule(step):
        done = _share(step, transition_begin, transition_steps)
        found = (init_value - end_value) * (1 - done) ** power + end_value
        return jnp.where(jnp.asarray(transition_steps) > 0, found, init_value)

    return schedule


def linear_schedule(
    init_value: Number, end_value: Number, transition_steps: Number, transition_begin: Number = 0
) -> Schedule:
    """From I to E in T equal steps, after B: the polynomial of power 1."""
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


def exponential_decay(
    init_value: Number,
    transition_steps: Number,
    decay_rate: Number,
    transition_begin: Number = 0,
    staircase: bool = False,
    end_value: Number | None = None,
) -> Schedule:
    """I r^((t - B) / T) from B on, in whole steps of T for a staircase; I where T or r is 0.

    With an end value E not below it, or, where r >= 1, not above.
    """

    def schedule(step):
        begin = jnp.maximum(transition_begin, 0)
        steps, rate = _float(transition_steps), _float(decay_rate)
        is_constant = (steps <= 0) | (rate == 0)
        waited = (_float(step) - begin) / jnp.where(steps > 0, steps, 1)
        waited = jnp.floor(waited) if staircase else waited
        decayed = init_value * jnp.where(is_constant, 1, rate) ** waited
        decayed = jnp.where(_float(step) <= begin, init_value, decayed)
        if end_value is not None:
            least, most = jnp.maximum(decayed, end_value), jnp.minimum(decayed, end_value)
            decayed = jnp.where(rate < 1, least, most)
        return jnp.where(is_constant, init_value, decayed)

    return schedule


def cosine_decay_schedule(
    init_value: Number, decay_steps: Number, alpha: Number = 0.0, exponent: Number = 1.0
) -> Schedule:
    """I ((1 - a) ((1 + cos(pi t / T)) / 2)^p + a), and I a from T on.

    [Loshchilov and Hutter 2017, eq. 5.]
    """

    def schedule(step):
        swing = (1 + jnp.cos(jnp.pi * _share(step, 0, decay_steps))) / 2
        return init_value * ((1 - alpha) * swing**exponent + alpha)

    return schedule


def warmup_constant_schedule(
    init_value: Number, peak_value: Number, warmup_steps: Number
) -> Schedule:
    """From I to the peak in equal steps [Goyal et al. 2017, section 2.2], and there it stays."""
    return linear_schedule(init_value, peak_value, warmup_steps)


def warmup_cosine_decay_schedule(
    init_value: Number,
    peak_value: Number,
    warmup_steps: Number,
    decay_steps: Number,
    end_value: Number = 0.0,
    exponent: Number = 1.0,
) -> Schedule:
    """From I to the peak in equal steps, then by a cosine to E, in `decay_steps` steps in all."""
    peak = _float(peak_value)
    alpha = jnp.where(peak == 0, 0, end_value / jnp.where(peak == 0, 1, peak))
    decay = cosine_decay_schedule(peak_value, decay_steps - warmup_steps, alpha, exponent)
    return _after(linear_schedule(init_value, peak_value, warmup_steps), decay, warmup_steps)


def warmup_exponential_decay_schedule(
    init_value: Number,
    peak_value: Number,
    warmup_steps: Number,
    transition_steps: Number,
    decay_rate: Number,
    transition_begin: Number = 0,
    staircase: bool = False,
    end_value: Number | None = None,
) -> Schedule:
    """From I to the peak in equal steps, then `exponential_decay` of it."""
    decay = exponential_decay(
        peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value
    )
    return _after(linear_schedule(init_value, peak_value, warmup_steps), decay, warmup_steps)


def piecewise_constant_schedule(
    init_value: Number, boundaries_and_scales: Mapping[Number, Number] | None = None
) -> Schedule:
    """I times the scales of all boundaries that t has reached: t >= b."""

    def schedule(step):
        value = _float(init_value)
        for boundary, scale in (boundaries_and_scales or {}).items():
            value = value * jnp.where(_float(step) >= boundary, scale, 1)
        return value

    return schedule


def piecewise_interpolate_schedule(
    interpolate_type: str,
    init_value: Number,
    boundaries_and_scales: Mapping[int, Number] | None = None,
) -> Schedule:
    """From I to I s_1 at b_1, to I s_1 s_2 at b_2, ..., by straight lines or half cosines.

    Raises:
      ValueError: the type is neither "linear" nor "cosine".
    """
    if interpolate_type not in ("linear", "cosine"):
        raise ValueError(f'interpolate_type must be "linear" or "cosine", got {interpolate_type!r}')
    pieces = sorted((boundaries_and_scales or {}).items())
    return _pieces(interpolate_type, init_value, pieces)


def linear_onecycle_schedule(
    transition_steps: Number,
    peak_value: Number,
    pct_start: Number = 0.3,
    pct_final: Number = 0.85,
    div_factor: Number = 25.0,
    final_div_factor: Number = 1e4,
) -> Schedule:
    """Up to the peak and down again in equal steps, then further down  [Smith and Topin 2019].

    From the peak / div_factor; to its final_div_factor-th part in what is left after pct_final.
    """
    pieces = [
        (jnp.floor(_float(pct_start) * transition_steps), div_factor),
        (jnp.floor(_float(pct_final) * transition_steps), 1 / _float(div_factor)),
        (transition_steps, 1 / _float(final_div_factor)),
    ]
    return _pieces("linear", peak_value / div_factor, pieces)


def cosine_onecycle_schedule(
    transition_steps: Number,
    peak_value: Number,
    pct_start: Number = 0.3,
    div_factor: Number = 25.0,
    final_div_factor: Number = 1e4,
) -> Schedule:
    """Up to the peak and down by half cosines  [Smith and Topin 2019]."""
    pieces = [
        (jnp.floor(_float(pct_start) * transition_steps), div_factor),
        (jnp.floor(_float(transition_steps)), 1 / _float(div_factor * final_div_factor)),
    ]
    return _pieces("cosine", peak_value / div_factor, pieces)


def _pieces(kind: str, init_value: Number, pieces: list) -> Schedule:
    def schedule(step):
        step, start, value = _float(step), _float(0), _float(init_value)
        found = value
        for boundary, scale in pieces:
            done = _share(step, start, boundary - start)
            share = (1 - jnp.cos(jnp.pi * done)) / 2 if kind == "cosine" else done
            found = jnp.where(step >= start, value + (scale - 1) * value * share, found)
            start, value = _float(boundary), value * scale
        return jnp.where(step >= start, value, found)

    return schedule


def _after(first: Schedule, second: Schedule, boundary: Number) -> Schedule:
    def schedule(step):
        step = _float(step)
        return jnp.where(step < boundary, first(step), second(step - boundary))

    return schedule


def _share(step: Any, begin: Number, steps: Number) -> jax.Array:
    """How much of the way from `begin` over so many steps lies behind, from 0 to 1."""
    steps = _float(steps)
    waited = _float(step) - jnp.maximum(begin, 0)
    return jnp.clip(waited / jnp.where(steps > 0, steps, 1), 0, 1)


def _float(number: Number) -> jax.Array:
    return jnp.asarray(number, jnp.result_type(float))
