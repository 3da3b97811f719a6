import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import data, layers, losses, optimizers, train


def the_start():
    return {"a": jnp.asarray([1.0, -2.0]), "b": jnp.asarray([[0.5]])}


def uneven(theta):
    return jax.tree.map(lambda leaf: 0.3 * leaf + jnp.sin(3 * leaf), theta)


def path_of(optimizer, num_steps=100):
    # optax.adam is not strict about dtypes; ours are tested to be, below
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        start = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), the_start())
        return optimizers.descend(optimizer, uneven, start, num_steps)


def assert_same_path(ours, theirs):
    """A hundred steps in float64; of both, each of the parameters at every step."""
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13),
        *map(path_of, (ours, theirs)),
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (optimizers.gradient_descent(0.1), optax.sgd(0.1)),
        (optimizers.momentum(0.1), optax.sgd(0.1, momentum=0.9)),
        (optimizers.momentum(0.1, decay=0.5), optax.sgd(0.1, momentum=0.5)),
        (optimizers.momentum(0.1, decay=0.0), optax.sgd(0.1)),
        (optimizers.nesterov(0.03), optax.sgd(0.03, momentum=0.9, nesterov=True)),
        (optimizers.nesterov(0.1, decay=0.5), optax.sgd(0.1, momentum=0.5, nesterov=True)),
        (optimizers.nesterov(0.1, decay=0.0), optax.sgd(0.1)),
        (
            optimizers.adagrad(0.5, initial_accumulator=0.1, eps=0.0),
            optax.adagrad(0.5, initial_accumulator_value=0.1, eps=0.0),
        ),
        (
            optimizers.adagrad(0.5, eps=0.0),
            optax.adagrad(0.5, initial_accumulator_value=0.0, eps=0.0),
        ),
        (optimizers.rmsprop(0.05), optax.rmsprop(0.05, eps_in_sqrt=False)),
        (
            optimizers.rmsprop(0.05, 0.7, eps=0.1),
            optax.rmsprop(0.05, decay=0.7, eps=0.1, eps_in_sqrt=False),
        ),
        (optimizers.adam(0.05), optax.adam(0.05)),
        (
            optimizers.adam(0.05, 0.5, 0.7, eps=0.1),
            optax.adam(0.05, b1=0.5, b2=0.7, eps=0.1),
        ),
        (optimizers.adam(0.05, 0.0, 0.7), optax.adam(0.05, b1=0.0, b2=0.7)),
    ],
)
def test_a_hundred_steps_are_those_of_optax(ours, theirs):
    assert_same_path(ours, theirs)


SCHEDULE = optax.exponential_decay(0.1, transition_steps=5, decay_rate=0.8)


def with_rate_inside(**settings):
    """The velocity of eta g, where `optax.sgd` has eta times the velocity of g."""
    return optax.chain(
        optax.scale_by_schedule(SCHEDULE), optax.trace(0.9, **settings), optax.scale(-1.0)
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (optimizers.gradient_descent(SCHEDULE), optax.sgd(SCHEDULE)),
        (optimizers.momentum(SCHEDULE), with_rate_inside()),
        (optimizers.nesterov(learning_rate=SCHEDULE), with_rate_inside(nesterov=True)),
        (
            optimizers.adagrad(SCHEDULE, eps=0.0),
            optax.adagrad(SCHEDULE, initial_accumulator_value=0.0, eps=0.0),
        ),
        (optimizers.rmsprop(SCHEDULE, 0.7), optax.rmsprop(SCHEDULE, 0.7, eps_in_sqrt=False)),
        (optimizers.adam(SCHEDULE), optax.adam(SCHEDULE)),
    ],
)
def test_a_hundred_steps_under_a_schedule_are_those_of_optax(ours, theirs):
    assert_same_path(ours, theirs)


def test_a_run_takes_a_schedule_whose_rate_is_swept():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 3)).astype(np.float32), random.integers(0, 2, 12)
    sample = data.from_arrays(x, y.astype(np.int32), x, y.astype(np.int32))

    rules = {"ours": optimizers.gradient_descent, "optax": optax.sgd}

    def setup(learning_rate, rule):
        schedule = optax.linear_schedule(learning_rate, 0.0, transition_steps=4)
        return train.Run(
            model=layers.dense(2),
            loss=losses.softmax_cross_entropy,
            optimizer=rules[rule](schedule),
            epochs=3,
            batch_size=4,
        )

    history = train.sweep(setup, sample, learning_rate=[0.1, 1.0], rule=list(rules), seed=[0])
    loss = history.test_loss.squeeze("seed")
    np.testing.assert_allclose(loss.sel(rule="ours"), loss.sel(rule="optax"), rtol=1e-6)
    assert (loss.isel(epoch=1) == loss.isel(epoch=2)).all(), "the rate is 0 after four steps"
    assert (loss.isel(learning_rate=0) != loss.isel(learning_rate=1)).all()


