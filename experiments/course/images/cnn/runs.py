"""The network of cnn_session on a few images of MNIST, beside what it is compared with."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jaxnn import activations, data, layers, losses, metrics, optimizers, train
from jaxnn.data.prepare.splits import subset_rows
from jaxnn.train.program import program

SHAPE, CLASSES, RATE = (28, 28, 1), 10, 0.4
MOMENTUM = 0.9  # of batch norm: at Keras' 0.99 the running moments need 1,000 updates, not 100
FILTERS, UNITS = (16, 32), 64  # half of the slide's, for the sake of time
DENSE_UNITS = 148  # 784-148-10 has within 0.1 % as many parameters as the CNN
CLIP = 1e-7  # Keras keeps probabilities so far from 0 and 1


class Variant(NamedTuple):
    """One of the runs that are compared."""

    network: str = "cnn"  # or "dense"
    batch_norm: bool = True
    dropout: bool = True
    loss: str = "categorical"  # or "binary"
    shuffled: bool = False  # the pixels of all images, in one order


VARIANTS: dict[str, Variant] = {
    "cnn": Variant(),
    "no dropout": Variant(dropout=False),
    "no batch norm": Variant(batch_norm=False),
    "neither": Variant(batch_norm=False, dropout=False),
    "binary": Variant(loss="binary"),
    "cnn, shuffled": Variant(shuffled=True),
    "dense": Variant("dense", dropout=False),
    "dense, dropout": Variant("dense"),
    "dense, shuffled": Variant("dense", dropout=False, shuffled=True),
}
STAGES = {  # what is read out of the CNN: the number of its last layer, from 0
    "pixels": -1, "convolution 1": 2, "convolution 2": 7, "convolution 3": 10, "convolution 4": 15,
}  # fmt: skip

REACHES = {"convolution 1": 0, "convolution 2": 3, "pooling 1": 6, "convolution 3": 8,
           "convolution 4": 11, "pooling 2": 14}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Config:
    """Each field is a command-line flag."""

    variants: tuple[str, ...] = tuple(VARIANTS)
    seeds: int = 5
    epochs: int = 10
    evaluate_every: int = 2
    images: int = 1000
    test_images: int = 2000

    def __post_init__(self):
        for name in self.variants:
            if name not in VARIANTS:
                raise ValueError(f"no variant is called {name!r}: take {', '.join(VARIANTS)}")
        if self.epochs % self.evaluate_every:
            raise ValueError(
                f"{self.epochs} epochs are no multiple of evaluate_every={self.evaluate_every}:"
                " the last must be evaluated"
            )


QUICK = Config(variants=("cnn",), seeds=1, epochs=2)
DATA = ("mnist",)
_LOSS, _ACCURACY = (0.5, 0.2), (0.0, 0.05)
_SPLITS = ("train", "validation", "test")
TOLERANCES = {
    **{f"{split}_loss": _LOSS for split in _SPLITS},
    **{f"{split}_accuracy": _ACCURACY for split in _SPLITS},
    "test_outputs_right": (0.0, 0.02),
    "probe": (0.0, 0.05),
    "filters_before": (1e-5, 1e-6),
    "filters": (0.5, 0.1),
    "maps": (0.5, 2.0),
    "deep_maps": (0.5, 2.0),
    "image": (0.0, 1e-6),
}
WHOLE_RUN = ("filters", "maps", "deep_maps", "probe")


def network(
    kind: str,
    *,
    batch_norm: bool = True,
    dropout: Any = RATE,
    filters: Sequence[int] = FILTERS,
    units: int = UNITS,
) -> layers.Layer:
    """That of `models.conv_net` with parts left out, or a dense one of as many parameters.

    Args:
      kind: "cnn" or "dense".
      batch_norm: whether it follows each convolution.
      dropout: the rate behind each pooling or behind the dense layer; None leaves it out.
      filters: of both convolutions of each stage.
      units: width of the dense layer before the read-out.
    """
    after = [] if dropout is None else [layers.dropout(dropout)]
    if kind == "dense":
        hidden = layers.dense(DENSE_UNITS), layers.relu, *after
        return layers.serial(layers.flatten, *hidden, layers.dense(CLASSES))
    norm = [layers.batch_norm(momentum=MOMENTUM)] if batch_norm else []
    stages: list[layers.Layer] = []
    for features in filters:
        stages += 2 * [layers.conv2d(features, 3), layers.relu, *norm]
        stages += [layers.max_pool2d(2), *after]
    read_out = layers.dense(units), layers.relu, layers.dense(CLASSES)
    return layers.serial(*stages, layers.flatten, *read_out)


def binary_on_softmax(logits, targets):
    """The slide's loss: binary cross-entropy of every output of the softmax, their mean."""
    p = jnp.clip(activations.softmax(logits), CLIP, 1 - CLIP)
    return losses.binary_cross_entropy(p, targets).mean(axis=-1)


