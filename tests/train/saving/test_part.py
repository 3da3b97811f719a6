import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxnn.train.errors import CheckpointMismatchError
from jaxnn.train.saving import orbax_arrays
from jaxnn.train.saving.part import Part
from tests.train.checkpoints import LIKE, assert_same_bits, opened, part_of


@pytest.mark.parametrize(
    "dtype",
    ["float32", "float64", "float16", "bfloat16", "float8_e4m3fn", "int4", "int8", "int32", "int64",
     "uint8", "uint32", "uint64", "bool", "complex64"],
)  # fmt: skip
def test_every_bit_of_every_dtype_comes_back(tmp_path, dtype):
    dtype = jnp.dtype(dtype)
    raw = np.random.default_rng(0).integers(0, 256, (3, 4 * dtype.itemsize), np.uint8)
    if dtype in (jnp.bool, jnp.int4):
        raw %= 2
    carry = {"matrix": raw.view(dtype), "scalar": raw.view(dtype)[:, 0], "zero": np.zeros(3, dtype)}
    part = Part(np.arange(3), 2, carry, {"loss": raw.view(dtype)[:, :2]})
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part)
        assert_same_bits(checkpoint.newest(carry, range(3)), [part])


def test_nan_and_negative_zero_keep_their_bits(tmp_path):
    odd = np.array([0x7FC12345, 0xFFC00001, 0x80000000, 0x00000001], np.uint32).view(np.float32)
    part = Part(np.arange(2), 1, np.stack([odd, np.full(4, -0.0, np.float32)]), {})
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part)
        assert_same_bits(checkpoint.newest(part.carry, [0, 1]), [part])


@pytest.mark.quick
def test_every_structure_comes_back(tmp_path):
    params = {"dense": [{"kernel": np.ones((2, 3), np.float32)}, ()], "a/b.c": (np.ones(2), None)}
    optimizers = (
        optax.sgd(0.1, momentum=0.9), optax.adam(0.1), optax.sgd(0.1), optax.add_noise(0.1, 0.5, 0)
    )  # fmt: skip
    states = [jax.tree.map(_stacked, optimizer.init(params)) for optimizer in optimizers]
    carry = {
        "params": jax.tree.map(_stacked, params),
        "opt": states,
        "none": np.zeros((3, 0, 4), bool),
    }
    history = {"a/b": np.ones((3, 0)), "": np.ones((3, 0, 2), np.int32)}
    part = Part(np.array([7, 3, 5]), 0, carry, history)
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part)
        (found,) = checkpoint.newest(jax.eval_shape(lambda: carry), [3, 5, 7])
    assert_same_bits(found, part)


def _stacked(leaf):
    return jnp.stack([leaf] * 3)


def test_random_keys_come_back_as_keys(tmp_path):
    keys = jax.random.split(jax.random.key(0), 2)
    with opened(tmp_path) as checkpoint:
        checkpoint.save(Part(np.arange(2), 1, {"key": keys}, {}))
        (part,) = checkpoint.newest({"key": keys}, [1])
    assert part.carry["key"].dtype == keys.dtype
    assert (jax.random.bits(part.carry["key"][0]) == jax.random.bits(keys[1])).all()


def test_orbax_alone_reads_the_arrays(tmp_path):
    import orbax.checkpoint as ocp

    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([4, 5], 2))
    (folder,) = tmp_path.glob("process_0/part_*")
    arrays = ocp.PyTreeCheckpointer().restore(folder / "arrays")
    assert_same_bits(
        arrays["carry"],
        {"0": part_of([4, 5], 2).carry["bias"], "1": part_of([4, 5], 2).carry["kernel"]},
    )


def test_each_process_of_several_writes_its_arrays(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    orbax_arrays._handler.cache_clear()
    orbax_arrays.write(tmp_path / "arrays", {"a": np.arange(3)})
    assert_same_bits(orbax_arrays.read(tmp_path / "arrays"), {"a": np.arange(3)})
    orbax_arrays._handler.cache_clear()


def test_other_arrays_are_refused_by_name(tmp_path):
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([0], 1))
        like = {"bias": LIKE["bias"], "kernel": np.zeros((1, 3, 5), np.float64)}
        with pytest.raises(CheckpointMismatchError, match=r"\['kernel'\].*3, 2\].*3, 5\]"):
            checkpoint.newest(like, [0])


@pytest.mark.parametrize(
    ("part", "match"),
    [
        (part_of([0, 1], 1)._replace(lanes=np.array([1, 1])), "lanes must be numbers that differ"),
        (part_of([0, 1], 1)._replace(lanes=np.array([0])), "is not of 1 lanes"),
        (part_of([0, 1], 1)._replace(epochs=2), "history test_loss of shape"),
    ],
)
def test_a_part_that_does_not_fit_itself_is_refused(tmp_path, part, match):
    with opened(tmp_path) as checkpoint, pytest.raises(ValueError, match=match):
        checkpoint.save(part)