def test_nesterov_is_the_rule_of_the_papers_seen_from_the_place_ahead():
    eta, gamma, theta, velocity = 0.03, 0.9, np.array([1.0, -2.0]), np.zeros(2)
    ahead = [theta]
    for _ in range(100):
        lookahead = theta - gamma * velocity
        velocity = gamma * velocity + eta * (0.3 * lookahead + np.sin(3 * lookahead))
        theta = theta - velocity
        ahead.append(theta - gamma * velocity)
    path = path_of(optimizers.nesterov(eta, gamma))["a"]
    np.testing.assert_allclose(path, ahead, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("eps", [1e-8, 0.1])
def test_adagrad_is_the_rule_of_the_paper_and_of_optax_but_for_the_place_of_eps(eps):
    theta, total = np.array([1.0, -2.0]), np.zeros(2)
    expected = [theta]
    for _ in range(100):
        g = 0.3 * theta + np.sin(3 * theta)
        total = total + g**2
        theta = theta - 0.5 * g / (np.sqrt(total) + eps)
        expected.append(theta)
    path = path_of(optimizers.adagrad(0.5, eps=eps))["a"]
    np.testing.assert_allclose(path, expected, rtol=1e-12, atol=1e-13)
    inside = path_of(optax.adagrad(0.5, initial_accumulator_value=0.0, eps=eps))["a"]
    assert np.abs(inside - path).max() > 0.1 * eps


def test_eps_inside_the_root_is_another_rmsprop():
    inside = path_of(optax.rmsprop(0.05, eps=1e-4))["a"]
    assert np.abs(inside - path_of(optimizers.rmsprop(0.05, eps=1e-4))["a"]).max() > 1e-3


@pytest.mark.parametrize("gradient", [1e-3, -7.0])
def test_the_first_steps_of_the_adaptive_rules_forget_the_size_of_the_gradient(gradient):
    g, zero = jnp.asarray(gradient), jnp.zeros(())
    for make, size in (
        (optimizers.adagrad, 1),
        (optimizers.adam, 1),
        (optimizers.rmsprop, 1 / np.sqrt(1 - 0.9)),
    ):
        optimizer = make(0.1, eps=0.0)
        step, _ = optimizer.update(g, optimizer.init(zero))
        np.testing.assert_allclose(step, -0.1 * size * np.sign(gradient), rtol=1e-4)


@pytest.mark.parametrize("make", [optimizers.adagrad, optimizers.adam, optimizers.rmsprop])
def test_what_never_had_a_gradient_stays_also_without_eps(make):
    path = optimizers.descend(make(0.1, eps=0.0), jnp.zeros_like, jnp.ones(2), 3)
    np.testing.assert_array_equal(path, np.ones((4, 2)))


ALL_RULES = {  # every setting, at a value inside its range
    optimizers.gradient_descent: {"learning_rate": 0.1},
    optimizers.momentum: {"learning_rate": 0.1, "decay": 0.5},
    optimizers.nesterov: {"learning_rate": 0.1, "decay": 0.5},
    optimizers.adagrad: {"learning_rate": 0.1, "initial_accumulator": 0.1, "eps": 1e-3},
    optimizers.rmsprop: {"learning_rate": 0.1, "decay": 0.5, "eps": 1e-3},
    optimizers.adam: {"learning_rate": 0.1, "b1": 0.5, "b2": 0.7, "eps": 1e-3},
}
each_rule = pytest.mark.parametrize("make", ALL_RULES)


@each_rule
def test_settings_may_be_traced_and_mapped(make):
    def path_fn(settings):
        return optimizers.descend(make(**settings), uneven, the_start(), 5)

    settings = {name: jnp.asarray([0.5, 1.0]) * value for name, value in ALL_RULES[make].items()}
    lanes = jax.jit(jax.vmap(path_fn))(settings)
    alone = path_fn(ALL_RULES[make])
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[1], b, rtol=1e-5, atol=1e-6), lanes, alone
    )


