"""Every option of a layer or model changes what it is to: held against Flax, JAX and NumPy."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax.nn import initializers

from jaxnn import layers, models, modules

PIXELS, ROWS, STEPS = (6, 6, 2), (6,), (4, 4)
CONSTANT = initializers.constant(0.3)


def conv(features, size, **settings):
    def reference(params, x):
        return linen.Conv(features, size, **settings).apply({"params": params}, x)

    return reference


def pool(function, *window, **settings):
    return lambda params, x: function(x, *window, **settings)


def mean_pool(window, **settings):
    return pool(linen.avg_pool, window, count_include_pad=False, **settings)


def attention(num_heads, **settings):
    def reference(params, x):
        parts = jnp.split(x @ params["in_kernel"] + params["in_bias"][None, None], 3, axis=-1)
        q, k, v = (part.reshape(*x.shape[:2], num_heads, -1) for part in parts)
        heads = jax.nn.dot_product_attention(q, k, v, **settings).reshape(x.shape)
        return heads @ params["out_kernel"] + params["out_bias"][None, None]

    return reference


def elman_loop(params, x):
    h, seen = np.zeros((len(x), 3)), []
    for step in np.asarray(x).swapaxes(0, 1):
        h = np.tanh(step @ params["kernel"] + params["bias"] + h @ params["recurrent_kernel"])
        seen.append(h)
    return np.stack(seen, axis=1)


def norm(of, **settings):
    def reference(params, x):
        arguments = {"use_running_average": False} if of is linen.BatchNorm else {}
        module = of(**settings, **arguments)
        variables = module.init(jax.random.key(0), x)
        return module.apply(variables | {"params": params}, x, mutable=["batch_stats"])[0]

    return reference


# layer and option, the layer with the option, the layer without, its input, somebody else's value
TABLE = [
    ("dense use_bias", layers.dense(3, use_bias=False, bias_init=CONSTANT),
     layers.dense(3, bias_init=CONSTANT), ROWS, lambda p, x: x @ p["kernel"]),
    ("dense bias_init", layers.dense(3, bias_init=CONSTANT), layers.dense(3), ROWS,
     lambda p, x: x @ p["kernel"] + 0.3),
    ("dense kernel_init", layers.dense(3, kernel_init=CONSTANT), layers.dense(3), ROWS,
     lambda p, x: 0.3 * x.sum(-1, keepdims=True) * np.ones((1, 3), np.float32)),
    ("dense features", layers.dense(4), layers.dense(3), ROWS, lambda p, x: x @ p["kernel"]),
    ("conv2d features", layers.conv2d(4, 3), layers.conv2d(2, 3), PIXELS, conv(4, (3, 3))),
    ("conv2d kernel_size", layers.conv2d(2, (2, 3)), layers.conv2d(2, 3), PIXELS,
     conv(2, (2, 3))),
    ("conv2d strides", layers.conv2d(2, 3, strides=(2, 1)), layers.conv2d(2, 3), PIXELS,
     conv(2, (3, 3), strides=(2, 1))),
    ("conv2d padding", layers.conv2d(2, 3, padding=((2, 0), (1, 1))), layers.conv2d(2, 3), PIXELS,
     conv(2, (3, 3), padding=((2, 0), (1, 1)))),
    ("conv2d dilation", layers.conv2d(2, 3, dilation=2), layers.conv2d(2, 3), PIXELS,
     conv(2, (3, 3), kernel_dilation=(2, 2))),
    ("conv2d groups", layers.conv2d(2, 3, groups=2), layers.conv2d(2, 3), PIXELS,
     conv(2, (3, 3), feature_group_count=2)),
    ("conv2d bias_init", layers.conv2d(2, 3, bias_init=CONSTANT), layers.conv2d(2, 3), PIXELS,
     conv(2, (3, 3))),
    ("conv2d kernel_init", layers.conv2d(2, 3, kernel_init=CONSTANT), layers.conv2d(2, 3), PIXELS,
     lambda p, x: conv(2, (3, 3))({"kernel": jnp.full((3, 3, 2, 2), 0.3), "bias": p["bias"]}, x)),
    ("conv2d use_bias", layers.conv2d(2, 3, use_bias=False, bias_init=CONSTANT),
     layers.conv2d(2, 3, bias_init=CONSTANT), PIXELS, conv(2, (3, 3), use_bias=False)),
    ("max_pool2d window", layers.max_pool2d((3, 2)), layers.max_pool2d(), PIXELS,
     pool(linen.max_pool, (3, 2), (3, 2))),
    ("max_pool2d strides", layers.max_pool2d(2, strides=1), layers.max_pool2d(), PIXELS,
     pool(linen.max_pool, (2, 2), (1, 1))),
    ("max_pool2d padding", layers.max_pool2d(3, padding=((1, 1), (1, 1))), layers.max_pool2d(3),
     PIXELS, pool(linen.max_pool, (3, 3), (3, 3), ((1, 1), (1, 1)))),
    ("avg_pool2d window", layers.avg_pool2d((3, 2)), layers.avg_pool2d(), PIXELS,
     mean_pool((3, 2), strides=(3, 2))),
    ("avg_pool2d strides", layers.avg_pool2d(2, strides=1), layers.avg_pool2d(), PIXELS,
     mean_pool((2, 2), strides=(1, 1))),
    ("avg_pool2d padding", layers.avg_pool2d(3, padding=((1, 1), (1, 1))), layers.avg_pool2d(3),
     PIXELS, mean_pool((3, 3), strides=(3, 3), padding=((1, 1), (1, 1)))),
    ("elman units", layers.elman(3), layers.elman(2), STEPS, lambda p, x: elman_loop(p, x)[:, -1]),
    ("elman return_sequences", layers.elman(3, return_sequences=True), layers.elman(3), STEPS,
     elman_loop),
    ("elman kernel_init", layers.elman(3, kernel_init=CONSTANT), layers.elman(3), STEPS,
     lambda p, x: elman_loop({**p, "kernel": np.full((4, 3), 0.3)}, x)[:, -1]),
    ("elman recurrent_init", layers.elman(3, recurrent_init=CONSTANT), layers.elman(3), STEPS,
     lambda p, x: elman_loop({**p, "recurrent_kernel": np.full((3, 3), 0.3)}, x)[:, -1]),
    ("self_attention num_heads", layers.self_attention(2), layers.self_attention(1), STEPS,
     attention(2)),
    ("self_attention causal", layers.self_attention(2, causal=True), layers.self_attention(2),
     STEPS, attention(2, is_causal=True)),
    ("self_attention kernel_init", layers.self_attention(2, kernel_init=CONSTANT),
     layers.self_attention(2), STEPS,
     lambda p, x: attention(2)(
         {**p, "in_kernel": jnp.full((4, 12), 0.3), "out_kernel": jnp.full((4, 4), 0.3)}, x)),
    ("elu alpha", layers.elu(0.5), layers.elu(), ROWS, lambda p, x: jax.nn.elu(x, 0.5)),
    ("leaky_relu negative_slope", layers.leaky_relu(0.3), layers.leaky_relu(), ROWS,
     lambda p, x: jax.nn.leaky_relu(x, 0.3)),
    ("batch_norm epsilon", layers.batch_norm(epsilon=0.5), layers.batch_norm(), ROWS,
     norm(linen.BatchNorm, epsilon=0.5)),
    ("layer_norm epsilon", layers.layer_norm(epsilon=0.5), layers.layer_norm(), ROWS,
     norm(linen.LayerNorm, epsilon=0.5)),
    ("embedding table_init", layers.embedding(9, 3, table_init=CONSTANT), layers.embedding(9, 3),
     (), lambda p, x: np.full((5, 3), 0.3)),
    ("upsample2d factor", layers.upsample2d(3), layers.upsample2d(2), PIXELS,
     lambda p, x: np.repeat(np.repeat(x, 3, axis=1), 3, axis=2)),
    ("reshape shape", layers.reshape((3, 2)), layers.reshape((2, 3)), ROWS,
     lambda p, x: np.reshape(x, (-1, 3, 2))),
]  # fmt: skip


def output(layer, in_shape):
    params, state, _ = layer.init(jax.random.key(0), in_shape)
    x = jax.random.normal(jax.random.key(1), (5, *in_shape))
    x = jnp.arange(5) if not in_shape else x
    return params, x, layer.forward(params, state, x, None, True)[0]


@pytest.mark.parametrize(
    ("with_it", "without", "in_shape", "reference"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_an_option_of_a_layer_gives_what_others_give_and_changes_something(
    with_it, without, in_shape, reference
):
    params, x, y = output(with_it, in_shape)
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        np.testing.assert_allclose(y, reference(params, x), rtol=1e-4, atol=1e-5)
    plain = output(without, in_shape)[2]
    assert y.shape != plain.shape or np.abs(y - plain).max() > 1e-3


# what is drawn at random, what is tried in the tests of its own file, and what only joins layers
ELSEWHERE = {
    "activation", "drop_connect", "dropout", "encoder_block", "fractional_max_pool2d", "gru",
    "lstm", "maxout", "residual", "serial", "stateless", "stochastic_depth",
}  # fmt: skip
WITHOUT_A_ROW = {
    "batch_norm momentum", "conv2d form", "embedding vocabulary", "embedding features",
}  # fmt: skip


def test_the_table_has_every_option_of_every_layer():
    makers = {
        name: function
        for name, function in vars(layers).items()
        if inspect.isfunction(function)
        and inspect.signature(function).return_annotation is layers.Layer
    }
    wanted = {
        f"{name} {option}"
        for name, function in makers.items()
        if name not in ELSEWHERE
        for option in inspect.signature(function).parameters
    }
    assert wanted - WITHOUT_A_ROW == {row[0] for row in TABLE}


DEFAULTS = {
    "elu": (layers.elu(), jax.nn.elu),
    "leaky_relu": (layers.leaky_relu(), functools.partial(jax.nn.leaky_relu, negative_slope=0.1)),
    "max_pool2d": (layers.max_pool2d(), pool(linen.max_pool, (2, 2), (2, 2))),
    "avg_pool2d": (layers.avg_pool2d(), mean_pool((2, 2), strides=(2, 2))),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_is_that_of_others(name):
    layer, reference = DEFAULTS[name]
    params, x, y = output(layer, PIXELS)
    expected = reference(params, x) if "pool" in name else reference(x)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


IMAGE = (8, 8, 1)
NETWORKS = {
    "MLP": (models.mlp, (3, (4,)), {}),
    "ConvNet": (models.conv_net, (3,), {"filters": (2,), "units": 3}),
    "Autoencoder": (functools.partial(models.autoencoder, IMAGE), (2,), {"hidden": (3,)}),
    "ConvAutoencoder": (models.conv_autoencoder, (), {"filters": (2,)}),
    "TransformerClassifier": (
        models.transformer_classifier,
        (3,),
        {"features": 4, "num_heads": 2, "hidden": 5, "blocks": 1},
    ),
    "ResNet": (models.resnet, (3,), {"filters": (2,)}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_activation_of_a_network_is_the_one_that_was_asked_for(name):
    """The layers of Flax, in the modules, have it from their own code; the default is another."""
    function, arguments, settings = NETWORKS[name]
    asked = function(*arguments, **settings, activation="tanh")
    module = getattr(modules, name)(
        IMAGE, *arguments, **settings, activation="tanh", rngs=nnx.Rngs(0)
    )
    module.eval()
    params, state = modules.params_of(module)
    x = jax.random.normal(jax.random.key(1), (2, *IMAGE))
    y, default = (
        layer.forward(params, state, x, None, False)[0]
        for layer in (asked, function(*arguments, **settings))
    )
    np.testing.assert_allclose(y, module(x), rtol=1e-4, atol=1e-5)
    assert np.abs(y - default).max() > 1e-4
