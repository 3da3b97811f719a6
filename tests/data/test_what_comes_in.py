"""What goes into a reader or a split, and what comes out: numbers, or the words of an error."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from jaxnn import data

pytestmark = pytest.mark.usefixtures("no_type_checker")

X = np.arange(8, dtype=np.float32).reshape(4, 2)
Y = np.array([0, 1, 2, 1])
ONE_HOT = np.eye(3, dtype=int)[Y]
SEVERAL = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 1]])
HIDDEN = np.ma.masked_array(X, np.arange(8).reshape(4, 2) == 3)
CLOSE = np.array([[1.7e9 + i, i] for i in range(4)])


def objects(*rows):
    array = np.empty((len(rows), *np.shape(rows[0])), object)
    array[...] = rows
    return array


LABELS = [  # given, those that come out, the classes
    (Y[:, None], Y, "012"),
    (Y.astype(np.int8), Y, "012"),
    (Y.astype(np.uint64), Y, "012"),
    (Y.tolist(), Y, "012"),
    (objects(0, 1, 2, 1), Y, "012"),
    (list("cabc"), [2, 0, 1, 2], "abc"),
    (np.array(list("cabc"))[:, None], [2, 0, 1, 2], "abc"),
    (objects(*"cabc"), [2, 0, 1, 2], "abc"),
    (pd.Series(list("cabc")), [2, 0, 1, 2], "abc"),
    (pd.Categorical(list("cabc")), [2, 0, 1, 2], "abc"),
    (pd.DataFrame({"y": Y}), Y, "012"),
    (Y > 0, [0, 1, 1, 1], ("False", "True")),
    (np.ma.masked_array(Y), Y, "012"),
    ([0, 0, 0, 0], [0, 0, 0, 0], "0"),
    ([0.0, 1.0, 2.0, 1.0], [0.0, 1.0, 2.0, 1.0], ""),
    (Y[:, None] / 2, Y[:, None] / 2, ""),
    (SEVERAL.astype(np.float32), SEVERAL, ""),
    (objects(0.5, 1, 2, 4), [0.5, 1, 2, 4], ""),
]


@pytest.mark.parametrize(("labels", "expected", "classes"), LABELS)
def test_labels_come_out_as_they_are_meant(labels, expected, classes):
    made = data.from_arrays(X, labels, X[:2], labels[:2])
    assert made.classes == tuple(classes)
    np.testing.assert_array_equal(made.train.labels, expected)
    np.testing.assert_array_equal(made.test.labels, expected[:2])
    assert made.train.labels.dtype == (np.int32 if classes else np.float32)
    streamed = data.from_source((X, np.asarray(labels)))
    assert streamed.classes == made.classes
    np.testing.assert_array_equal(
        streamed.fetch(np.array([2, 0])).labels, made.train.labels[[2, 0]]
    )


INPUTS = [
    (objects([1, 2.5], [3, 4]), [[1, 2.5], [3, 4]]),
    (pd.DataFrame({"a": [1.5, 2], "b": [3.0, 4]}), [[1.5, 3], [2, 4]]),
    (np.ma.masked_array(X[:2]), X[:2]),
    (X[:2].astype(">f8"), X[:2]),
    (X[:2].astype(np.float16), X[:2]),
    (X[:1], X[:1]),
    (np.concatenate([X[:1], X[:1]]), X[[0, 0]]),
]


@pytest.mark.parametrize(("inputs", "expected"), INPUTS)
def test_inputs_come_out_as_they_are_meant(inputs, expected):
    made = data.from_arrays(inputs, [0, 1][: len(inputs)])
    np.testing.assert_array_equal(made.train.inputs, np.asarray(expected, np.float32))
    assert made.train.inputs.dtype == np.float32


REFUSED = [
    (HIDDEN, Y, ValueError, r"train_inputs\[1, 1\] is masked, as 1 entries .*: \.filled\(value\)"),
    (X, np.ma.masked_array(Y, Y == 2), ValueError, r"train_labels\[2\] is masked"),
    ([[1.0], [2.0, 3.0]], Y, ValueError, "train_inputs has rows that differ in shape"),
    (
        objects([1, "a"], [2, "b"]),
        Y,
        TypeError,
        "holds int, str, not numbers alone: data.from_",
    ),
    (objects([1, None], [2, 3]), Y, ValueError, r"train_inputs\[0, 1\] is nan, and 1 values"),
    (objects([1, {}], [2, 3]), Y, TypeError, "holds dict, int, not numbers alone"),
    (
        pd.DataFrame({"a": [1, 2], "b": ["u", "v"]}),
        Y,
        TypeError,
        "data.from_frame takes pandas",
    ),
    (np.array([["1", "2"]] * 4), Y, TypeError, r"dtype <U1, .*\.astype\(np.float32\)"),
    (CLOSE, Y, ValueError, r"train_inputs\[:, 0\] goes from .*float32 cannot tell apart: subtract"),
    (X, [2e9, 2e9 + 1, 2e9 + 2, 2e9], ValueError, r"train_labels\[:\] goes from .*: subtract the"),
    (
        X,
        [0, 1, 2, 400_000_000],
        ValueError,
        "makes 400000001 classes, of which 4 occur: number the",
    ),
    (X, [0, 1, 2, 5000], ValueError, r"train_labels\[3\] is 5000, which makes 5001 classes"),
    (X, ONE_HOT, ValueError, r"each row holds one 1: labels.argmax\(axis=-1\) gives"),
    (X, SEVERAL, ValueError, r"rows hold several or no 1: labels.astype\(np.float32\) are targets"),
    (
        X,
        SEVERAL * 7,
        ValueError,
        r"got \[4, 3\]: give class indices, or labels.astype\(np.float32\)",
    ),
    (X, SEVERAL > 0, TypeError, r"dtype bool and shape \[4, 3\]: give class indices, names"),
    (X, [1.0, np.nan, 2.0, 3.0], ValueError, r"train_labels\[1\] is nan, and 1 values in all"),
    (X, objects(1, "a", 2, 3), TypeError, "train_labels holds int, str, not numbers alone"),
    (X, Y * 1j, TypeError, "train_labels has dtype complex128"),
    (X[:0], Y[:0], ValueError, r"train_inputs of shape \[0, 2\] is empty"),
]


@pytest.mark.parametrize(("inputs", "labels", "error", "message"), REFUSED)
def test_what_would_be_lost_on_the_way_in_is_refused(inputs, labels, error, message):
    with pytest.raises(error, match=message):
        data.from_arrays(inputs, labels)


def test_what_is_masked_in_a_stream_is_refused_when_it_is_fetched():
    made = data.from_source((HIDDEN, Y))
    made.fetch(np.array([0, 2]))
    with pytest.raises(ValueError, match=r"example 1 of stream: .*\[0, 1\] is masked"):
        made.fetch(np.array([0, 1]))


def test_classes_that_are_given_twice_or_not_at_all_are_refused():
    with pytest.raises(ValueError, match="classes names 'a' 2 times: name each once"):
        data.from_arrays(X, Y, classes=["a", "b", "a"])
    with pytest.raises(
        ValueError, match=r"train_labels\[1\] is 'c', as 1 that are none of the cla"
    ):
        data.from_arrays(X, list("acba"), classes=["a", "b"])
    with pytest.raises(TypeError, match=r"leave classes=\(\) out, which asks for numbers"):
        data.from_arrays(X, list("abca"), classes=())
    assert data.from_arrays(X, list("bab?"), classes="?ab").train.labels.tolist() == [2, 1, 2, 0]


ADVICE = [  # refused, and after the advice
    (ONE_HOT, lambda y: y.argmax(axis=-1), Y),
    (SEVERAL, lambda y: y.astype(np.float32), SEVERAL),
    (SEVERAL * 7, lambda y: y.astype(np.float32), SEVERAL * 7),
    (np.array([7, 9000, 7, 5]), lambda y: np.unique(y, return_inverse=True)[1], [1, 2, 1, 0]),
    (np.array([2e9, 2e9 + 1, 2e9 + 2, 2e9]), lambda y: y - y.min(), [0, 1, 2, 0]),
    (np.ma.masked_array(Y, Y == 2), lambda y: y.filled(0), [0, 1, 0, 1]),
]


@pytest.mark.parametrize(("labels", "follow", "expected"), ADVICE)
def test_advice_on_labels_helps(labels, follow, expected):
    with pytest.raises(ValueError, match="train_labels"):
        data.from_arrays(X, labels)
    np.testing.assert_array_equal(data.from_arrays(X, follow(labels)).train.labels, expected)


def test_other_advice_on_arrays_helps():
    with pytest.raises(ValueError, match=r"reshape\(-1, 1\) makes a column"):
        data.from_arrays(X[:, 0], Y)
    assert data.from_arrays(X[:, 0].reshape(-1, 1), Y).train.inputs.tolist() == X[:, :1].tolist()
    with pytest.raises(
        TypeError, match=r"as labels.astype\(int\) of whole numbers, or classes=\(\)"
    ):
        data.from_arrays(X, Y.astype(float), classes="abc")
    assert data.from_arrays(X, Y.astype(float).astype(int), classes="abc").train.labels[2] == 2
    assert data.from_arrays(X, Y.astype(float), classes=()).classes == ()
    with pytest.raises(ValueError, match="no training example is of that class: leave these rows"):
        data.from_arrays(X, [0, 2, 0, 2], X, Y)
    rows = data.split_rows(np.repeat(Y, 3), test=4)
    many = np.repeat(X, 3, axis=0), np.repeat(Y, 3)
    made = data.from_arrays(*(leaf[part] for part in (rows.train, rows.test) for leaf in many))
    assert set(made.test.labels) <= set(made.train.labels)
    with pytest.raises(ValueError, match=r"allow 0 to 1: name every class in classes="):
        data.from_arrays(X, Y, classes="ab")
    assert data.from_arrays(X, Y, classes="abc").classes == ("a", "b", "c")


CLASSES = np.repeat([3, 1, 2], [6, 4, 2])
ALIKE = [
    CLASSES[:, None],
    CLASSES.astype(np.uint8),
    np.array(["a", "b", "c", "d"])[CLASSES],
    objects(*np.array(["a", "b", "c", "d"])[CLASSES].tolist()),
]


@pytest.mark.parametrize("labels", ALIKE)
def test_splits_take_classes_of_every_kind_alike(labels):
    for split_fn in (
        lambda y: data.split_rows(y, validation=2, test=0.25, seed=1),
        lambda y: data.fold_rows(y, folds=3, seed=1),
        lambda y: (data.balanced_rows(y, size=5, seed=1),),
    ):
        for rows, expected in zip(split_fn(labels), split_fn(CLASSES), strict=True):
            np.testing.assert_array_equal(rows, expected)


def test_splits_take_targets_and_rows_of_every_rank_at_random():
    for targets in (CLASSES / 2, np.repeat(CLASSES[:, None], 3, axis=1), np.zeros((12, 2, 2), int)):
        rows = data.fold_rows(targets, folds=5)
        np.testing.assert_array_equal(np.sort(np.concatenate(rows)), np.arange(12))
        parts = data.split_rows(targets, test=np.float32(0.25), validation=np.int64(2))
        assert list(map(len, parts)) == [7, 2, 3]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (
            lambda: data.fold_rows(np.array([0, 0, 1, 1, 2]), folds=2),
            "class 2 has a single example",
        ),
        (lambda: data.fold_rows(np.array(list("aab")), folds=2), "class b has a single example"),
        (lambda: data.split_rows(np.array(list("ab")), test=1), "examples of class [ab] fell into"),
        (lambda: data.split_rows(Y, test=float("nan")), "a part of nan examples: give a fraction"),
        (lambda: data.split_rows(Y, test=True), "a part of True examples"),
        (lambda: data.balanced_rows(Y / 2), r"dtype float64 and shape \[4\] are no classes"),
        (lambda: data.balanced_rows(ONE_HOT), r"shape \[4, 3\] are no classes"),
        (lambda: data.balanced_rows(Y[:0], size=3), r"shape \[0\] are no classes"),
        (lambda: data.hold_out(data.from_arrays(X[:1], Y[:1]), 1), "leave 0 of 1 examples"),
    ],
)
def test_a_split_that_cannot_be_made_is_refused(split, message):
    with pytest.raises(ValueError, match=message):
        split()


def test_advice_on_splits_helps():
    labels = np.array([0, 0, 1, 1, 2])
    rows = data.fold_rows(labels[labels != 2], folds=2)  # leave it out
    assert [sorted(labels[fold].tolist()) for fold in rows] == [[0, 1], [0, 1]]
    more = np.append(labels, 2)  # give more examples
    assert [sorted(more[fold].tolist()) for fold in data.fold_rows(more, folds=2)] == [
        [0, 1, 2]
    ] * 2


def test_advice_on_parts_and_labels_helps():
    made = data.from_arrays(np.repeat(X, 3, axis=0), np.repeat(Y, 3))
    held = data.hold_out(made, 3)
    with pytest.raises(ValueError, match=r"3 validation examples already, .*: hold out once"):
        data.hold_out(held, 2)
    assert len(data.hold_out(made, 5).validation.labels) == 5
    with pytest.raises(ValueError, match="pool first, and hold out then"):
        data.pooled(held)
    assert len(data.hold_out(data.pooled(made), 3).validation.labels) == 3
    for wrong, follow in (
        (Y[:, None], lambda y: y.reshape(-1)),
        (Y.astype(float), lambda y: y.astype(int)),
        (np.array(list("abcb")), lambda y: np.unique(y, return_inverse=True)[1]),
    ):
        for label_fn in (data.one_hot, data.class_weights):
            with pytest.raises(TypeError, match=r"class indices \[n\] are needed"):
                label_fn(wrong, 3)
            np.testing.assert_array_equal(label_fn(follow(wrong), 3), label_fn(Y, 3))


@pytest.mark.parametrize("scale_fn", [data.standardizer, data.min_max])
def test_scaling_takes_numbers_alone(scale_fn):
    for wrong, follow in (
        (X.astype(object), lambda x: x.astype(np.float32)),
        (X.astype(str), lambda x: x.astype(np.float32)),
        (HIDDEN, lambda x: x.filled(3)),
    ):
        with pytest.raises(TypeError, match=r"needs numbers, got an array of (dtype|masked)"):
            scale_fn(wrong)
        np.testing.assert_array_equal(scale_fn(follow(wrong))(X), scale_fn(X)(X))


def test_parts_of_a_table_keep_the_names_of_its_features():
    made = data.from_frame(pd.DataFrame({"a": [1.0, 2, 3, 5], "b": [0, 1, 0, 1]}))
    for part in (data.standardized(made), data.select(made, "train[:2]"), data.hold_out(made, 2)):
        assert part.features == ("a",)
    assert dataclasses.replace(made, features=()).features == ()


FILES = [  # one of each kind: what it holds, a reader, the words
    (b"", data.from_csv, "holds no row"),
    (b"\n\n", data.from_csv, "holds no row"),
    (b"1,2\n", data.from_csv, "every row is of the class '2'"),
    (b"x,y\n", data.from_csv, "is not followed by any row"),
    (b"\x89PNG\r\n\x1a\n\0\0", data.from_csv, "is no text in utf-8"),
    (None, data.from_csv, "is a folder, not a file"),
    (b"1,2\n", data.from_image_folder, "it is a file: unpack it, or give its folder"),
    (None, data.from_image_folder, "holds no image"),
]


@pytest.mark.parametrize(("content", "read", "message"), FILES)
def test_a_file_or_a_folder_that_holds_nothing_of_use_is_named(tmp_path, content, read, message):
    path = tmp_path / "given"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises((data.DataNotFoundError, data.DataCorruptError), match=message):
        read(path)


def test_the_same_picture_twice_is_two_examples(tmp_path):
    for name in ("a/1", "a/2", "b/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (2, 2), 7).save(tmp_path / f"{name}.png")
    loaded = data.from_image_folder(tmp_path, size=2, channels=1)
    assert (loaded.train.inputs == 7).all()
    assert loaded.train.labels.tolist() == [0, 0, 1]
