import csv
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxnn import data
from jaxnn.data.own import table

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


@pytest.mark.parametrize("odd", ["+-5", "--5", "9" * 5000])
def test_labels_that_look_like_integers_but_are_none_are_texts(write, odd):
    assert data.from_csv(write(f"1,{odd}\n2,0\n")).classes == tuple(sorted([odd, "0"]))


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


def test_the_order_of_classes_is_the_same_in_every_process(write):
    """The slides number them by a set, whose order changes with each run of Python."""
    path = write("".join(f"{i},kind{i}\n" for i in range(9)))
    script = f"from jaxnn import data; print(data.from_csv({str(path)!r}).classes)"
    outputs = {
        subprocess.check_output([sys.executable, "-c", script], env={"PYTHONHASHSEED": seed})
        for seed in "12"
    }
    assert outputs == {f"{tuple(f'kind{i}' for i in range(9))}\n".encode()}


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("", {}, "animals.csv holds no row"),
        ("\n \n", {}, "holds no row"),
        ("1,2,a\n\n1,b\n", {}, "row 3 has 2 cells, but the first has 3: mend it"),
        ("1,2,a\n1,?,b\n2,?,a\n", {}, r"row 2, column 1 is missing \('\?'\), as in 2 rows in all"),
        ("1,2,a\n1,,b\n", {}, r"row 2, column 1 is missing \(''\)"),
        ("1,NaN,a\n", {}, r"row 1, column 1 is missing \('NaN'\)"),
        ("1,inf,a\n", {}, "row 1, column 1 is 'inf', not a finite number"),
        ("1,1e39,a\n", {}, "column 1 is '1e39', not a finite number of float32"),
        ("1,2,a\n1,3,\n", {}, "row 2 has no label"),
        ("x,y,kind\n1,2,a\n", {}, r"row 1, column 0 is 'x'.* header=True takes the first row"),
        ("1,2\n3,4\n", {"header": True}, "row 1: 1, 2 is .* no header: leave header=True out"),
        ("x,y\n", {"header": True}, "is not followed by any row"),
        ("x,x\n1,2\n", {"header": True}, "names a column twice: x, x"),
        ("a,b\n1,1\n", {"regression": True, "header": True, "label": "kind"}, "no column 'kind'"),
        ("1,2,a\n", {"label": 3}, "has no column 3: there are 0, 1, 2"),
        ("1,2,a\n", {"drop": [0, 1]}, "has no column of features beside the label -1"),
        ("1,a\n2,a\n", {"test_size": 2}, "leave 0 of 2 examples to train on"),
        (b"1,\xff\n", {}, "no CSV file in UTF-8"),
        ("1,b\n1,x\n", {"regression": True}, "row 1, column 1 is 'b'"),
    ],
)
def test_a_table_that_is_not_one_is_named_with_row_and_remedy(write, text, settings, message):
    with pytest.raises(ValueError, match=message):
        data.from_csv(write(text), **settings)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(data.DataNotFoundError, match=f"no file {tmp_path}/none.csv"):
        data.from_csv(tmp_path / "none.csv")


def test_a_file_over_the_cap_is_refused_before_it_is_read(write, monkeypatch):
    monkeypatch.setattr(table, "MAX_BYTES", 10)
    with pytest.raises(data.DataCorruptError, match="has 37 bytes, over 10"):
        data.from_csv(write(ROWS))


CELL = st.one_of(
    st.sampled_from(["1", "-2.5", "a", "", "nan", '"', "1e99", " "]), st.text(max_size=4)
)


@settings(max_examples=400, deadline=None)
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
    assert len(loaded.train.inputs) == count - header
    assert np.isfinite(loaded.train.inputs).all()
