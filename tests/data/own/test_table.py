import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxnn import data

ROWS = "wolf,1,4,b\nhen, 0 ,2,a\ncrab,0.5,10,b\n"


@pytest.fixture
def write(tmp_path):
    def write_fn(text, name="animals.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_fn


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n  \n"])
def test_text_becomes_numbers_and_labels_integers_in_the_order_of_their_names(write, end):
    loaded = data.from_csv(write(ROWS.replace("\n", end)), drop=[0])
    np.testing.assert_array_equal(loaded.train.inputs, [[1, 4], [0, 2], [0.5, 10]])
    assert loaded.train.labels.tolist() == [1, 0, 1]
    assert (loaded.name, loaded.classes, loaded.test) == ("animals", ("a", "b"), None)
    assert loaded.train.inputs.dtype == np.float32


def test_integer_labels_are_in_the_order_of_their_values(write):
    loaded = data.from_csv(write("1,10\n2,9\n3,-1\n"))
    assert loaded.classes == ("-1", "9", "10")
    assert loaded.train.labels.tolist() == [2, 1, 0]


@pytest.mark.parametrize("odd", ["+-5", "--5", "5-", "1.2.3", "0x10"])
def test_labels_that_look_like_numbers_but_are_none_are_texts(write, odd):
    assert data.from_csv(write(f"1,{odd}\n2,0\n")).classes == tuple(sorted([odd, "0"]))


LABELS = [
    (["1", "1.0", "01", "2", "2.0", "02"], ("1", "2"), [0, 0, 0, 1, 1, 1]),
    (["10.5", "9.5", "9.50", "-1e1"], ("-1e1", "9.5", "10.5"), [2, 1, 1, 0]),
    (["01", "02", "10", "01"], ("01", "02", "10"), [0, 1, 2, 0]),  # as they are spelled
    (["TRUE", "FALSE", "TRUE"], ("FALSE", "TRUE"), [1, 0, 1]),
    (["１", "1", "２"], ("1", "２"), [0, 0, 1]),
    (["é", "e\u0301", "a"], ("a", "é"), [1, 1, 0]),
    (["1", "a", "1.0"], ("1", "1.0", "a"), [0, 2, 1]),  # texts, since one of them is
    ([" a", "b ", "a"], ("a", "b"), [0, 1, 0]),
]


@pytest.mark.quick
@pytest.mark.parametrize(("texts", "classes", "labels"), LABELS)
def test_labels_that_are_equal_are_one_class_in_the_order_of_their_values(
    write, texts, classes, labels
):
    rows = "".join(f"{i}.5,{i},{text}\n" for i, text in enumerate(texts))
    for loaded in (
        data.from_csv(write(rows), regression=False),
        data.from_frame(pd.DataFrame({"x": range(len(texts)), "y": texts}), regression=False),
    ):
        assert loaded.classes == classes
        assert loaded.train.labels.tolist() == labels


def test_columns_can_be_named_by_a_header(write):
    path = write("\ufeffanimal;legs;kind;tail\nwolf;4;b;1\nhen;2;a;0\n")
    loaded = data.from_csv(path, label="kind", drop=["animal"], header=True, delimiter=";")
    np.testing.assert_array_equal(loaded.train.inputs, [[4, 1], [2, 0]])
    assert loaded.train.labels.tolist() == [1, 0]


def test_labels_can_be_numbers_to_predict(write):
    loaded = data.from_csv(write("1,0.5\n2,-3\n"), regression=True)
    assert loaded.train.labels.tolist() == [0.5, -3]
    assert loaded.classes == ()


def test_a_table_can_be_split(write):
    path = write("".join(f"{i},{'ab'[i % 2]}\n" for i in range(20)))
    one, other = (data.from_csv(path, test_size=0.2, seed=seed) for seed in (0, 1))
    assert np.bincount(one.test.labels).tolist() == [2, 2]
    rows = np.concatenate([one.train.inputs, one.test.inputs])[:, 0]
    assert sorted(rows.tolist()) == list(range(20))
    assert (one.test.inputs != other.test.inputs).any()


@pytest.mark.parametrize("kinds", ["kind{}", "{}.50", "0{}"])
def test_the_order_of_classes_is_that_of_their_names_in_whichever_order_they_come(write, kinds):
    """The slides number them by a set, whose order changes with each run of Python."""
    names = [kinds.format(i) for i in range(9)]
    for order in (names, names[::-1], names[4:] + names[:4]):
        rows = "".join(f"{i}.5,{name}\n" for i, name in enumerate(order))
        loaded = data.from_csv(write(rows), regression=False)
        assert loaded.classes == tuple(names)
        assert [loaded.classes[label] for label in loaded.train.labels] == order


READ = [  # text, settings, features, labels
    ("x,y,kind\n1,2,a\n3,4,b\n", {}, [[1, 2], [3, 4]], [0, 1]),
    ("x,y,kind,\n1,2,a,\n3,4,b,\n", {}, [[1, 2], [3, 4]], [0, 1]),
    ("x,y,kind\n1,2,a,\n3,4,b,\n", {}, [[1, 2], [3, 4]], [0, 1]),
    ("1,2,a,,\n3,4,b,,\n", {}, [[1, 2], [3, 4]], [0, 1]),
    ("x,y,kind\r1,2,a\r3,4,b\r", {}, [[1, 2], [3, 4]], [0, 1]),
    ("x,y,kind\n\n1,2,a\n , ,\n3,4,b\n\n", {}, [[1, 2], [3, 4]], [0, 1]),
    ("Sales\n\nx,y,kind\n1,2,a\n3,4,b\n", {}, [[1, 2], [3, 4]], [0, 1]),
    ("Sales,,\n,,\nx,y,kind\n1,2,a\n3,4,b\n", {}, [[1, 2], [3, 4]], [0, 1]),
    (",x,y,kind\n0,1,2,a\n1,3,4,b\n", {}, [[1, 2], [3, 4]], [0, 1]),
    ('"","x","k"\n"1",5,"a"\n"2",3,"b"\n', {}, [[5], [3]], [0, 1]),
    (",x,k\n7,5,a\n2,3,b\n", {}, [[7, 5], [2, 3]], [0, 1]),
    ("sunny,hot,no\nrain,hot,no\nrain,cool,yes\n", {},
     [[0, 1, 0, 1], [1, 0, 0, 1], [1, 0, 1, 0]], [0, 0, 1]),
    ("sky,warm,play\nsunny,1,no\nrain,1,no\nrain,0,yes\n", {},
     [[0, 1, 1], [1, 0, 1], [1, 0, 0]], [0, 0, 1]),
    ('x,y\nTRUE,１２\nfalse,3\n"1,000",4\n', {"decimal": ".", "label": "y", "regression": True,
     "categories": ["x"]}, [[0, 1, 0], [0, 0, 1], [1, 0, 0]], [12, 3, 4]),
    ('x,k\n"1,234.5",a\n"2,000",b\n', {}, [[1234.5], [2000]], [0, 1]),
    ("x,k\n1_000,a\n１２,b\n−3,b\n1 234 567,b\n", {},
     [[1000], [12], [-3], [1234567]], [0, 1, 1, 1]),
    ("x,k\nTRUE,a\nFalse,b\n", {}, [[1], [0]], [0, 1]),
    ("x;k\n1.234,5;a\n0,5;b\n", {"delimiter": ";", "decimal": ","}, [[1234.5], [0.5]], [0, 1]),
    ("x\ty z\n1\ta\n2\tb b\n", {"delimiter": "\t"}, [[1], [2]], [0, 1]),
    ("x,y,z\n1,2,3.5\n4,5,6\n", {"label": ["y", "z"]}, [[1], [4]], [[2, 3.5], [5, 6]]),
    ("0,1,2\n5,6,0\n7,8,1\n", {"header": True}, [[5, 6], [7, 8]], [0, 1]),
    ("0,1,2\n5,6,0\n7,8,1\n", {"header": False}, [[0, 1], [5, 6], [7, 8]], [2, 0, 1]),
    ('x,note,k\n1,"two\nlines, of text",a\n2,"a ""word"" and",b\n', {"drop": ["note"]},
     [[1], [2]], [0, 1]),
    ("k,x\na,1\nb,\na,3\n", {"label": "k", "missing": "mean"}, [[1], [2], [3]], [0, 1, 0]),
    ("k,x\na,1\nb,#N/A\na,3\na,8\n", {"label": 0, "missing": "median"},
     [[1], [3], [3], [8]], [0, 1, 0, 0]),
    ("k,x\na,1\nb,n/a\na,3\nb,4\n", {"label": 0, "missing": "drop"}, [[1], [3], [4]], [0, 0, 1]),
    ("k,x\na,1\n,2\nb,3\n", {"label": 0, "missing": "mean"}, [[1], [3]], [0, 1]),
    ("k,x\na,u\nb,\na,u\nb,v\n", {"label": 0, "missing": "mean"},
     [[1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]], [0, 1, 0, 1]),
    ("5,0.5\n", {"regression": True}, [[5]], [0.5]),
    ("x,y\n1,a\n1,a\n1,b\n", {}, [[1], [1], [1]], [0, 0, 1]),  # the same row twice
]  # fmt: skip


@pytest.mark.parametrize(("text", "settings", "features", "labels"), READ)
def test_a_table_is_read_as_a_person_reads_it(write, text, settings, features, labels):
    loaded = data.from_csv(write(text), **settings)
    np.testing.assert_array_equal(loaded.train.inputs, np.array(features, np.float32))
    np.testing.assert_array_equal(loaded.train.labels, labels)
    assert len(loaded.features) == loaded.train.inputs.shape[1]


MANY = "x,y\n" + "".join(f"{i},{i}\n" for i in range(200))
REFUSED = [
    ("", {}, "animals.csv holds no row"),
    ("\n \n", {}, "holds no row"),
    ("1,2,a\n\n1,b\n", {}, "row 3 has 2 cells, but the first has 3: mend it"),
    ("1,2,a\n1,2,b,3\n", {}, "row 2 has 4 cells, but the first has 3: mend it"),
    ("1,a\n1,2,b\n", {}, "row 2 has 3 cells, but the first has 2: mend it"),
    ("x,k\n1,2,b\n", {}, "the header names 2 columns, but row 2 has 3 cells: name every column"),
    ("x,k\n1,a,\n2,b,note\n", {}, "row 3 has a cell right of the 2 columns: name every column"),
    ('1,2,s\n3,4,"b\n5,6,s\n7,8,s\n9,10,b"\n', {}, "row 2 has a quote .* of 4 rows, up to row 5"),
    ('1,2,s\n"3,4,b\n5",6,s\n', {}, "row 2 has a quote that makes one cell of 2 rows"),
    ('1,2,s\n3,4,"b\n5,6,s\n', {}, "row 2 opens a quote that is not closed: take the quote out"),
    (
        "1,2,a\n1,?,b\n2,?,a\n",
        {},
        "row 2, column 1 is missing, as in 2 rows in all: missing=",
    ),
    ("1,2,a\n1,,b\n", {}, "row 2, column 1 is missing, as in 1 rows in all"),
    ("1,2,a\n1,,b\n", {"missing": "zero"}, "missing='zero': give one of None, 'mean', 'median'"),
    ("1,inf,a\n2,1,b\n", {}, "row 1, column 1 is inf, not a finite number"),
    ("1,1e39,a\n2,1,b\n", {}, r"column 1 is 1e\+39, not a finite number of float32"),
    ("1,2,a\n1,3,\n", {}, "row 2, column 2 has no label, as 1 rows in all: fill them in"),
    ("t,k\n1700000001,a\n1700000003,b\n", {}, "from 1700000001 to 1700000003, too close for"),
    ("1.5,2\n3,4\n", {"header": True}, "row 1: 1.5, 2 is .* no header: give header=False"),
    ("x,y\n", {}, "is not followed by any row"),
    ("x,x\n1,2\n", {}, "names a column twice: x"),
    ("0,1,2\n5,6,0\n", {}, "0, 1, 2 may name the columns .*: give header=True or header=False"),
    ("x,2019,2020,k\n1,2,3,a\n1,2,3,b\n", {}, "give header=True or header=False"),
    ("a,b\nc,d\n", {}, "a, b may name the columns or be the first row"),
    ("a,b\n1,1\n", {"regression": True, "label": "kind"}, "no column 'kind': there are a, b"),
    ("1,2,a\n", {"label": 3}, "has no column 3: there are 0, 1, 2"),
    ("1,2,a\n", {"drop": [0, 1]}, "has no column of features beside the label -1"),
    ("x,k\n1,a\n2,b\n", {"drop": ["k"]}, "'k' is the label, and in drop="),
    ("1,a\n2,b\n", {"test_size": 2}, "leave 0 of 2 examples to train on"),
    ("1,a\n2,a\n", {}, "column 1: every row is of the class 'a', so that there is nothing"),
    ("1,b\n1,x\n", {"regression": True}, "row 1, column 1 is 'b', no number"),
    ("x,y,k\n1,2,a\n3,4x,b\n", {}, "row 3, column y is '4x', no number, as 1 cells of it"),
    ("x,y,k\n1,,a\n3,,b\n", {}, r"column y holds nothing: drop=\['y'\]"),
    ("x,y,k\n1,5%,a\n3,5%,b\n4,7%,b\n", {}, "column y is '5%', no number, as 3 cells"),
    ('x,k\n"1,234",a\n"2,345",b\n', {}, "column x is '1,234': give decimal="),
    ("x;y;k\n1;2;a\n3;4;b\n", {}, "',' does not part the cells of 'x;y;k': give delimiter=';'$"),
    ("x;y\n1,5;a\n3,5;b\n", {}, "give delimiter=';' and decimal=\",\"$"),
    ("1,5;2,5;a\n3,5;4,5;b\n", {}, "give delimiter=';' and decimal=\",\"$"),
    ("x,y\n1,a\n2,b\n", {"delimiter": "ab"}, "delimiter='ab' must be one character"),
    ("x,y\n1,a\n2,b\n", {"decimal": "x"}, "decimal='x': give"),
    ("x,y\n1,a\n2,b\n", {"encoding": "klingon"}, "encoding='klingon' is none that Python knows"),
    (MANY, {}, "200 labels are 200 different numbers, as 0, 1: give regression=True to predict"),
    (b"PK\x03\x04", {}, "is a zip archive or a spreadsheet: unpack it, or save the sheet as CSV"),
    (b"1,\0\n", {}, "is no text in utf-8"),
]


@pytest.mark.parametrize(("text", "settings", "message"), REFUSED)
def test_a_table_that_is_not_one_is_named_with_row_and_remedy(write, text, settings, message):
    with pytest.raises(ValueError, match=message):
        data.from_csv(write(text), **settings)


GIVES = [  # refused; by which words; the file or the settings after the advice; what comes out
    ("x;y\n1,5;a\n3,5;b\n", "delimiter=';' and decimal", {"delimiter": ";", "decimal": ","},
     [[1.5], [3.5]]),
    ("x\ty\n1\ta\n3\tb\n", r"delimiter='\\t'", {"delimiter": "\t"}, [[1], [3]]),
    ('x,k\n"1,234",a\n"2,345",b\n', 'decimal="." where', {"decimal": "."}, [[1234], [2345]]),
    ('x,k\n"1,234",a\n"2,345",b\n', 'decimal="," where', {"decimal": ","}, [[1.234], [2.345]]),
    ('x,k\n"1,5",a\n"2,25",b\n', 'give decimal=","', {"decimal": ","}, [[1.5], [2.25]]),
    ("0,1,2\n5,6,0\n7,8,1\n", "give header=True", {"header": True}, [[5, 6], [7, 8]]),
    ("0,1,2\n5,6,0\n", "or header=False", {"header": False}, [[0, 1], [5, 6]]),
    ("1.5,2\n3,4\n", "give header=False", {"header": False}, [[1.5], [3]]),
    ("a,2019,2020,k\n1,2,3,a\n1,2,3,b\n", "give header=True", {"header": True},
     [[1, 2, 3], [1, 2, 3]]),
    ("k,x\na,1\nb,\na,3\n", "missing='mean'", {"missing": "mean"}, [[1], [2], [3]]),
    ("k,x\na,1\nb,\na,3\nb,8\n", "'median' fills", {"missing": "median"}, [[1], [3], [3], [8]]),
    ("k,x\na,1\nb,\na,3\nb,4\n", "missing='drop'", {"missing": "drop"}, [[1], [3], [4]]),
    ("k,x,y\na,1,5\nb,,6\n", r"drop=\['x'\] the columns", {"drop": ["x"]}, [[5], [6]]),
    ("k,x\na,1\n,2\nb,3\n", "any missing= leaves", {"missing": "mean"}, [[1], [3]]),
    ("k,x\na,1\nb,\n", "missing='drop'", {"missing": "mean"}, [[1], [1]]),
    ("k,x,y\na,u,1\nb,v,2\n", r"drop=\['x'\] leaves", {"drop": ["x"]}, [[1], [2]]),
    ("k,x,y\na,u,1\nb,v,2\n", r"categories=\['x'\]", {"categories": ["x"]},
     [[1, 0, 1], [0, 1, 2]]),
    ("k,x,y\na,5%,1\nb,7%,2\n", r"categories=\['x'\]", {"categories": ["x"]},
     [[1, 0, 1], [0, 1, 2]]),
    ("k,x,y\na,,1\nb,,2\n", r"holds nothing: drop=\['x'\]", {"drop": ["x"]}, [[1], [2]]),
    ("k,x,y\na,1e39,1\nb,1,2\n", r"drop=\['x'\]", {"drop": ["x"]}, [[1], [2]]),
    ("k,x\n1,5\n1,6\n", "or give regression=True", {"regression": True}, [[5], [6]]),
    ("k,x\na,5\na,6\n", "name the column of the labels by label=", {"label": "x",
     "categories": ["k"]}, [[1], [1]]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words", "settings", "features"), GIVES)
def test_settings_that_a_message_advises_help(write, text, words, settings, features):
    first = {"regression": True} if "2019" not in text and "header" in settings else {}
    first |= {"label": 0} if text.startswith("k") else {}
    wrong = {"header": True} if text.startswith("1.5") else {}
    with pytest.raises(data.DataCorruptError, match=words):
        data.from_csv(write(text), **first, **wrong)
    loaded = data.from_csv(write(text), **{**first, **settings})
    np.testing.assert_array_equal(loaded.train.inputs, np.array(features, np.float32))


@pytest.mark.parametrize("regression", [True, False])
def test_numbers_that_may_be_no_classes_are_what_the_user_says(write, regression):
    with pytest.raises(data.DataCorruptError, match=r"regression=True .* or regression=False"):
        data.from_csv(write(MANY))
    loaded = data.from_csv(write(MANY), regression=regression)
    assert loaded.train.labels.tolist() == list(range(200))
    assert len(loaded.classes) == (0 if regression else 200)


MENDED = [  # refused; by which words; mended as they say; what comes out
    ('1,2,s\n3,4,"b\n5,6,s\n7,8,b"\n', "take both quotes out", "1,2,s\n3,4,b\n5,6,s\n7,8,b\n",
     [[1, 2], [3, 4], [5, 6], [7, 8]]),
    ('1,2,s\n3,4,"b\n', "take the quote out", "1,2,s\n3,4,b\n", [[1, 2], [3, 4]]),
    ("1,2,a\n1,b\n", "mend it", "1,2,a\n1,0,b\n", [[1, 2], [1, 0]]),
    ("x,k\n1,2,b\n2,3,a\n", "name every column", "x,y,k\n1,2,b\n2,3,a\n", [[1, 2], [2, 3]]),
    ("x,k\n1,a,\n2,b,note\n", "or empty that cell", "x,k\n1,a,\n2,b,\n", [[1], [2]]),
    ("x,x,k\n1,2,b\n2,3,a\n", "rename one", "x,y,k\n1,2,b\n2,3,a\n", [[1, 2], [2, 3]]),
    ("t,k\n1700000001,a\n1700000003,b\n", "subtract the smallest", "t,k\n0,a\n2,b\n", [[0], [2]]),
    ("x,k\n1,a\n4x,b\n", "mend these cells", "x,k\n1,a\n4,b\n", [[1], [4]]),
    ("x,k\n", "add rows", "x,k\n1,a\n2,b\n", [[1], [2]]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words", "mended", "features"), MENDED)
def test_a_file_that_is_mended_as_a_message_advises_loads(write, text, words, mended, features):
    with pytest.raises(data.DataCorruptError, match=words):
        data.from_csv(write(text))
    loaded = data.from_csv(write(mended))
    np.testing.assert_array_equal(loaded.train.inputs, np.array(features, np.float32))


def test_advice_on_a_table_is_all_given_at_once_and_helps(write):
    """As that of the Titanic: gaps in the age, texts in five columns."""
    rows = [
        f'{i},{i % 2},"B{i}, Mr.",{"fm"[i % 3 > 0]},{"" if i % 4 == 0 else 20 + i},A 2{i},'
        f"{f'C{i}' if i % 3 == 0 else ''},{'SCQ'[i % 3] if i != 7 else ''}"
        for i in range(1, 13)
    ]
    path = write("\n".join(["Id,Survived,Name,Sex,Age,Ticket,Cabin,Embarked", *rows]))
    with pytest.raises(data.DataCorruptError) as refused:
        data.from_csv(path, label="Survived")
    for words in (
        "column Name holds 12 different texts", "column Ticket holds 12", "column Cabin holds 4",
        "row 5, column Age is missing, as in 3 rows", "row 8, column Embarked is missing",
        "drop=['Name', 'Ticket', 'Cabin'] leaves", "missing='mean' or 'median' fills them in",
    ):  # fmt: skip
        assert words in str(refused.value)
    settings = {"label": "Survived", "drop": ["Name", "Ticket", "Cabin"], "missing": "mean"}
    loaded = data.from_csv(path, **settings)
    kinds = ["Sex=f", "Sex=m", "Age", "Embarked=C", "Embarked=Q", "Embarked=S", "Embarked=missing"]
    assert loaded.features == ("Id", *kinds)
    np.testing.assert_array_equal(
        loaded.train.inputs[3],
        [4, 0, 1, np.mean([20 + i for i in range(13) if i % 4]), 1, 0, 0, 0]
    )  # fmt: skip
    frame = data.from_frame(pd.read_csv(path), **settings)
    np.testing.assert_array_equal(frame.train.inputs, loaded.train.inputs)
    np.testing.assert_array_equal(frame.train.labels, loaded.train.labels)
    assert (frame.features, frame.classes) == (loaded.features, loaded.classes)


def test_gaps_are_filled_in_by_the_rows_to_train_on(write):
    path = write("x,y\n" + "".join(f"{'' if i == 3 else i * i},{i / 2}\n" for i in range(9)))
    loaded = data.from_csv(path, regression=True, missing="mean", test_size=4, seed=1)
    for part in (loaded.train, loaded.test):
        gap = part.inputs[part.labels == 1.5]
        train = loaded.train.inputs[loaded.train.labels != 1.5]
        np.testing.assert_allclose(gap, train.mean(), rtol=1e-6) if len(gap) else None


ENCODED = [
    ("이름,값\n가,1\n나,2\n가,1\n", "cp949", {}),
    ("이름,값\n가,1\n나,2\n가,1\n", "utf-16", {}),
    ("이름,값\n가,1\n나,2\n가,1\n", "utf-16-le", {}),
    ("名前,値\nあ,1\nい,2\nあ,1\n", "shift_jis", {}),
    ("Straße;Größe\nä;1,5\nö;2,5\nä;1\n", "cp1252", {"delimiter": ";", "decimal": ","}),
]


@pytest.mark.parametrize(("text", "encoding", "settings"), ENCODED)
def test_what_a_spreadsheet_writes_elsewhere_loads_as_the_message_says(
    write, text, encoding, settings
):
    path = write(text.encode(encoding))
    said = text.split("\n")[0][:4]
    with pytest.raises(data.DataCorruptError, match=f"encoding='{encoding}' reads '{said}"):
        data.from_csv(path, label=0)
    if settings:
        with pytest.raises(data.DataCorruptError, match="give delimiter=';' and decimal=\",\""):
            data.from_csv(path, label=0, encoding=encoding)
    loaded = data.from_csv(path, label=0, encoding=encoding, **settings)
    assert loaded.classes == tuple(sorted({row[0] for row in text.split("\n")[1:4]}))
    assert loaded.train.labels.tolist() == [0, 1, 0]
    assert data.from_csv(write(text), label=0, **settings).classes == loaded.classes


def test_an_encoding_is_told_where_the_first_letter_of_it_comes_late(write):
    path = write(("x,y\n" + "1,a\n" * 40_000 + "2,나\n" * 9).encode("cp949"))
    with pytest.raises(data.DataCorruptError, match="encoding='cp949' reads '2,나'"):
        data.from_csv(path)
    assert data.from_csv(path, encoding="cp949").classes == ("a", "나")


def test_a_file_packed_by_gzip_is_read(write):
    import gzip

    packed = write(gzip.compress(ROWS.encode()))
    assert data.from_csv(packed, drop=[0]).train.labels.tolist() == [1, 0, 1]
    half = write(gzip.compress(ROWS.encode())[:30], "half.gz")
    with pytest.raises(data.DataCorruptError, match="cannot be read whole"):
        data.from_csv(half)


@pytest.mark.usefixtures("no_type_checker")
def test_a_file_that_is_not_there_a_folder_and_a_frame_are_named(tmp_path, monkeypatch):
    with pytest.raises(data.DataNotFoundError, match=f"no file {tmp_path}/none.csv: check"):
        data.from_csv(tmp_path / "none.csv")
    with pytest.raises(data.DataNotFoundError, match="is a folder, not a file: give one file"):
        data.from_csv(tmp_path)
    with pytest.raises(TypeError, match=r"this is a frame: data\.from_frame takes it"):
        data.from_csv(pd.DataFrame({"x": [1]}))
    (tmp_path / "locked.csv").write_text(ROWS)
    (tmp_path / "locked.csv").chmod(0)

    def open_fn(*args, **settings):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", open_fn)  # root may read everything
    with pytest.raises(data.DataCorruptError, match=r"cannot be read \(Permission denied\)"):
        data.from_csv(tmp_path / "locked.csv")


def frame(**columns):
    return pd.DataFrame(columns)


FRAMES = [  # what is read as it is
    (frame(x=[1, 2], y=["a", "b"]), {}, [[1], [2]], [0, 1]),
    (frame(y=["b", "a"], x=[1.5, 2]), {"label": "y"}, [[1.5], [2]], [1, 0]),
    (frame(x=pd.array([1, None, 3], "Int64"), y=list("aba")), {"missing": "mean"},
     [[1], [2], [3]], [0, 1, 0]),
    (frame(x=pd.Categorical(["u", "v", "u"]), y=list("aba")), {}, [[1, 0], [0, 1], [1, 0]],
     [0, 1, 0]),
    (frame(x=[True, False], y=[0, 1]), {}, [[1], [0]], [0, 1]),
    (frame(x=np.array([1, "2", 2.5], object), y=[0, 1, 1]), {}, [[1], [2], [2.5]], [0, 1, 1]),
    (pd.DataFrame([[5, 1.0, 0], [6, 2.0, 1]], index=[9, 9]), {"label": 2},
     [[5, 1], [6, 2]], [0, 1]),
    (frame(a=[1, 2], b=[3.0, 4.0], c=[5, 6]), {"label": ["b", "c"]}, [[1], [2]], [[3, 5], [4, 6]]),
    (frame(a=[1, 2, 3], b=[0.5, 1.5, 2.5]), {"regression": True},
     [[1], [2], [3]], [0.5, 1.5, 2.5]),
    (frame(x=[1, 2], y=[True, False]), {}, [[1], [2]], [1, 0]),
]  # fmt: skip


@pytest.mark.parametrize(("made", "settings", "features", "labels"), FRAMES)
def test_a_frame_goes_in_as_it_is(made, settings, features, labels):
    loaded = data.from_frame(made, **settings)
    np.testing.assert_array_equal(loaded.train.inputs, np.array(features, np.float32))
    np.testing.assert_array_equal(loaded.train.labels, labels)


DATES = pd.to_datetime(["2020-01-01", "2020-01-02"])


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (
            [[1, 2]],
            TypeError,
            r"a pandas.DataFrame is expected, got a list: data.from_arrays",
        ),
        (frame(), ValueError, r"frame of shape \[0, 0\] holds no row"),
        (frame(x=[1.0, np.nan], y=[0, 1]), ValueError, "row 1, column x is missing, as in 1 rows"),
        (frame(x=DATES, y=[0, 1]), ValueError, "row 0, column x is '2020-01-01 00:00:00', no num"),
        (frame(x=[[1], [2]], y=[0, 1]), ValueError, r"row 0, column x is '\[1\]', no number"),
        (frame(x=[1j, 2], y=[0, 1]), ValueError, "column x is '1j', no number"),
        (frame(x=[np.inf, 2], y=[0, 1]), ValueError, "row 0, column x is inf, not a finite"),
        (frame(x=[1, 2], y=[0, None]), ValueError, "row 1, column y has no label"),
        (frame(x=[1, 2], y=DATES), ValueError, "column y is '2020-01-01 00:00:00', no text"),
        (frame(x=[1, 2], y=[0, 0]), ValueError, "every row is of the class '0'"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), ValueError, "two columns share a name"),
    ],
)
@pytest.mark.usefixtures("no_type_checker")
def test_a_frame_that_is_no_table_of_numbers_and_texts_is_refused(made, error, message):
    with pytest.raises(error, match=message):
        data.from_frame(made)


def test_numbers_are_those_of_numpy(write):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 3)) * 10.0 ** rng.integers(-5, 6, (300, 3))
    buffer = io.StringIO()
    np.savetxt(buffer, np.column_stack([values, rng.integers(0, 3, 300)]), delimiter=",")
    loaded = data.from_csv(write(buffer.getvalue()))
    expected = np.loadtxt(io.StringIO(buffer.getvalue()), delimiter=",")
    np.testing.assert_array_equal(loaded.train.inputs, expected[:, :-1].astype(np.float32))
    np.testing.assert_array_equal(loaded.train.labels, expected[:, -1])


CELL = st.one_of(
    st.sampled_from(["1", "-2.5", "a", "", "nan", '"', "1e99", " "]), st.text(max_size=4)
)


@settings(max_examples=150, deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=60),
        st.lists(st.lists(CELL, max_size=4).map(",".join), max_size=5).map("\n".join),
    ),
    header=st.booleans(),
    regression=st.booleans(),
)
def test_any_bytes_are_a_table_or_a_data_error(tmp_path_factory, content, header, regression):
    path = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
    try:
        loaded = data.from_csv(path, header=header, regression=regression)
    except data.DataCorruptError:
        return
    except ValueError as error:
        if "has no column of features" not in str(error):
            raise
        return
    with open(path, newline="", encoding="utf-8-sig") as file:
        count = sum(any(cell.strip() for cell in row) for row in csv.reader(file))
    assert len(loaded.train.inputs) <= count - header
    assert np.isfinite(loaded.train.inputs).all()
