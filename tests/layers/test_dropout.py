import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn import data, layers, losses, train


def a_key():
    return jax.random.key(0)


def forward(layer, x, key="the usual", train=True):
    key = a_key() if isinstance(key, str) else key
    params, state, _ = layer.init(jax.random.key(1), x.shape[1:])
    y, _, saved = layer.forward(params, state, x, key, train)
    return params, y, saved


@pytest.mark.quick
def test_dropped_activations_are_0_and_the_others_scaled_up():
    _, y, saved = forward(layers.dropout(0.75), jnp.ones((100, 100)))
    assert set(np.unique(y)) == {0.0, 4.0}
    np.testing.assert_allclose(np.mean(y), 1, atol=5 * np.sqrt(3 / 1e4))  # five deviations
    dx = layers.dropout(0.75).backward((), saved, jnp.ones((100, 100)))[1]
    np.testing.assert_array_equal(dx, y)


def test_mask_is_that_of_the_key_in_every_dtype():
    def mask(dtype, key=None):
        key = a_key() if key is None else key
        return np.asarray(forward(layers.dropout(0.3), jnp.ones((20, 20), dtype), key)[1]) != 0

    expected = mask(jnp.float32)
    with jax.enable_x64(True):
        for dtype in (jnp.bfloat16, jnp.float32, jnp.float64):
            np.testing.assert_array_equal(mask(dtype), expected)
    assert (mask(jnp.float32, jax.random.key(2)) != expected).any()


@pytest.mark.parametrize("layer", [layers.dropout(0.5), layers.drop_connect(3, 0.5)])
def test_evaluation_needs_no_key_and_drops_nothing(layer):
    x = jax.random.normal(a_key(), (5, 3))
    params, y, saved = forward(layer, x, None, train=False)
    expected = layers.affine(x, params["kernel"], params["bias"]) if params else x
    np.testing.assert_array_equal(y, expected)
    dx = layer.backward(params, saved, x)[1]
    np.testing.assert_array_equal(dx, x @ params["kernel"].T if params else x)


def test_rate_0_drops_nothing():
    x = jax.random.normal(a_key(), (5, 3))
    np.testing.assert_array_equal(forward(layers.dropout(0.0), x)[1], x)
    params, y, _ = forward(layers.drop_connect(3, 0), x)
    np.testing.assert_array_equal(y, layers.affine(x, params["kernel"], params["bias"]))


def test_infinite_activations_that_are_dropped_are_0():
    _, y, _ = forward(layers.dropout(0.5), jnp.full((10, 10), jnp.inf))
    assert set(np.unique(y)) == {0.0, np.inf}


def test_drop_connect_drops_weights_with_one_mask_for_the_batch():
    layer = layers.drop_connect(50, 0.5, bias_init=jax.nn.initializers.ones)
    params, y, saved = forward(layer, jnp.eye(40))
    weights = y - 1  # the rows of the identity show the weights
    kept = np.abs(weights) > 1e-6
    np.testing.assert_allclose(kept.mean(), 0.5, atol=5 * np.sqrt(0.25 / 2000))
    np.testing.assert_allclose(weights, np.where(kept, 2 * params["kernel"], 0), atol=1e-6)
    dparams, _ = layer.backward(params, saved, jnp.ones((40, 50)))
    np.testing.assert_array_equal(dparams["kernel"] != 0, kept)
    np.testing.assert_array_equal(dparams["bias"], np.full(50, 40.0))


def test_drop_connect_is_the_dense_layer_on_average():
    x = jax.random.normal(a_key(), (2, 4))
    layer = layers.drop_connect(3, 0.3)
    params, whole, _ = forward(layer, x, None, train=False)
    keys = jax.random.split(a_key(), 4000)
    sampled = jax.vmap(lambda key: layer.forward(params, (), x, key, True)[0])(keys)
    error = np.asarray(sampled.std(0)) / np.sqrt(4000)
    assert (np.abs(sampled.mean(0) - whole) < 5 * error).all()


def branch():
    return layers.serial(layers.batch_norm(), layers.dense(3), layers.tanh)


def test_branch_survives_whole_or_is_skipped_and_is_scaled_in_evaluation():
    x, layer = jax.random.normal(a_key(), (5, 3)), layers.stochastic_depth(branch(), 0.25)
    params, state, out_shape = layer.init(a_key(), (3,))
    assert out_shape == (3,)
    added = branch().forward(params, state, x, None, True)[0]
    seen = []
    for key in jax.random.split(a_key(), 40):
        y, after, saved = layer.forward(params, state, x, key, True)
        survived = bool((y != x).any())
        np.testing.assert_allclose(y, x + added if survived else x, rtol=1e-6)
        assert bool((after[0].mean != state[0].mean).any()) == survived
        dparams, dx = layer.backward(params, saved, jnp.ones_like(x))
        assert bool((dparams[1]["kernel"] != 0).any()) == survived
        assert bool((dx != 1).any()) == survived
        seen.append(survived)
    assert 1 <= sum(seen) <= 25  # of 40 with p = 1/4: six standard deviations
    y, after, _ = layer.forward(params, state, x, None, False)
    plain = branch().forward(params, state, x, None, False)[0]
    np.testing.assert_allclose(y, x + 0.25 * plain, rtol=1e-5)
    np.testing.assert_array_equal(after[0].mean, state[0].mean)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_survival_is_a_residual_layer_and_certain_death_the_identity(p, train):
    x = jax.random.normal(a_key(), (5, 3))
    params, y, _ = forward(layers.stochastic_depth(layers.dense(3), p), x, train=train)
    dense = layers.affine(x, params["kernel"], params["bias"])
    np.testing.assert_array_equal(y, x + dense if p else x)