@each_rule
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64, jnp.bfloat16])
@pytest.mark.parametrize("rate", [0.1, lambda step: jnp.float32(0.1)])
def test_updates_and_state_keep_the_dtype(make, dtype, rate):
    with jax.enable_x64(True):
        optimizer = make(**ALL_RULES[make] | {"learning_rate": rate})
        params = jnp.ones(2, dtype)
        updates, state = optimizer.update(params, optimizer.init(params))
    wide = jnp.float32 if dtype == jnp.bfloat16 else dtype  # what is remembered is not of 16 bits
    floats = [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)]
    assert {leaf.dtype for leaf in floats} <= {np.dtype(wide)}
    assert updates.dtype == dtype


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (optimizers.gradient_descent(0.1), optax.sgd(0.1)),
        (optimizers.momentum(0.1), optax.sgd(0.1, 0.9)),
        (optimizers.nesterov(0.1), optax.sgd(0.1, 0.9, nesterov=True)),
        (optimizers.adagrad(0.1, eps=0.0), optax.adagrad(0.1, 0.0, eps=0.0)),
        (optimizers.rmsprop(0.1), optax.rmsprop(0.1, eps_in_sqrt=False)),
        (optimizers.adam(0.1), optax.adam(0.1)),
    ],
)
def test_narrow_params_take_the_steps_of_optax_in_float32_rounded(ours, theirs, dtype):
    """Also where squares are 0 in float16, b2 is 1 in bfloat16, and sums stand still."""
    start = params = jnp.asarray([1.0, -1.0, 0.01, 2.0], dtype)
    state, their_state = ours.init(params), theirs.init(params.astype(jnp.float32))
    with jax.numpy_dtype_promotion("standard"):
        for step in range(30):
            grads = jnp.asarray([1e-4, 0.3, -1.0, np.sin(step)], dtype)
            updates, state = ours.update(grads, state, params)
            expected, their_state = theirs.update(grads.astype(jnp.float32), their_state)
            np.testing.assert_allclose(
                updates.astype(jnp.float32), expected, rtol=float(jnp.finfo(dtype).eps), atol=1e-6
            )
            params = optax.apply_updates(params, updates)
    assert params.dtype == dtype
    assert (params != start)[1:].all()


@each_rule
def test_settings_outside_their_range_are_refused(make):
    for name in ALL_RULES[make]:
        for value in (-0.1, np.nan, np.inf):
            with pytest.raises(ValueError, match=f"{name} must be .*{value}"):
                make(**ALL_RULES[make] | {name: value})
        with pytest.raises(TypeError, match=f"{name} must be a number, got 'fast'"):
            make(**ALL_RULES[make] | {"learning_rate": SCHEDULE} | {name: "fast"})
        with pytest.raises(TypeError, match=f"{name} must be a number, got 'fast'"):
            make(**ALL_RULES[make] | {name: "fast"})
        if name in ("decay", "b1", "b2"):
            with pytest.raises(ValueError, match=rf"{name} must be in \[0, 1\), got 1"):
                make(**ALL_RULES[make] | {name: 1.0})


@pytest.mark.quick
def test_the_velocity_is_the_expanded_sum_of_the_slide():
    # v_t = eta g_t + gamma eta g_(t-1) + ... (claim momentum-expansion)
    gradients, eta, gamma = [1.0, -2.0, 4.0, 0.5], 0.2, 0.5
    optimizer = optimizers.momentum(eta, gamma)
    state = optimizer.init(jnp.zeros(()))
    for gradient in gradients:
        updates, state = optimizer.update(jnp.asarray(gradient), state)
    np.testing.assert_allclose(state.velocity, 0.425, rtol=1e-6)
    np.testing.assert_allclose(updates, -0.425, rtol=1e-6)


def test_a_constant_gradient_gives_the_terminal_velocity():
    path = optimizers.descend(optimizers.momentum(0.1, 0.9), jnp.ones_like, jnp.zeros(()), 300)
    np.testing.assert_allclose(path[-2] - path[-1], 0.1 / (1 - 0.9), rtol=1e-3)


def test_the_path_starts_at_the_start_and_obeys_the_closed_form_on_a_parabola():
    # J = x^2 / 2: every step multiplies x by 1 - eta
    path = optimizers.descend(optimizers.gradient_descent(0.25), lambda x: x, jnp.ones(()), 10)
    np.testing.assert_allclose(path, 0.75 ** np.arange(11), rtol=1e-6)


def test_descend_needs_a_step():
    with pytest.raises(ValueError, match="num_steps must be at least 1, got 0"):
        optimizers.descend(optimizers.gradient_descent(0.1), uneven, the_start(), 0)
