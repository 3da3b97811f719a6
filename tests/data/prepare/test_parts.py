import numpy as np
import pytest
from tensorflow_datasets.core import ReadInstruction
from tensorflow_datasets.core.splits import SplitInfo

from jaxnn import data

pytestmark = pytest.mark.quick

N = 37
X = np.arange(2.0 * N, dtype=np.float32).reshape(N, 2)
Y = np.arange(N) % 3


@pytest.fixture
def made():
    return data.from_arrays(X, Y, 10 + X[:6], Y[:6], scale=2.0, name="made")


@pytest.mark.parametrize(
    "split",
    [
        *("train", "train[:10]", "train[10:]", "train[3:9]", "train[-5:]", "train[:-5]"),
        *("train[:10%]", "train[33%:66%]", "train[-10%:]"),
        *("train[:5]+train[30:]", "train[:20%] + train[80%:]"),
    ],
)  # fmt: skip
def test_parts_are_those_of_the_splits_api_of_tfds(made, split):
    infos = {"train": SplitInfo(name="train", shard_lengths=[N], num_bytes=0)}
    absolute = ReadInstruction.from_spec(split).to_absolute(infos)
    rows = np.concatenate([np.arange(N)[part.from_ : part.to] for part in absolute])
    selected = data.select(made, split)
    np.testing.assert_array_equal(selected.train.inputs, X[rows])
    np.testing.assert_array_equal(selected.train.labels, Y[rows])
    assert selected.test is made.test


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("test", r"split='test': 'test' is no part of the training examples of made: give 'train'"),
        ("train[5]", r"'train\[5\]' is no part"),
        ("train+test", "'test' is no part"),
        ("", "'' is no part"),
        ("train[:38]", r"are the examples from 0 to 38 of 37 in made: give .* none beyond 37"),
        ("train[:120%]", "from 0 to 44 of 37"),
        ("train[-40:]", "from -3 to 37 of 37"),
        ("train[9:9]", "from 9 to 9 of 37"),
        ("train[:1%]", "from 0 to 0 of 37"),
    ],
)
def test_what_is_no_part_is_refused(made, split, message):
    with pytest.raises(ValueError, match=message):
        data.select(made, split)


def test_what_is_held_out_is_taken_from_the_training_examples_class_by_class(made):
    held = data.hold_out(made, 0.25, seed=1)
    assert np.bincount(held.validation.labels).tolist() == [4, 3, 3]
    rows = np.concatenate([held.train.inputs, held.validation.inputs])
    np.testing.assert_array_equal(np.sort(rows[:, 0]), X[:, 0])
    assert held.test is made.test
    assert "train=27, validation=10, test=6" in repr(held)
    assert data.hold_out(made, 0).validation is None
    with pytest.raises(ValueError, match="leave 0 of 37 examples to train on"):
        data.hold_out(made, 37)


def test_every_part_is_standardised_by_the_statistics_of_the_training_examples(made):
    held = data.hold_out(made, 10, seed=2)
    ready = data.standardized(held)
    mean, deviation = held.train.inputs.mean(axis=0), held.train.inputs.std(axis=0)
    for name in ("train", "validation", "test"):
        expected = (getattr(held, name).inputs - mean) / deviation
        inputs = getattr(ready, name).inputs
        np.testing.assert_allclose(inputs, expected, rtol=1e-5, atol=1e-6)
        assert inputs.dtype == np.float32
        assert not inputs.flags.writeable
        np.testing.assert_array_equal(getattr(ready, name).labels, getattr(held, name).labels)
    assert ready.scale == 1.0


def test_a_test_set_by_its_own_statistics_loses_its_shift():
    """scale(testx), as on the slide, beside the right way  [r_tutorial 2.5, an erratum]."""
    train, test = np.array([[1.0], [2.0], [3.0], [6.0]]), np.array([[4.0], [6.0]])
    by_its_own = data.standardizer(test, ddof=1)(test)
    by_the_training_set = data.standardizer(train, ddof=1)(test)
    np.testing.assert_allclose(by_its_own[:, 0], [-(0.5**0.5), 0.5**0.5])
    np.testing.assert_allclose(by_the_training_set[:, 0], [0.4629100498862757, 1.3887301496588271])
    assert by_the_training_set.mean() > by_its_own.mean() + 0.9


def test_load_does_all_of_it_in_order():
    whole = data.load("digits", test_size=100, seed=3)
    loaded = data.load(
        "digits", split="train[:1000]", validation=200, standardize=True, test_size=100, seed=3
    )
    sizes = [len(part.labels) for part in (loaded.train, loaded.validation, loaded.test)]
    assert sizes == [800, 200, 100]
    expected = data.standardized(data.hold_out(data.select(whole, "train[:1000]"), 200, seed=3))
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(loaded, part).inputs, getattr(expected, part).inputs)
    varying = loaded.train.inputs.std(axis=0) > 0
    np.testing.assert_allclose(loaded.train.inputs.std(axis=0)[varying], 1, rtol=1e-4)


def test_an_example_becomes_its_own_target():
    held = data.hold_out(data.load("digits", test_size=0.1), 0.1)
    own = data.autoencoding(held)
    assert own.classes == ()
    for before, after in zip((held.train, held.validation, held.test),
                             (own.train, own.validation, own.test), strict=True):  # fmt: skip
        assert after.inputs is before.inputs
        np.testing.assert_array_equal(after.labels, before.inputs.reshape(-1, 64) / 16.0)
        assert after.labels.dtype == np.float32
        assert not after.labels.flags.writeable


def test_without_a_test_split_an_autoencoder_has_none_either():
    assert data.autoencoding(data.from_arrays(X, Y)).test is None


def test_pooled_examples_are_those_for_training_and_then_those_for_testing(made):
    pooled = data.pooled(made)
    np.testing.assert_array_equal(pooled.train.inputs, [*X, *(10 + X[:6])])
    np.testing.assert_array_equal(pooled.train.labels, [*Y, *Y[:6]])
    assert pooled.test is None
    assert (pooled.scale, pooled.classes) == (made.scale, made.classes)
    assert not pooled.train.inputs.flags.writeable
    assert data.pooled(pooled) is pooled
    with pytest.raises(ValueError, match="made has validation examples"):
        data.pooled(data.hold_out(made, 5))
