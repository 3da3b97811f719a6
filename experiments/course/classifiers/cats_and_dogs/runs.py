"""Logistic regression on draws of the images, in coordinates of their span."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from PIL import Image

from jaxnn import data, logistic_regression
from jaxnn.data.prepare.splits import subset_rows

PRINTED_AT = np.arange(500, 5001, 500)  # the iterations whose costs the slide prints
SMALL_TEST = 50  # images; percentages without decimals suggest so small a test set


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    learning_rates: tuple[float, ...] = (0.01, 0.002, 0.005)
    sizes: tuple[int, ...] = (50, 200, 500)
    draws: int = 10
    iterations: int = 5000


QUICK = Config(sizes=(50, 200), draws=2)
DATA = ("cats_vs_dogs",)
TOLERANCES = {
    "cost": (0.2, 0.05),
    "train_accuracy": (0.0, 0.05),
    "test_accuracy": (0.0, 0.03),
    "small_test_accuracy": (0.0, 0.1),
}


def run(config: Config) -> xr.Dataset:
    """Each draw of the training images, at every rate; the published test images for all."""
    try:
        pets = data.load("cats_vs_dogs")
    except data.DataNotFoundError:
        return xr.Dataset()
    assert pets.test is not None
    x_test, y_test = standardized(pets.test.inputs), pets.test.labels
    iterations = recorded(config.iterations)
    shape = (len(config.sizes), config.draws, len(config.learning_rates))
    costs = np.empty((*shape, len(iterations)))
    scores = np.empty((3, *shape))
    for i, size in enumerate(config.sizes):
        for draw_ in range(config.draws):
            rows = subset_rows(len(pets.train.inputs), size=size, seed=draw_)
            few = subset_rows(len(x_test), size=SMALL_TEST, seed=draw_)
            x, y = standardized(pets.train.inputs[rows]), pets.train.labels[rows]
            fit, images, unseen = fit_in_span(x, y, x_test, config)
            costs[i, draw_] = np.asarray(fit.costs)[:, iterations - 1]
            seen = _right(fit.params, images, y)
            right = _right(fit.params, unseen, y_test)
            scores[:, i, draw_] = seen.mean(1), right.mean(1), right[:, few].mean(1)
    coords = {
        "size": list(config.sizes),
        "draw": range(config.draws),
        "learning_rate": list(config.learning_rates),
    }
    classes = [np.bincount(part.labels, minlength=2) for part in (pets.train, pets.test)]
    names = ("train_accuracy", "test_accuracy", "small_test_accuracy")
    return xr.Dataset(
        {
            "cost": xr.DataArray(costs, {**coords, "iteration": iterations}),
            **{n: xr.DataArray(s, coords) for n, s in zip(names, scores, strict=True)},
            "thumbnails": (("animal", "axis"), [_thumbnails(pets.train, i) for i in (0, 1)]),
            "pixels": (
                "extent",
                [
                    *pets.train.inputs.shape[1:],
                    pets.train.inputs.itemsize,
                    pets.train.inputs.min(),
                    pets.train.inputs.max(),
                ],
            ),
            "images": xr.DataArray(
                np.array(classes), {"split": ["train", "test"], "animal": list(pets.classes)}
            ),
        }
    )


def _thumbnails(examples, label: int) -> tuple[int, ...]:
    """The shape of five images of a class side by side, each resized to 70x70."""
    five = examples.inputs[examples.labels == label][:5]
    row = [np.asarray(Image.fromarray(image).resize((70, 70))) for image in five]
    return np.concatenate(row, axis=1).shape


def recorded(iterations: int) -> np.ndarray:
    """The iterations, from 1, whose cost is kept: close at first, then every hundredth."""
    close = np.unique(np.geomspace(1, 100, 20).astype(int))
    return np.concatenate([close, np.arange(200, iterations + 1, 100)])


def standardized(images: np.ndarray) -> np.ndarray:
    """[images, pixels]: each image over its own pixels, as the slide's scale() does to columns."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    deviation = flat.std(axis=1, ddof=1, keepdims=True)
    return (flat - flat.mean(axis=1, keepdims=True)) / deviation


def fit_in_span(x, y, x_test, config: Config):
    """Gradient descent from zeros at every rate: (fit, images, test images) in coordinates of the
    training images' span.

    Every gradient x^T (p - y) / m is a combination of the training images, so w = q u throughout,
    where the columns of q are an orthonormal basis of them (x^T = q r). In u the descent is the
    same, step by step, with x q = r^T of m numbers an image in place of 12,288 pixels.
    """
    q, r = np.linalg.qr(x.T)
    images, unseen = jnp.asarray(r.T, jnp.float32), jnp.asarray(x_test @ q, jnp.float32)
    labels = jnp.asarray(y)
    start = logistic_regression.initialize_with_zeros(images.shape[1])

    def at_rate(learning_rate):
        return logistic_regression.optimize(
            start, images, labels, learning_rate=learning_rate, num_steps=config.iterations
        )

    rates = jnp.asarray(config.learning_rates, jnp.float32)
    return jax.jit(jax.vmap(at_rate))(rates), images, unseen


def _right(params, images, labels) -> np.ndarray:
    """[rates, images]: whether each is told right."""
    predicted = jax.vmap(logistic_regression.predict, (0, None))(params, images)
    return np.asarray(predicted) == np.asarray(labels)
