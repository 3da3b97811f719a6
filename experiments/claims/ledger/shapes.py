"""Arrays, their ranks and shapes; networks, their parameters and outputs; data, their sizes."""

import datetime
import itertools
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
from dateutil import easter

from experiments.claims.ledger.register import answers
from jaxnn import activations, data, layers


@answers("matmul-1x2-2x3", "matmul-entry-expansion")
def through_a_layer(x, weights):
    return layers.affine(x, weights, jnp.zeros(weights.shape[1]))


@answers("np-dot-example")
def product(a, b):
    return through_a_layer(a, b)


@answers("matmul-unknown-shape")
def shape_of_the_kernel(left, result):
    return _params(layers.dense(result[-1]), left[-1])["kernel"].shape


@answers("matmul-3x2-2x4")
def shape_of_the_product(left, right):
    return jax.eval_shape(through_a_layer, jnp.zeros(left), jnp.zeros(right)).shape


@answers("ndarray-1d", "ndarray-2d")
def dimensions_and_shape(**arrays):
    (array,) = (jnp.asarray(values) for values in arrays.values())
    return [array.ndim, *array.shape]


@answers("tensor-ranks")
def ranks(**arrays):
    return [jnp.asarray(values).ndim for values in arrays.values()]


@answers("tensor-shapes")
def shapes(**arrays):
    return [jnp.asarray(values).shape for values in arrays.values()]


@answers("tensor-reshape")
def reshape(z, shape):
    return jnp.asarray(z).reshape(shape)


@answers("tensor-p-third-block")
def odd_numbers():
    return jnp.arange(1, 10, 2)


@answers("tensor-out8-brackets")
def closing_brackets(p):
    return re.findall(r"\]+\)", repr(np.array(p)))[-1]


@answers("tensor-data-ranks")
def ranks_of_data(axes):
    return [jnp.zeros([1] * len(names)).ndim for names in axes]


@answers("two-layer-shapes")
def shape_of_the_scores(D, H, C):  # noqa: N803 (the slide's letters)
    model = layers.serial(layers.dense(H), layers.relu, layers.dense(C))
    params = _params(model, D)
    return jax.eval_shape(
        lambda p: model.forward(p, ((), (), ()), jnp.zeros(D), None, True)[0], params
    ).shape


@answers("two-layer-collapse")
def in_turn_and_at_once(w1, w2, x):
    return _without_bias(_without_bias(x, w1), w2), _without_bias(x, w2 @ w1)


@answers("two-layer-with-relu")
def sum_of_values_and_value_of_sum(w1, w2, x, y):
    def scores(v):
        return _without_bias(activations.relu(_without_bias(v, w1)), w2)

    return scores(x) + scores(y), scores(x + y)


@answers("linear-stack-collapse-cnn")
def three_layers_and_their_product(x, weights):
    deep = x
    for w in weights:
        deep = _without_bias(deep, w)
    return deep, _without_bias(x, jnp.linalg.multi_dot(weights[::-1]))


def _without_bias(x, w):
    """The slides' W x, of a layer whose kernel is W^T."""
    return layers.affine(x, w.T, jnp.zeros(len(w)))


@answers("mnist-mlp-parameters", "keras-dense-16-parameters")
def parameters_of_dense_layers(sizes):
    counts = [_count(layers.dense(b), a) for a, b in itertools.pairwise(sizes)]
    return [*counts, sum(counts)]


@answers("fully-connected-edges")
def connections(inputs, outputs):
    return _count(layers.dense(outputs, use_bias=False), inputs)


@answers("dense-kernel-shape")
def kernel_of_a_layer(input_dimension, units):
    return _params(layers.dense(units), input_dimension)["kernel"].shape


@answers("r-feature-length")
def length_of_an_image(height, width, channels):
    return layers.flatten.init(jax.random.key(0), (height, width, channels))[2][0]


@answers("r-parameter-count")
def parameters_of_one_neuron(height, width, channels):
    return _count(layers.dense(1), length_of_an_image(height, width, channels))


@answers("r-conv-versus-dense")
def convolution_and_dense_layer(height, width, channels, kernel, filters):
    """Parameters of each; then products, of which a kernel's weight makes one at each place."""
    image = height, width, channels
    convolution = layers.conv2d(filters, kernel)
    rows, columns, features = made(convolution, *image)[2]
    whole, outputs = length_of_an_image(*image), rows * columns * features
    return (
        _count(convolution, *image),
        _count(layers.dense(outputs), whole),
        _count(layers.conv2d(filters, kernel, use_bias=False), *image) * rows * columns,
        _count(layers.dense(outputs, use_bias=False), whole),
    )


