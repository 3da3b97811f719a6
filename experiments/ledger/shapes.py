"""Arrays, their ranks and shapes; networks, their parameters and outputs; data, their sizes."""

import datetime
import itertools
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
from dateutil import easter

from experiments.ledger.register import answers
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
    """A convolution is a dense layer on each of its windows."""
    window, pixels = kernel * kernel * channels, height * width
    whole = length_of_an_image(height, width, channels)
    weights = _count(layers.dense(filters, use_bias=False), window)
    dense_weights = _count(layers.dense(pixels * filters, use_bias=False), whole)
    return (
        _count(layers.dense(filters), window),
        _count(layers.dense(pixels * filters), whole),
        weights * pixels,
        dense_weights,
    )


@answers("cnn-code-parameters")
def parameters_of_the_code(size, channels, kernel, classes):
    """A convolution is a dense layer on its windows; batch normalisation has 4 per channel."""
    counts = []
    for filters in (32, 32, 64, 64):
        counts += [_count(layers.dense(filters), kernel * kernel * channels), 4 * filters]
        channels = filters
    *_, features = shapes_of_the_code(size)
    counts += [_count(layers.dense(128), features), _count(layers.dense(classes), 128)]
    return [*counts, sum(counts)]


@answers("cnn-code-shapes")
def shapes_of_the_code(size):
    sides = [size]
    for _ in range(2):
        same = _windows(sides[-1], 3, 1, 1)
        sides.append(_windows(same, 2, 0, 2))
    flat = layers.flatten.init(jax.random.key(0), (sides[-1], sides[-1], 64))[2]
    return [*sides, *flat]


@answers("conv-window-sizes")
def output_sizes(sizes):
    return [_windows(n, k, p, s) for n, k, p, s in sizes]


def _windows(n, k, p, s):
    """How many windows of k elements fit, by taking the maximum of each."""
    return jax.eval_shape(
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (k,), (s,), [(p, p)]),
        jnp.zeros(n),
    ).shape[0]


def _params(layer, *in_shape):
    return jax.eval_shape(lambda key: layer.init(key, in_shape)[0], jax.random.key(0))


def _count(layer, *in_shape):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(_params(layer, *in_shape)))


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
    return _standardised(X, 0), _standardised(X, 1)


@answers("r-scale-test-own-stats")
def by_own_and_by_training_statistics(train, test):
    return _standardised(test, 0), (test - train.mean()) / train.std(ddof=1)


def _standardised(x, axis):
    """R's scale: to mean 0 and standard deviation 1, with n - 1 in the variance."""
    mean, deviation = x.mean(axis, keepdims=True), x.std(axis, keepdims=True, ddof=1)
    return (x - jnp.broadcast_to(mean, x.shape)) / jnp.broadcast_to(deviation, x.shape)


@answers("schedule-weekdays")
def weekdays(dates):
    return [datetime.date.fromisoformat(day).strftime("%A") for day in dates]


@answers("schedule-easter")
def easter_sunday(year):
    return easter.easter(year).isoformat()
