"""What JAX does to functions it does to every layer, by hand and by autodiff."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from jaxnn import backprop, layers, losses, models, modules, regularizers


def side_by_side(*parts):
    """Layers without params, each on features of its own; so that they share their programs."""

    def init(key, in_shape):
        return (), (), in_shape

    def of_each(function, *arrays):
        cut = [jnp.split(a, len(parts), axis=-1) for a in arrays]
        return jnp.concatenate(list(map(function, parts, *cut)), axis=-1)

    def forward(params, state, x, key, train):
        return of_each(lambda part, x: part.forward((), (), x, key, train)[0], x), state, x

    def backward(params, x, dy):
        def one(part, x, dy):
            return part.backward((), part.forward((), (), x, None, True)[2], dy)[1]

        return params, of_each(one, x, dy)

    return layers.Layer(init, forward, backward, "activations")


ACTIVATIONS = [
    layers.elu(0.5), layers.gelu, layers.gelu_tanh, layers.hard_sigmoid, layers.hard_swish,
    layers.hard_tanh, layers.identity, layers.leaky_relu(0.2), layers.log_softmax, layers.relu,
    layers.selu, layers.sigmoid, layers.softmax, layers.softplus, layers.step, layers.swish,
    layers.tanh,
]  # fmt: skip
LAYERS = {
    (2 * len(ACTIVATIONS),): [side_by_side(*ACTIVATIONS)],
    (4,): [
        layers.dense(3), layers.drop_connect(3, 0.5), layers.dropout(0.5), layers.batch_norm(),
        layers.layer_norm(), layers.maxout(2), layers.stochastic_depth(layers.dense(4), 0.5),
        layers.embedding(5, 2),
    ],
    (3, 4): [
        layers.elman(2), layers.gru(2), layers.lstm(2, return_sequences=True),
        layers.positional_encoding(), layers.mean_over_steps, layers.flatten,
        layers.encoder_block(4, 2, 3, norm=layers.layer_norm()),  # of attention and residuals
    ],
    (4, 4, 2): [
        layers.conv2d(2, 3), layers.conv2d(2, 2, groups=2, strides=2, form="taps"),
        layers.conv2d(3, 3, padding="VALID", form="library"),
        layers.max_pool2d(), layers.avg_pool2d(3, strides=1, padding="SAME"),
        layers.global_max_pool2d, layers.global_avg_pool2d, layers.fractional_max_pool2d(1.5),
        layers.upsample2d(2), layers.rows_as_steps,
    ],
}  # fmt: skip
each_layer = pytest.mark.parametrize(
    ("layer", "in_shape"),
    [(layer, shape) for shape, of_shape in LAYERS.items() for layer in of_shape],
    ids=lambda value: getattr(value, "name", ""),
)


def a_key():
    return jax.random.key(7)


def drawn(layer, in_shape):
    """Params, state, four examples, and what the output is weighted by, as arrays of float32."""
    params, state, out_shape = layer.init(jax.random.key(1), in_shape)
    params = jax.tree.map(lambda leaf: leaf + 0.1, params)  # biases too
    x = jax.random.normal(jax.random.key(2), (4, *in_shape))
    x = jnp.abs(x) if layer.name.startswith("embedding") else x  # ids
    return params, state, x, jax.random.normal(jax.random.key(3), (4, *out_shape))


def by_autodiff(layer, params, state, weights, x):
    """The derivatives of sum (w y + y^2 / 2) by params and x; the same by hand below."""

    def objective(params, x):
        y = layer.forward(params, state, x, a_key(), True)[0]
        return (weights * y + y * y / 2).sum()

    return jax.grad(objective, argnums=(0, 1))(params, x)


def by_hand(layer, params, state, weights, x):
    y, _, saved = layer.forward(params, state, x, a_key(), True)
    return layer.backward(params, saved, weights + y)


WAYS = {"hand": by_hand, "autodiff": by_autodiff}


def product(tree, other):
    return sum(jnp.vdot(a, b) for a, b in zip(*map(jax.tree.leaves, (tree, other)), strict=True))


def assert_close(actual, expected, tolerance=2e-4):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance),
        actual, expected,
    )  # fmt: skip


@each_layer
def test_second_derivatives_are_the_same_forwards_backwards_and_by_hand(layer, in_shape):
    params, state, x, weights = drawn(layer, in_shape)
    across, along = jax.tree.map(jnp.cos, (params, x))

    @jax.jit
    def products(x):
        by_hand, by_autodiff = (
            functools.partial(way, layer, params, state, weights) for way in WAYS.values()
        )
        matrix = jax.jacfwd(by_hand)(x)
        forwards = jax.jvp(by_autodiff, (x,), (along,))[1]
        (backwards,) = jax.vjp(by_autodiff, x)[1]((across, along))
        of_matrix = jax.tree.map(lambda leaf: jnp.tensordot(leaf, along, along.ndim), matrix)
        return of_matrix, forwards, product(backwards, along)

    of_matrix, forwards, backwards = products(x)
    assert_close(of_matrix, forwards)
    assert_close(backwards, product(forwards, (across, along)))


@each_layer
def test_examples_and_devices_apart_have_the_gradients_of_their_own(layer, in_shape):
    params, state, x, weights = drawn(layer, in_shape)
    mesh = Mesh(np.array(jax.devices()[:2]), ("devices",))
    halves = [a.reshape(2, 2, *a.shape[1:]) for a in (weights, x)]

    def of_device(way, *arrays):
        dparams, dx = WAYS[way](layer, params, state, *arrays)
        if way == "hand":  # each device has its own share, and its type says so
            dparams = jax.tree.map(lambda leaf: jax.lax.psum(leaf, "devices"), dparams)
        return dparams, dx

    @jax.jit
    def found(halves, whole):
        alone = [by_hand(layer, params, state, *half) for half in zip(*halves, strict=True)]
        apart, spread = {}, {}
        for way, function in WAYS.items():
            apart[way] = jax.vmap(functools.partial(function, layer, params, state))(*halves)
            spread[way] = jax.shard_map(
                functools.partial(of_device, way), mesh=mesh,
                in_specs=P("devices"), out_specs=(P(), P("devices")),
            )(*whole)  # fmt: skip
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *alone), apart, spread

    expected, apart, spread = found(halves, (weights, x))
    summed = jax.tree.map(lambda leaf: leaf.sum(axis=0), expected[0]), expected[1].reshape(x.shape)
    for way in WAYS:
        assert_close(apart[way], expected)
        assert_close(spread[way], summed)


@pytest.mark.parametrize("way", [backprop.by_hand, backprop.by_autodiff])
def test_a_loop_of_ones_own_spreads_its_batch_by_either_way(way):
    """The weights are shared, and so each way answers with the gradient of all devices."""
    model = layers.serial(layers.conv2d(2, 3), layers.flatten, layers.dense(3))
    params, state, _ = model.init(a_key(), (3, 3, 1))
    x, y = jax.random.normal(a_key(), (4, 3, 3, 1)), jnp.arange(4) % 3
    gradient = way(model, losses.softmax_cross_entropy, regularizers.l2(0.1))

    def of_device(x, y):
        return gradient(params, state, x, y, None)[1]

    mesh = Mesh(np.array(jax.devices()[:2]), ("devices",))
    spread = jax.shard_map(of_device, mesh=mesh, in_specs=P("devices"), out_specs=P())
    shares = of_device(x[:2], y[:2]), of_device(x[2:], y[2:])
    assert_close(jax.jit(spread)(x, y), jax.tree.map(jnp.add, *shares))


@pytest.mark.parametrize("activation", ["sigmoid", "softmax", "log_softmax"])
def test_a_flax_network_has_the_second_derivatives_of_its_twin(activation):
    module = modules.MLP((3,), 2, (4,), activation=activation, rngs=nnx.Rngs(0))
    x = jax.random.normal(a_key(), (2, 3))

    def product(function):
        return jax.jvp(jax.grad(lambda x: (function(x) ** 2).sum()), (x,), (x,))[1]

    made, twin = modules.params_of(module), models.mlp(2, (4,), activation=activation)
    assert_close(product(module), product(lambda x: twin.forward(*made, x, None, True)[0]))
