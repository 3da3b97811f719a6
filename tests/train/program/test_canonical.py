import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn.train.program.canonical import digest_of, form_of

X = np.ones(3, np.float32)
FACTOR = 1.0


def traced(function, *args):
    return jax.make_jaxpr(lambda *args: function(*args))(*(args or (X,)))


@jax.custom_vjp
def ruled(x):
    return FACTOR * x


ruled.defvjp(lambda x: (FACTOR * x, None), lambda _, dy: (FACTOR * dy,))


@jax.custom_jvp
def pushed(x):
    return FACTOR * x


pushed.defjvp(lambda x, dx: (FACTOR * x[0], FACTOR * dx[0]))


def in_branches(x):
    return jax.lax.cond(x.sum() > 0, lambda x: FACTOR * x, lambda x: x, x)


def on_rows(function):
    return lambda x: jax.lax.scan(lambda c, row: (c, function(row)), 0.0, x[None])[1]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: FACTOR * x, ruled, jax.grad(lambda x: ruled(x).sum()), pushed, in_branches,
        jax.grad(lambda x: pushed(x).sum()), on_rows(lambda x: FACTOR * x), on_rows(ruled),
        lambda x: jax.jit(lambda x: FACTOR * x)(x),
        lambda x: jax.checkpoint(lambda x: FACTOR * x)(x),
        lambda x: jax.lax.while_loop(lambda x: x.sum() < FACTOR, lambda x: x + x, x),
        lambda x: jax.lax.reduce(x, 0.0, lambda a, b: FACTOR * a + b, (0,)),
        jax.vmap(lambda x: FACTOR * x),
    ],
)  # fmt: skip
def test_a_number_read_from_outside_counts_wherever_it_is(function, monkeypatch):
    before, again = traced(function), traced(function)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    after = traced(function)
    assert form_of(before) == form_of(again)
    assert digest_of(before) == digest_of(again)
    assert form_of(before) != form_of(after)
    assert digest_of(before) != digest_of(after)


PAIRS = {
    "order": (lambda x, y: x - y, lambda x, y: y - x),
    "what is returned": (lambda x, y: (x, y), lambda x, y: (x, x)),
    "operation": (lambda x, y: x + y, lambda x, y: x * y),
    "setting": (lambda x, y: x.sum(), lambda x, y: x.sum(keepdims=True)),
    "precision": (
        lambda x, y: jnp.dot(x, y), lambda x, y: jnp.dot(x, y, precision="highest")
    ),
    "kind": (lambda x, y: x.astype(jnp.bfloat16), lambda x, y: x.astype(jnp.float16)),
    "sign of zero": (lambda x, y: x * 0.0, lambda x, y: x * -0.0),
    "shape": (lambda x, y: jnp.zeros(3), lambda x, y: jnp.zeros(4)),
    "random bits": (
        lambda x, y: jax.random.normal(jax.random.key(0), 2),
        lambda x, y: jax.random.normal(jax.random.key(0, impl="rbg"), 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_programs_that_differ_in_one_thing_differ(name):
    one, other = (traced(function, X, X) for function in PAIRS[name])
    assert form_of(one) != form_of(other)
    assert digest_of(one) != digest_of(other)


@pytest.mark.quick
def test_names_do_not_count():
    def one(x):
        return jax.jit(lambda x: x + 1)(x)

    def other(inputs):
        def named(inputs):
            return inputs + 1

        return jax.jit(named)(inputs)

    assert form_of(traced(one)) == form_of(traced(other))


def test_values_of_arrays_count_in_the_digest_and_not_in_the_form():
    tables = [np.array([1.0, 2.0], np.float32), np.array([1.0, 3.0], np.float32)]
    one, other = (traced(lambda x, t=t: x[:2] + t) for t in tables)
    assert form_of(one) == form_of(other)
    assert digest_of(one) != digest_of(other)
    keys = [
        traced(lambda x, seed=seed: jax.random.normal(seed))
        for seed in map(jax.random.key, range(2))
    ]
    assert digest_of(keys[0]) != digest_of(keys[1])
    inside = [traced(lambda x, t=t: jax.jit(lambda x: x[:2] + t)(x)) for t in tables]
    assert digest_of(inside[0]) != digest_of(inside[1])


def test_functions_on_the_host_are_the_same_where_they_are_one_object():
    def callback(function):
        return lambda x: jax.pure_callback(function, x, x)

    one, again, other = (traced(callback(f)) for f in (np.sin, np.sin, np.cos))
    assert form_of(one) == form_of(again)
    assert form_of(one) != form_of(other)
    assert digest_of(one) == digest_of(again)
    made_anew = [traced(lambda x: callback(lambda x: np.sin(x))(x)) for _ in range(2)]
    assert form_of(made_anew[0]) != form_of(made_anew[1])
