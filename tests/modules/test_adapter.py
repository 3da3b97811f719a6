import dataclasses
import functools

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from jaxnn import losses, modules, train
from jaxnn.data import from_arrays
from jaxnn.train.program.compiling import kept

random = np.random.default_rng(0)
X = random.normal(size=(24, 5)).astype(np.float32)
Y = random.integers(0, 3, 24).astype(np.int32)
DATA = from_arrays(X[:16], Y[:16], X[16:], Y[16:])


class Net(nnx.Module):
    """As a user of Flax writes it."""

    def __init__(self, rngs, rate=0.5):
        self.hidden = nnx.Linear(5, 6, rngs=rngs)
        self.norm = nnx.BatchNorm(6, rngs=rngs)
        self.dropouts = nnx.List(nnx.Dropout(rate, rngs=rngs) for _ in range(2))
        self.out = nnx.Linear(6, 3, rngs=rngs)

    def __call__(self, x):
        x = self.dropouts[0](nnx.relu(self.norm(self.hidden(x))))
        return self.out(self.dropouts[1](x))


class LinenNet(flax.linen.Module):
    @flax.linen.compact
    def __call__(self, x, train: bool):
        x = flax.linen.Dense(6)(x)
        x = flax.linen.BatchNorm(use_running_average=not train)(x)
        x = flax.linen.Dropout(0.5, deterministic=not train)(flax.linen.relu(x))
        return flax.linen.Dense(3)(x)


def run_of(model, learning_rate=0.1, epochs=3):
    return train.Run(
        model=model,
        loss=losses.softmax_cross_entropy,
        optimizer=optax.sgd(learning_rate),
        epochs=epochs,
        batch_size=None,
    )


def nnx_setup(learning_rate):
    return run_of(Net, learning_rate)


def linen_setup(learning_rate):
    return run_of(LinenNet(), learning_rate)


@pytest.mark.parametrize("setup", [nnx_setup, linen_setup])
def test_a_sweep_over_rate_and_seed_is_one_program_with_weights_of_each_seed(setup):
    before = kept.made
    history = train.sweep(setup, DATA, learning_rate=[0.01, 0.1], seed=[0, 1], lanes="map")
    assert kept.made - before == 2  # what draws the start, and what advances
    loss = history.train_loss
    assert np.isfinite(loss).all()
    first = loss.isel(epoch=0)
    assert len(np.unique(first.sel(learning_rate=0.01))) == 2  # other weights, other masks
    np.testing.assert_array_equal(*(first.sel(learning_rate=rate) for rate in (0.01, 0.1)))
    assert (loss.isel(epoch=-1) != first).all()


def test_it_is_the_loop_that_a_user_of_flax_writes():
    learning_rate, seed = 0.1, 3
    result = train.fit(nnx_setup, DATA, learning_rate=learning_rate, seed=seed)
    init_key, noise_key = jax.random.split(jax.random.key(seed, impl="threefry2x32"))
    model = Net(nnx.Rngs(init_key))
    tx = nnx.Optimizer(model, optax.sgd(learning_rate), wrt=nnx.Param)
    x, y = jnp.asarray(X[:16]), jnp.asarray(Y[:16])

    @nnx.jit
    def step(model, tx, key):
        model.train()
        for position, dropout in enumerate(model.dropouts):
            dropout.rngs = nnx.RngStream(jax.random.fold_in(key, position), tag="dropout")

        def loss_fn(model):
            return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

        loss, grads = nnx.value_and_grad(loss_fn)(model)
        tx.update(model, grads)
        return loss

    found = [step(model, tx, jax.random.fold_in(noise_key, number)) for number in range(3)]
    np.testing.assert_allclose(result.history.train_loss, found, rtol=1e-5)
    model.eval()
    logits = model(jnp.asarray(X[16:]))
    test_loss = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(Y[16:])).mean()
    np.testing.assert_allclose(result.history.test_loss[-1], test_loss, rtol=1e-5)
    np.testing.assert_allclose(result.state["norm"]["mean"], model.norm.mean[...], rtol=1e-4)


