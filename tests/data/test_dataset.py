import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import data

pytestmark = pytest.mark.quick

X, Y = np.ones((4, 2), np.float32), np.array([0, 1, 2, 1])


def test_from_arrays_counts_the_classes():
    made = data.from_arrays(X, Y)
    assert made.classes == ("0", "1", "2")
    assert made.test is None
    assert made.train.labels.dtype == np.int32
    assert repr(made) == "Dataset('arrays', train=4, test=None, float32[2], classes=3)"


def test_from_arrays_takes_floating_labels_as_regression_targets():
    made = data.from_arrays(X, [1.0, 2.0, 3.0, 4.0], X[:1], [5.0], name="line")
    assert made.classes == ()
    assert made.train.labels.dtype == made.test.labels.dtype == np.float32
    assert repr(made) == "Dataset('line', train=4, test=1, float32[2], regression)"


def test_from_arrays_takes_integer_targets_where_classes_are_empty():
    made = data.from_arrays(X, Y, X, Y, classes=())
    assert made.train.labels.dtype == made.test.labels.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_from_arrays_stores_floats_as_float32(dtype):
    assert data.from_arrays(X.astype(dtype), Y).train.inputs.dtype == np.float32


def test_from_arrays_keeps_bytes_as_bytes():
    pixels = np.arange(8, dtype=np.uint8).reshape(4, 2)
    made = data.from_arrays(pixels, Y, scale=255.0)
    assert made.train.inputs.dtype == np.uint8
    assert made.scale == 255.0


def test_from_arrays_takes_jax_arrays_and_lists():
    made = data.from_arrays(jnp.asarray(X), [0, 1, 2, 1])
    np.testing.assert_array_equal(made.train.inputs, X)
    np.testing.assert_array_equal(jax.device_put(made.train.labels), Y)


def test_from_arrays_is_read_only_and_shares_nothing_with_what_was_given():
    inputs, labels = X.copy(), np.array([0, 1, 2, 1], np.int32)
    made = data.from_arrays(inputs, labels)
    inputs[:], labels[:] = 7, 0
    assert made.train.inputs.max() == 1
    assert made.train.labels.max() == 2
    with pytest.raises(ValueError, match="read-only"):
        made.train.inputs[0] = 0


def test_from_arrays_copies_no_array_that_is_read_only_already():
    pixels = np.zeros((4, 2), np.uint8)
    pixels.flags.writeable = False
    assert np.shares_memory(data.from_arrays(pixels, Y).train.inputs, pixels)


def test_datasets_can_be_keys():
    one, two = data.from_arrays(X, Y), data.from_arrays(X, Y)
    assert len({one, two, one}) == 2


NAN = np.array([[0, 1], [2, np.nan], [np.inf, 0], [0, 0]])


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (ValueError, r"train_inputs has 4 rows and train_labels has 3: ", (X, Y[:3])),
        (ValueError, r"train_inputs of shape \[0, 2\] is empty", (X[:0], Y[:0])),
        (ValueError, r"train_inputs needs shape .* got \[4\]: reshape", (X[:, 0], Y)),
        (ValueError, r"train_inputs\[1, 1\] is nan, and 2 values", (NAN, Y)),
        (ValueError, r"train_inputs\[0, 0\] is 1e\+39, and 8 values", (X * np.float64(1e39), Y)),
        (ValueError, r"train_labels\[2\] is nan", (X, [0.0, 1.0, np.nan, 1.0])),
        (TypeError, r"train_inputs has dtype bool, .*use \.astype", (X > 0, Y)),
        (
            ValueError,
            r"train_inputs holds 2147483648, which is beyond int32",
            (np.full((4, 2), 2**31), Y),
        ),
        (TypeError, r"train_inputs has dtype complex64", (X.astype(np.complex64), Y)),
        (ValueError, r"test_labels\[1\] is 'd', as 1 ", (X, list("abba"), X[:2], list("ad"))),
        (ValueError, r"train_labels needs one label per example", (X, 1)),
        (ValueError, r"train_labels needs shape .* got \[4, 3\]", (X, np.eye(4, 3, dtype=int))),
        (ValueError, r"train_labels holds -1: ", (X, Y - 1)),
        (ValueError, r"train_labels holds 4294967296: ", (X, Y * 2**31)),
        (ValueError, r"test_labels\[0\] is 3, but the 3 classes allow 0 to 2", (X, Y, X[:1], [3])),
        (
            ValueError,
            r"test_labels\[1\] is 1 \('1'\), as in 2 rows, but no training example is",
            (X, [0, 2, 0, 2], X[:3], [0, 1, 1]),
        ),
        (TypeError, r"test_labels is floating but there are 3 classes", (X, Y, X[:1], [0.0])),
        (ValueError, r"of test_inputs is float32\[1\], .* float32\[2\]", (X, Y, X[:, 1:], Y)),
        (ValueError, r"of test_inputs is uint8\[2\]", (X, Y, X.astype(np.uint8), Y)),
        (ValueError, r"only one of test_inputs and test_labels", (X, Y, X)),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("no_type_checker")
def test_from_arrays_names_what_does_not_fit(error, message, arguments):
    with pytest.raises(error, match=message):
        data.from_arrays(*arguments)


@pytest.mark.parametrize(
    ("error", "message", "settings"),
    [
        (ValueError, r"train_labels\[2\] is 2, but the 2 classes allow 0 to 1", {"classes": "ab"}),
        (ValueError, r"scale must be positive and finite, got 0", {"scale": 0}),
        (ValueError, r"scale must be positive and finite, got nan", {"scale": float("nan")}),
    ],
)
@pytest.mark.usefixtures("no_type_checker")
def test_from_arrays_names_a_setting_that_is_not_allowed(error, message, settings):
    with pytest.raises(error, match=message):
        data.from_arrays(X, Y, **settings)


@pytest.mark.usefixtures("no_type_checker")
def test_from_arrays_refuses_floating_labels_of_named_classes():
    with pytest.raises(TypeError, match="train_labels is floating but there are 3 classes"):
        data.from_arrays(X, Y.astype(float), classes=["a", "b", "c"])
