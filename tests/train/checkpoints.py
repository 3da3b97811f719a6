"""What the tests of checkpoints share."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn.train.saving.checkpoint import Checkpoint
from jaxnn.train.saving.part import Part

IDENTITY = {
    "setup": "digits_mlp",
    "axes": {"learning_rate": [0.01, 0.1], "seed": list(range(100))},
    "versions": {"jax": "0.10.2"},
}
LIKE = {"bias": np.zeros((1, 2), np.int32), "kernel": np.zeros((1, 3, 2), np.float32)}


def part_of(lanes, epochs):
    """Every number in it says whose it is."""
    lanes = np.array(lanes)
    mark = (100 * lanes + epochs).astype(np.float32)
    return Part(
        lanes,
        epochs,
        {
            "bias": np.stack([lanes, lanes], axis=1).astype(np.int32),
            "kernel": np.broadcast_to(mark[:, None, None], (len(lanes), 3, 2)),
        },
        {"test_loss": np.tile(mark[:, None], epochs)},
    )


def opened(directory, **settings):
    return Checkpoint(directory, settings.pop("identity", IDENTITY), **settings)


def assert_same_bits(actual, expected):
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        a, b = _host(a), _host(b)
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def _host(leaf):
    is_key = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf)