@pytest.mark.quick
def test_a_module_that_is_made_already_keeps_its_weights():
    net = Net(nnx.Rngs(7))
    layer = modules.as_layer(net)
    for seed in (0, 1):
        params, _, out_shape = layer.init(jax.random.key(seed), (5,))
        np.testing.assert_array_equal(params["hidden"]["kernel"], net.hidden.kernel[...])
        assert out_shape == (3,)


def test_a_rate_of_dropout_may_be_traced_where_the_module_allows_it():
    class Thin(nnx.Module):
        def __init__(self, rate, rngs):
            self.dropout = modules.Dropout(rate, rngs=rngs)
            self.out = nnx.Linear(5, 3, rngs=rngs)

        def __call__(self, x):
            return self.out(self.dropout(x))

    def thin(dropout):
        return run_of(functools.partial(Thin, dropout), epochs=1)

    before = kept.made
    history = train.sweep(thin, DATA, dropout=[0.0, 0.5], seed=0, lanes="map")
    assert kept.made - before == 2  # what draws the start, and what advances
    assert len(np.unique(history.train_loss)) == 2

    def asks(dropout):
        return run_of(lambda rngs: Net(rngs, rate=dropout))

    with pytest.raises(TypeError, match=r"take jaxnn.modules.Dropout"):
        jax.eval_shape(
            lambda rate: (
                asks(rate).model.init(jax.random.key(0), (5,)),
                asks(rate).model.forward(
                    *asks(rate).model.init(jax.random.key(0), (5,))[:2],
                    jnp.ones((2, 5)), jax.random.key(0), True,
                )[0],
            )[1],
            0.5,
        )  # fmt: skip


def test_training_with_dropout_needs_a_key():
    layer = modules.as_layer(Net)
    params, state, _ = layer.init(jax.random.key(0), (5,))
    with pytest.raises(ValueError, match="Net draws at random in training and needs a key"):
        layer.forward(params, state, jnp.ones((2, 5)), None, True)


@pytest.mark.parametrize("wrong", ["mlp", 3, lambda x: x])
def test_what_is_no_model_is_refused(wrong):
    with pytest.raises(TypeError, match="model must be a Layer or a Flax module"):
        run_of(wrong)


def test_a_factory_that_makes_no_module_is_refused():
    with pytest.raises(TypeError, match="must make an NNX module of its rngs, got 3"):
        modules.as_layer(lambda rngs: 3).init(jax.random.key(0), (5,))


class ByField(flax.linen.Module):
    """Its dropout is switched by a field, of this module or of one that it holds."""

    training: bool = False
    body: flax.linen.Module | None = None

    @flax.linen.compact
    def __call__(self, x):
        x = flax.linen.Dense(6)(x)
        if self.body is not None:
            return flax.linen.Dense(3)(self.body(x))
        return flax.linen.Dense(3)(flax.linen.Dropout(0.5, deterministic=not self.training)(x))


class NnxByField(nnx.Module):
    def __init__(self, rngs):
        self.is_training = False
        self.out = nnx.Linear(5, 3, rngs=rngs)
        self.rngs = rngs

    def __call__(self, x):
        if self.is_training:
            x = x * jax.random.bernoulli(self.rngs.noise(), 0.5, x.shape).astype(x.dtype)
        return self.out(x)


class Noisy(flax.linen.Module):
    """Draws from two streams that have no name that anybody knows."""

    always: bool = False

    @flax.linen.compact
    def __call__(self, x, train: bool):
        if train or self.always:
            x = x + jax.random.normal(self.make_rng("noise"), x.shape)
            x = x + jax.random.normal(self.make_rng("other"), x.shape)
        return flax.linen.Dense(3)(x)


SEQUENTIAL = [
    flax.linen.Dense(6), flax.linen.Dropout(0.5, deterministic=False), flax.linen.Dense(3)
]  # fmt: skip