def binary_on_softmax_vjp(logits, targets, cotangent):
    """d loss / d p_k through the softmax, 0 where p_k is clipped."""
    softmax = activations.softmax(logits)
    p = jnp.clip(softmax, CLIP, 1 - CLIP)
    share = jnp.broadcast_to(cotangent[:, None] / CLASSES, p.shape)
    dp = jnp.where(p == softmax, losses.binary_cross_entropy_vjp(p, targets, share), 0)
    return activations.softmax_vjp(logits, dp)


def outputs_right(logits, labels):
    """The accuracy that Keras shows beside that loss: the share of outputs on the right side."""
    said = activations.softmax(logits) > 0.5
    return (said == jax.nn.one_hot(labels, CLASSES, dtype=jnp.bool)).mean(axis=-1)


def setup(network_kind, batch_norm, dropout, loss, epochs, evaluate_every):
    is_binary = loss == "binary"
    return train.Run(
        model=network(network_kind, batch_norm=batch_norm, dropout=RATE if dropout else None),
        loss=binary_on_softmax if is_binary else losses.softmax_cross_entropy,
        targets=functools.partial(jax.nn.one_hot, num_classes=CLASSES) if is_binary else None,
        optimizer=optimizers.adam(0.001),
        metrics={"accuracy": metrics.accuracy, "outputs_right": outputs_right},
        epochs=epochs,
        batch_size=25,
        evaluate_every=evaluate_every,
    )  # fmt: skip


def run(config: Config) -> xr.Dataset:
    """Every seed draws its own training images, which also validate: there without dropout."""
    try:
        mnist = data.load("mnist")
    except data.DataNotFoundError:
        return xr.Dataset()
    histories, seen_in = [], []
    for seed in range(config.seeds):
        of_seed = []
        for name in config.variants:
            variant = VARIANTS[name]
            images = drawn(mnist, config, seed, variant.shuffled)
            result = train.fit(
                setup, images, seed=seed, network_kind=variant.network, dropout=variant.dropout,
                batch_norm=variant.batch_norm, loss=variant.loss, epochs=config.epochs,
                evaluate_every=config.evaluate_every,
            )  # fmt: skip
            of_seed.append(_kept(result.history))
            if name == "cnn":
                seen_in.append(_looked_into(result, images, seed))
        histories.append(xr.concat(of_seed, "variant"))
    answer = xr.concat(histories, "seed").assign_coords(
        variant=list(config.variants), seed=range(config.seeds)
    )
    answer["reach"] = "layer", receptive_fields()
    answer = answer.assign_coords(layer=list(REACHES))
    return answer.merge(xr.concat(seen_in, "seed")) if seen_in else answer


def _kept(history: xr.Dataset) -> xr.Dataset:
    names = [f"{split}_{what}" for split in _SPLITS for what in ("loss", "accuracy")]
    kept = history[[*names, "test_outputs_right"]].dropna("epoch", subset=["test_accuracy"])
    return kept.drop_vars([name for name in kept.coords if name != "epoch"])


def drawn(mnist: data.Dataset, config: Config, seed: int, shuffled: bool = False) -> data.Dataset:
    """So many training images, which are the validation images too, and the first test images."""
    assert mnist.test is not None
    rows = subset_rows(len(mnist.train.inputs), size=config.images, seed=seed)
    x, y = mnist.train.inputs[rows], mnist.train.labels[rows]
    x_test = mnist.test.inputs[: config.test_images]
    y_test = mnist.test.labels[: config.test_images]
    if shuffled:
        order = np.random.default_rng(0).permutation(x[0].size)
        x, x_test = (
            images.reshape(len(images), -1)[:, order].reshape(images.shape)
            for images in (x, x_test)
        )
    made = data.from_arrays(x, y, x_test, y_test, name="some of mnist", classes=mnist.classes,
                            scale=mnist.scale)  # fmt: skip
    return dataclasses.replace(made, validation=made.train)