def test_skipped_branch_that_overflows_does_not_matter():
    x, branch = jnp.ones(2), jnp.asarray([jnp.inf, jnp.nan])
    np.testing.assert_array_equal(layers.add_branch(x, branch, jnp.asarray(0.0)), x)


RANDOM = [
    layers.dropout(0.5),
    layers.drop_connect(3, 0.5),
    layers.stochastic_depth(layers.dense(3), 0.5),
]


@pytest.mark.parametrize("layer", RANDOM, ids=lambda layer: layer.name)
def test_training_without_a_key_is_refused(layer):
    with pytest.raises(ValueError, match="draws at random in training and needs a key, got None"):
        forward(layer, jnp.ones((2, 3)), None)


@pytest.mark.parametrize("layer", RANDOM, ids=lambda layer: layer.name)
def test_empty_batch_stays_empty(layer):
    params, y, saved = forward(layer, jnp.ones((0, 3)))
    assert y.shape == layer.backward(params, saved, y)[1].shape == (0, 3)


@pytest.mark.usefixtures("no_type_checker")
@pytest.mark.parametrize("make", [layers.dropout, lambda rate: layers.drop_connect(3, rate)])
@pytest.mark.parametrize(
    ("rate", "error", "message"),
    [
        (1.0, ValueError, r"rate must be in \[0, 1\), got 1\.0"),
        (-0.1, ValueError, r"rate must be in \[0, 1\), got -0\.1"),
        (float("nan"), ValueError, "rate must be in"),
        ("0.5", TypeError, "rate must be a number, got '0.5'"),
    ],
)
def test_rate_outside_its_range_is_refused(make, rate, error, message):
    with pytest.raises(error, match=message):
        make(rate)


@pytest.mark.usefixtures("no_type_checker")
def test_shapes_that_do_not_fit_are_refused():
    x, row = jnp.ones((2, 3)), jnp.ones((1, 3))
    with pytest.raises(ValueError, match=r"mask of shape \(1, 3\) does not fit the shape \(2, 3\)"):
        layers.drop_elements(x, row > 0, rate=0.5)
    with pytest.raises(ValueError, match=r"branch of shape \(1, 3\) cannot be added"):
        layers.add_branch(x, row, jnp.ones(()))
    with pytest.raises(ValueError, match=r"cotangent must have the shape \(2, 3\)"):
        layers.drop_elements_vjp(x, x > 0, row, rate=0.5)
    with pytest.raises(ValueError, match=r"cotangent must have the shape \(2, 3\)"):
        layers.add_branch_vjp(x, x, jnp.ones(()), row)


@pytest.mark.usefixtures("no_type_checker")
def test_survival_outside_its_range_and_a_branch_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"survival_probability must be in \[0, 1\], got 1\.1"):
        layers.stochastic_depth(layers.dense(3), 1.1)
    with pytest.raises(ValueError, match=r"dense\(3\) makes \(3,\) of \(4,\)"):
        layers.stochastic_depth(layers.dense(3), 0.5).init(a_key(), (4,))


def image_network(rate, momentum=0.9, dropped=True, gradient="hand"):
    return train.Run(
        model=layers.serial(
            layers.conv2d(3, 3, use_bias=False),
            layers.batch_norm(momentum=momentum),
            layers.tanh,
            layers.max_pool2d(2),
            layers.dropout(rate) if dropped else layers.identity,
            layers.stochastic_depth(layers.tanh, 1 - rate),
            layers.flatten,
            layers.drop_connect(2, rate) if dropped else layers.dense(2),
        ),
        loss=losses.softmax_cross_entropy,
        optimizer=optax.sgd(0.2),
        epochs=2,
        batch_size=10,
        gradient=gradient,
    )


@pytest.fixture(scope="module")
def stripes():
    """Noisy images, 4 x 4, of a bright upper or lower half."""
    random = np.random.default_rng(0)
    labels = np.arange(40, dtype=np.int32) % 2
    images = random.normal(size=(40, 4, 4, 1)).astype(np.float32)
    images[labels == 0, :2] += 2
    images[labels == 1, 2:] += 2
    return data.from_arrays(images[:30], labels[:30], images[30:], labels[30:])


def test_sweep_over_traced_rates_gives_the_single_runs_and_rate_0_the_plain_network(stripes):
    history = train.sweep(image_network, stripes, rate=[0.0, 0.5], seed=[1, 2])
    assert history.attrs["programs"] == 1
    assert np.isfinite(history.train_loss).all()
    assert (history.train_loss.sel(rate=0.0) != history.train_loss.sel(rate=0.5)).all()
    alone = train.fit(image_network, stripes, rate=0.5, seed=2).history
    lane = history.test_loss.sel(rate=0.5, seed=2)  # of another program: the last bit may differ
    np.testing.assert_allclose(alone.test_loss, lane, rtol=1e-5)
    plain = train.fit(image_network, stripes, rate=0.0, dropped=False, seed=1).history
    np.testing.assert_allclose(plain.test_loss, history.test_loss.sel(rate=0.0, seed=1), rtol=1e-5)


def test_training_by_hand_is_training_by_autodiff(stripes):
    settings = {"rate": 0.3, "seed": 3}
    by_hand = train.fit(image_network, stripes, **settings)
    by_autodiff = train.fit(image_network, stripes, gradient="autodiff", **settings)
    np.testing.assert_allclose(by_hand.history.test_loss, by_autodiff.history.test_loss, rtol=1e-4)