@pytest.mark.parametrize(
    "model",
    [
        ByField(),
        ByField(training=True),
        ByField(body=flax.linen.Dropout(0.5, deterministic=True)),
        flax.linen.Sequential(SEQUENTIAL),
        NnxByField,
        Noisy(),
    ],
)
def test_what_is_drawn_is_drawn_in_training_by_the_key_and_never_in_evaluation(model):
    layer = modules.as_layer(model)
    params, state, _ = layer.init(jax.random.key(0), (5,))
    x = jnp.ones((4, 5))

    def output(key, train):
        return np.asarray(layer.forward(params, state, x, key, train)[0])

    first, again, other = (output(jax.random.key(seed), True) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    assert np.abs(first - output(None, False)).max() > 1e-3
    np.testing.assert_array_equal(output(None, False), output(None, False))


def test_drawing_in_evaluation_is_refused_before_training():
    with pytest.raises(ValueError, match=r"Noisy draws at random .*\"noise\".* Let it draw where"):
        run_of(Noisy(always=True)).check_against(DATA)


class Sowing(flax.linen.Module):
    kind: str

    @flax.linen.compact
    def __call__(self, x):
        x = flax.linen.Dense(6)(x)
        self.sow(self.kind, "hidden", x)
        return flax.linen.Dense(3)(x)


def test_what_is_sown_into_intermediates_changes_nothing_and_into_others_is_refused():
    params, state, _ = modules.as_layer(Sowing("intermediates")).init(jax.random.key(0), (5,))
    layer = modules.as_layer(Sowing("intermediates"))
    y, after, _ = layer.forward(params, state, jnp.asarray(X), jax.random.key(0), True)
    assert (state, after) == ({}, {})
    kernels = [np.asarray(params[f"Dense_{i}"]["kernel"]) for i in (0, 1)]
    np.testing.assert_allclose(y, X @ kernels[0] @ kernels[1], rtol=1e-4, atol=1e-5)
    layer = modules.as_layer(Sowing("losses"))
    params, state, _ = layer.init(jax.random.key(0), (5,))
    with pytest.raises(ValueError, match=r"Sowing changes the form .*losses/hidden/1.* sow it"):
        layer.forward(params, state, jnp.asarray(X), jax.random.key(0), True)


@pytest.mark.filterwarnings("ignore:Using 'Module.sow:DeprecationWarning")
def test_what_an_nnx_module_sows_for_looking_at_is_no_state():
    class SowingToo(nnx.Module):
        def __init__(self, rngs):
            self.out = nnx.Linear(5, 3, rngs=rngs)

        def __call__(self, x):
            self.sow(nnx.Intermediate, "seen", x)
            return self.out(x)

    layer = modules.as_layer(SowingToo)
    params, state, _ = layer.init(jax.random.key(0), (5,))
    assert layer.forward(params, state, jnp.asarray(X), jax.random.key(0), True)[1] == state == {}


@pytest.mark.parametrize("of", ["nnx", "linen"])
def test_integers_reach_a_module_as_integers_in_every_precision(of):
    class Ids(nnx.Module):
        def __init__(self, rngs):
            self.table = nnx.Embed(300, 3, rngs=rngs)

        def __call__(self, x):
            return self.table(x).mean(1)

    class LinenIds(flax.linen.Module):
        @flax.linen.compact
        def __call__(self, x):
            return flax.linen.Embed(300, 3, name="table")(x).mean(1)

    run = dataclasses.replace(run_of(Ids if of == "nnx" else LinenIds()), precision="bfloat16")
    dataset = from_arrays(np.array([[257], [299]]), [0, 1])
    run.check_against(dataset)
    params, state, _ = run.model.init(jax.random.key(0), (1,))
    x = run.as_inputs(jnp.asarray(dataset.train.inputs), 1.0)
    y = run.network.forward(params, state, x, None, False)[0]
    rows = params["table"]["embedding"][np.array([257, 299])]
    np.testing.assert_array_equal(y, rows.astype(jnp.bfloat16).astype(jnp.float32))