def _looked_into(result: train.Result, images: data.Dataset, seed: int) -> xr.Dataset:
    """The first filters before and after, how well each stage is read out, and maps of an image."""
    model = network("cnn")
    start, _ = program.initial(setup("cnn", True, True, "categorical", 1, 1), seed, SHAPE)
    assert images.test is not None
    x, x_test = (part.inputs / np.float32(images.scale) for part in (images.train, images.test))
    x_test, y_test = x_test[: len(x)], images.test.labels[: len(x)]
    right, maps = [], []
    for seen, unseen in zip(_stages(model, result, x), _stages(model, result, x_test), strict=True):
        right.append(probe(seen, images.train.labels, unseen, y_test))
        if seen.ndim == 4 and seen.shape[-1] > 1:
            maps.append(seen[0])
    first, second = maps[0][..., :8], maps[-1][..., :8]
    return xr.Dataset(
        {
            "filters_before": (("row", "column", "filter"), _first_kernel(start)),
            "filters": (("row", "column", "filter"), _first_kernel(result.params)),
            "probe": ("read_out", right),
            "image": (("y", "x"), x[0, :, :, 0]),
            "maps": (("y", "x", "map"), first),
            "deep_maps": (("y_deep", "x_deep", "map"), second),
        },
        {"read_out": list(STAGES)},
    )


def _first_kernel(params: Any) -> np.ndarray:
    return np.asarray(params[0]["kernel"])[:, :, 0]


def _stages(model: layers.Layer, result: Any, x: np.ndarray) -> Iterator[np.ndarray]:
    """What the trained network makes of images, at each of STAGES."""
    last = max(STAGES.values())

    @jax.jit
    def outputs(params, state, x):
        return [y for number, y in enumerate(through(model, params, state, x, last))
                if number in STAGES.values()]  # fmt: skip

    yield x
    yield from map(np.asarray, outputs(result.params, result.state, x))


def through(model: layers.Layer, params: Any, state: Any, x: Any, last: int) -> Iterator[Any]:
    """The output of every layer up to number `last`, in evaluation."""
    for layer, own, kept in list(zip(model.parts, params, state, strict=True))[: last + 1]:
        x, _, _ = layer.forward(own, kept, x, None, False)
        yield x


def probe(seen: np.ndarray, labels, unseen: np.ndarray, labels_unseen) -> float:
    """The accuracy on unseen images of linear least squares on features of the seen ones.

    With a ridge of a hundredth of the mean square of an image's features about their mean
    [Hoerl and Kennard 1970]; solved for one weight an image, of which there are fewer.
    """
    seen, unseen = (part.reshape(len(part), -1) for part in (seen, unseen))
    mean = seen.mean(axis=0)
    seen, unseen = seen - mean, unseen - mean
    products = seen @ seen.T
    ridge = 0.01 * np.trace(products) / len(seen)
    targets = np.eye(CLASSES, dtype=np.float32)[labels]
    offset = targets.mean(axis=0)
    weights = np.linalg.solve(products + ridge * np.eye(len(seen), dtype=np.float32),
                              targets - offset)  # fmt: skip
    said = (unseen @ (seen.T @ weights) + offset).argmax(axis=1)
    return float((said == labels_unseen).mean())


def receptive_fields() -> list[int]:
    """The rows of pixels that a unit in the middle sees after each stage, found by lighting rows.

    All weights are 1, so that a unit is above 0 just where it sees the one row that is lit.
    """
    model = network("cnn")
    params, state, _ = model.init(jax.random.key(0), SHAPE)
    params = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.ones_like(leaf) if "kernel" in str(path[-1]) else leaf, params
    )
    row_of_each = jnp.broadcast_to(jnp.eye(SHAPE[0])[:, :, None, None], (SHAPE[0], *SHAPE))

    @jax.jit
    def reach():
        outputs = enumerate(through(model, params, state, row_of_each, max(REACHES.values())))
        seen = [y for number, y in outputs if number in REACHES.values()]
        return [(y[:, y.shape[1] // 2, y.shape[2] // 2, 0] > 0).sum() for y in seen]

    return [int(rows) for rows in reach()]
