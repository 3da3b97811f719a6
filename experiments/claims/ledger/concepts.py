"""What the slides say of networks, layers and descent, shown on small arrays without training."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.claims.ledger.descent import line
from experiments.claims.ledger.register import answers
from experiments.claims.ledger.shapes import made, network_of_the_code
from experiments.claims.ledger.training import initial_params
from jaxnn import data, layers, losses, optimizers


@answers("dnn-definition")
def hidden_layers(networks):
    """Dense layers but the last, of each of the slides' networks."""
    return [len(_kernels(sizes)) - 1 for sizes in networks]


@answers("mnist-title-linear")
def hidden_layers_of_one(sizes):
    """Dense layers but the last; a linear classifier has none."""
    return len(_kernels(sizes)) - 1


@answers("purenet-single-layered-comment")
def layers_of_weights(seed, hidden):
    """Matrices of weights that initialize_network makes."""
    return sum("kernel" in layer for layer in initial_params(seed, hidden) if layer)


def _kernels(sizes):
    model = layers.serial(*(layers.dense(size) for size in sizes[1:]))
    return [layer["kernel"] for layer in made(model, sizes[0])[0]]


def _key():
    return jax.random.key(0)


@answers("matmul-placeholder")
def shape_between(left, result):
    """The kernel of the layer that leads from the one shape to the other."""
    return made(layers.dense(result[-1]), left[-1])[0]["kernel"].shape


@answers("layer-kinds")
def connections_made(inputs, units):
    """Outputs that each input reaches, through the dense layer: a full connection."""
    params = jax.tree.map(lambda p: jnp.ones(p.shape), made(layers.dense(units), inputs)[0])
    reached = jax.jacobian(lambda x: layers.affine(x, **params))(jnp.ones(inputs)) != 0
    return reached.sum(), inputs * units


@answers("dense-one-dimensional-only")
def through_a_dense_layer(shape, units):
    """The shape that comes out, and the largest difference from mapping one place at a time."""
    x_key, kernel_key = jax.random.split(_key())
    x = jax.random.normal(x_key, shape)
    kernel, bias = jax.random.normal(kernel_key, (shape[-1], units)), jnp.ones(units)
    out = layers.affine(x, kernel, bias)
    alone = jax.vmap(lambda place: layers.affine(place, kernel, bias))(x.reshape(-1, shape[-1]))
    return out.shape, abs(out.reshape(-1, units) - alone).max()


@answers("conv-keeps-space")
def convolution_of_the_moved_and_moved_convolution(size, shift):
    """The largest difference, away from the border."""
    convolution = layers.conv2d(2, 3)
    image = jax.random.normal(_key(), (1, size, size, 3))
    params, state, _ = convolution.init(_key(), (size, size, 3))

    def features(x):
        return convolution.forward(params, state, x, None, False)[0]

    moved = features(jnp.roll(image, shift, axis=(1, 2)))
    inner = slice(shift + 2, size - 2)
    return abs(moved - jnp.roll(features(image), shift, axis=(1, 2)))[:, inner, inner].max()


@answers("pooling-kinds")
def pooled(image):
    """Max and average pooling by 2 x 2; and the largest values moved within their windows."""
    x = image[None, :, :, None]

    def pool(layer, x):
        return layer.forward((), (), x, None, False)[0].squeeze()

    moved = x.reshape(1, 2, 2, 2, 2, 1)[:, :, ::-1, :, ::-1].reshape(x.shape)
    largest, mean = layers.max_pool2d(2), layers.avg_pool2d(2)
    return pool(largest, x), pool(mean, x), pool(largest, moved)


@answers("topic-cnn-pipeline-r")
def shapes_of_the_pipeline(size, channels, filters, classes):
    """What each step of the pipeline makes of an image, from same padding to the outputs."""
    pipeline = [layers.conv2d(filters[0], 3), layers.relu, layers.max_pool2d()]
    pipeline += [layers.conv2d(filters[1], 3), layers.relu, layers.max_pool2d()]
    shape, shapes = (size, size, channels), []
    for layer in [*pipeline, layers.flatten, layers.dense(classes)]:
        shape = made(layer, *shape)[2]
        shapes.append(list(shape))
    return shapes


@answers("cnn-composition")
def kinds_of_layers(size, channels):
    """The kinds of the printed network's layers in the order of their first use."""
    names = [name.partition("(")[0] for name, _, _ in network_of_the_code(size, channels)]
    return list(dict.fromkeys(names))


@answers("cnn-code-input-shape")
def inputs_of_the_convolutions(size, channels):
    """The shape that reaches each convolution of the printed network."""
    shape, found = [size, size, channels], []
    for name, _, out_shape in network_of_the_code(size, channels):
        if name.startswith("conv2d"):
            found.append(shape)
        shape = list(out_shape)
    return found


@answers("digits-scaled")
def range_and_size_of_the_digits(divisor):
    """Least and largest pixel, images, and pixels of an image."""
    digits = data.load("digits")
    assert digits.test is not None
    images = np.concatenate([digits.train.inputs, digits.test.inputs])
    scaled = jnp.asarray(images.reshape(len(images), -1)) / divisor
    return scaled.min(), scaled.max(), *scaled.shape


@answers("digits-sgd-is-full-batch")
def updates_of_an_epoch(samples, batch, momentum, gradients):
    """Updates per epoch, and how far momentum 0 moves away from the plain rule."""
    plain, heavy = optimizers.gradient_descent(0.1), optimizers.momentum(0.1, momentum)
    step = [optimizer.init(gradients[0]) for optimizer in (plain, heavy)]
    apart = []
    for gradient in gradients:
        moves = []
        for i, optimizer in enumerate((plain, heavy)):
            move, step[i] = optimizer.update(gradient, step[i])
            moves.append(move)
        apart.append(abs(moves[0] - moves[1]))
    return len(range(0, samples, batch)), max(apart)


@answers("optimisation-goal")
def steps_of_newton_and_of_descent(start, learning_rate, tolerance, x, y):
    """Steps until W is that close to the minimum of the linear cost, at W = 1."""

    def gradient(w):
        return line(w, x, y)[1] / 2

    curvature = gradient(start + 1) - gradient(start)  # exact for a quadratic
    rates = float(1 / curvature), float(learning_rate)
    paths = [optimizers.descend(optimizers.gradient_descent(r), gradient, start, 50) for r in rates]
    return [(abs(path - 1) <= tolerance).argmax() for path in paths]


@answers("steepest-descent")
def angle_to_the_best_direction(w, b, x, y, length, directions):
    """Degrees between minus the gradient and the direction that lowers the cost most."""
    at = jnp.stack([w, b])

    def cost(v):
        prediction = layers.affine(x[:, None], v[:1, None], v[1:])
        return losses.squared_error(prediction, y[:, None]).mean()

    angles = jnp.linspace(0, 2 * jnp.pi, directions, endpoint=False)
    steps = length * jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
    best = angles[jax.vmap(lambda step: cost(at + step))(steps).argmin()]
    down = -jax.grad(cost)(at)
    difference = best - jnp.arctan2(down[1], down[0])
    return jnp.degrees(abs(jnp.arctan2(jnp.sin(difference), jnp.cos(difference))))
