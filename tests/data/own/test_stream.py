import numpy as np
import pytest

from jaxnn import data

pytestmark = [pytest.mark.quick, pytest.mark.usefixtures("no_type_checker")]

X = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
Y = np.array([0, 1, 2, 1, 0, 2])


class ByIndex:
    """Examples one by one, as Grain's own sources give them."""

    def __init__(self, inputs=X, labels=Y):
        self.inputs, self.labels = inputs, labels

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        assert isinstance(index, int)
        return self.inputs[index], self.labels[index]


class ManyAtOnce(ByIndex):
    def __getitem__(self, index):
        raise AssertionError("not asked one by one")

    def __getitems__(self, indices):
        return self.inputs[indices], self.labels[indices]


@pytest.fixture
def memory_mapped(tmp_path):
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    return tuple(np.load(tmp_path / name, mmap_mode="r") for name in ("x.npy", "y.npy"))


def test_a_stream_is_a_dataset_of_which_the_training_examples_are_shapes():
    made = data.from_source((X, Y), X[:2], Y[:2], name="pixels", scale=255.0)
    assert isinstance(made, data.Dataset)
    assert repr(made) == "Dataset('pixels', train=6, test=2, uint8[2, 2], classes=3)"
    assert (made.train.inputs.shape, made.train.labels.shape) == ((6, 2, 2), (6,))
    assert (made.train.inputs.dtype, made.train.labels.dtype) == (np.uint8, np.int32)
    assert (made.classes, made.scale) == (("0", "1", "2"), 255.0)


@pytest.mark.parametrize("kind", ["arrays", "memory-mapped", "by index", "many at once"])
def test_every_source_gives_the_examples_that_are_asked_for(kind, memory_mapped):
    source = {
        "arrays": (X, Y), "memory-mapped": memory_mapped,
        "by index": ByIndex(), "many at once": ManyAtOnce(),
    }[kind]  # fmt: skip
    made = data.from_source(source, classes="abc")
    rows = np.array([[5, 0], [3, 3], [1, 2]])
    inputs, labels = made.fetch(rows)
    np.testing.assert_array_equal(inputs, X[rows])
    np.testing.assert_array_equal(labels, Y[rows])
    assert (inputs.dtype, labels.dtype) == (np.uint8, np.int32)


def test_wide_floats_become_float32_and_targets_stay_targets():
    made = data.from_source((X / 7.0, Y / 3.0))
    inputs, labels = made.fetch(np.array([4]))
    assert (inputs.dtype, labels.dtype, made.classes) == (np.float32, np.float32, ())
    np.testing.assert_allclose(inputs, X[4:5] / 7.0, rtol=1e-7)


def test_nothing_is_written_to_or_locked():
    inputs = X.copy()
    data.from_source((inputs, Y)).fetch(np.arange(6))
    assert inputs.flags.writeable
    np.testing.assert_array_equal(inputs, X)


def test_a_fingerprint_tells_sources_apart_cheaply(memory_mapped):
    same = data.from_source((X, Y)).fingerprint()
    assert data.from_source(memory_mapped).fingerprint() == same
    assert data.from_source(ByIndex(), classes="012").fingerprint() == same
    others = [(X + 1, Y), (X, Y[::-1]), (X[:5], Y[:5]), (X.astype(np.float32), Y)]
    prints = {data.from_source(other).fingerprint() for other in others}
    assert len(prints | {same}) == 5
    assert data.from_source((X, Y), digest="v2").fingerprint() == "v2"
    asked = []

    class Counting(ByIndex):
        def __getitem__(self, index):
            asked.append(index)
            return super().__getitem__(index)

    large = Counting(np.zeros((10_000, 3)), np.zeros(10_000, int))
    data.from_source(large, classes="0").fingerprint()
    assert len(asked) < 100
    assert max(asked) == 9_999


def spoilt(value, row):
    inputs = X.astype(np.float32)
    inputs[row, 0, 1] = value
    return inputs


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        ((X, Y[:5]), {}, ValueError, "6 inputs and 5 labels"),
        ((X[:0], Y[:0]), {}, ValueError, "stream has no training examples"),
        (ByIndex(), {}, ValueError, "how many classes there are: name them in classes="),
        ((X, Y), {"threads": 0}, ValueError, "threads must be at least 1, got 0"),
        ((X, Y), {"scale": 0.0}, ValueError, "scale must be positive"),
        ((X, Y), {"test_inputs": X}, ValueError, "give both or none"),
        (
            (X, Y),
            {"test_inputs": X[:, 0], "test_labels": Y},
            ValueError,
            r"one row of test_inputs is uint8\[2\]",
        ),
    ],
)
def test_what_cannot_be_a_stream_is_refused(source, options, error, message):
    with pytest.raises(error, match=message):
        data.from_source(source, **options)


class Uneven(ByIndex):
    def __getitem__(self, index):
        return (X[index, :1] if index == 4 else X[index]), Y[index]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((spoilt(np.nan, 3), Y), r"example 3 of stream: .*\[0, 0, 1\] is nan"),
        ((X, np.array([0, 1, 2, 1, 7, 2])), r"example 4 of stream: .* is 7, but the 3 classes"),
        (Uneven(), r"example 4 of stream: its inputs are uint8\[1, 2\], but .* uint8\[2, 2\]"),
    ],
)
def test_an_example_that_is_not_like_the_others_is_named_when_it_is_fetched(source, message):
    made = data.from_source(source, classes="012")
    made.fetch(np.array([0, 1, 2]))
    with pytest.raises(ValueError, match=message):
        made.fetch(np.arange(6))