def network_of_the_code(size, channels, kernel=3, classes=10):
    """The printed network, layer by layer: name, numbers kept with the running moments, out_shape.

    Activations and dropout are left out, which keep no numbers and no shape of their own.
    """
    stack = []
    for filters in (32, 64):
        stack += [layers.conv2d(filters, kernel), layers.batch_norm()] * 2 + [layers.max_pool2d()]
    shape = size, size, channels
    for layer in [*stack, layers.flatten, layers.dense(128), layers.dense(classes)]:
        params, state, shape = made(layer, *shape)
        yield layer.name, _numbers((params, state)), shape


@answers("cnn-code-parameters")
def parameters_of_the_code(size, channels, kernel, classes):
    made = network_of_the_code(size, channels, kernel, classes)
    counts = [count for _, count, _ in made if count]
    return [*counts, sum(counts)]


@answers("cnn-code-shapes")
def shapes_of_the_code(size):
    made = list(network_of_the_code(size, channels=3))
    sides = [shape[0] for name, _, shape in made if name.startswith("max_pool2d")]
    (flat,) = (shape for name, _, shape in made if name == "flatten")
    return [size, *sides, *flat]


@answers("conv-window-sizes")
def output_sizes(sizes):
    return [
        made(layers.conv2d(1, k, strides=s, padding=[(p, p), (p, p)]), n, n, 1)[2][0]
        for n, k, p, s in sizes
    ]


def made(layer, *in_shape):
    """The layer's params and state as shapes, for nothing is drawn; and the shape of its output."""
    out_shape: tuple[int, ...] = ()

    def init(key):
        nonlocal out_shape
        params, state, out_shape = layer.init(key, in_shape)
        return params, state

    return *jax.eval_shape(init, jax.random.key(0)), out_shape


def _params(layer, *in_shape):
    return made(layer, *in_shape)[0]


def _count(layer, *in_shape):
    return _numbers(_params(layer, *in_shape))


def _numbers(tree):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


@answers("mnist-shapes")
def shapes_of_mnist():
    train = data.load("mnist").train
    return train.inputs.squeeze(-1).shape, train.labels.shape


@answers("mnist-vectorised-shape")
def shapes_of_vectors(shape, test):
    flatten = layers.flatten.forward
    return [
        jax.eval_shape(
            lambda images: flatten((), (), images, None, True)[0], jax.ShapeDtypeStruct(s, float)
        ).shape
        for s in (shape, test)
    ]


@answers("mnist-steps-per-epoch")
def steps_of_training(samples, validation_split, batch, epochs):
    held_back = round(samples * float(validation_split))
    steps = len(range(0, samples - held_back, batch))
    return samples - held_back, held_back, steps, steps * epochs


@answers("mnist-accuracy-float32")
def in_single_precision(correct, total):
    return float(jnp.float32(correct) / jnp.float32(total))


@answers("mnist-xlim")
def epochs_in_sight(epochs):
    first, last = sorted((250, epochs + 1))
    return [epoch for epoch in range(1, epochs + 1) if first <= epoch <= last]


@answers("digits-split-shapes")
def shapes_of_digits(test_size):
    digits = data.load("digits", test_size=float(test_size))
    assert digits.test is not None
    return len(digits.train.inputs), digits.train.inputs[0].size, len(digits.test.inputs)


@answers("purenet-one-hot")
def one_hot(label, n_outputs):
    return jax.nn.one_hot(label, n_outputs, dtype=int)


@answers("r-scale-axis")
def standardised_either_way(X):  # noqa: N803 (the tutorial's letter)
    return _scale(X)(X), _scale(X.T)(X.T).T


@answers("r-scale-test-own-stats")
def by_own_and_by_training_statistics(train, test):
    return _scale(test)(test), _scale(train)(test)


def _scale(x):
    """The map of R's scale(), column by column."""
    fitted = data.standardizer(np.asarray(x), ddof=1)
    return lambda values: fitted(np.asarray(values))


@answers("schedule-weekdays")
def weekdays(dates):
    return [datetime.date.fromisoformat(day).strftime("%A") for day in dates]


@answers("schedule-easter")
def easter_sunday(year):
    return easter.easter(year).isoformat()
