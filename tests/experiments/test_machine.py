import pathlib

import pytest

from experiments import machine


def test_a_folder_is_found_writable_and_left_empty(tmp_path):
    machine.check_writable(tmp_path / "new", "--out")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused_by_its_flag():
    with pytest.raises(machine.FolderError, match=r"cannot write to .* choose another --log"):
        machine.check_writable(pathlib.Path("/dev/null/here"), "--log")
