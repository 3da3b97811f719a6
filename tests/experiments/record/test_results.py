import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from experiments.record import results


def example():
    widths = np.empty(2, object)
    widths[:] = [(100,), (50, 50)]
    return xr.Dataset(
        {
            "loss": (
                ("data", "width", "epoch"),
                np.linspace(0, 1, 12, dtype="f4").reshape(2, 2, 3),
            ),
            "bad": ("epoch", np.array([np.nan, np.inf, -0.0], np.float32)),
            "diverged": ("width", np.array([True, False])),
            "step": ("width", np.array([-1, 7], np.int64)),
            "pixel": ("width", np.array([0, 255], np.uint8)),
            "exact": 0.1,
        },
        {
            "data": ["digits", "mnist é"],
            "width": widths,
            "epoch": np.arange(1, 4),
            "optimizer": "sgd",
            "batch_size": 64,
        },
    )


@pytest.mark.quick
def test_a_dataset_comes_back_as_it_was(tmp_path):
    dataset = example()
    dataset["loss"].attrs["units"] = "nats"
    results.save(tmp_path / "new", dataset, {"experiment": "toy"})
    loaded, record = results.load(tmp_path / "new")
    xr.testing.assert_identical(loaded, dataset)
    assert {n: v.dtype.kind + str(v.dtype.itemsize) for n, v in loaded.data_vars.items()} == {
        n: v.dtype.kind + str(v.dtype.itemsize) for n, v in dataset.data_vars.items()
    }
    assert loaded.width.values[1] == (50, 50)
    assert record["experiment"] == "toy"


@pytest.mark.quick
def test_attributes_of_the_whole_are_dropped(tmp_path):
    results.save(tmp_path, example().assign_attrs(seconds=1.25), {})
    assert results.load(tmp_path)[0].attrs == {}


def test_the_bytes_are_the_same_in_every_process():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_results; import hashlib;"
        "from experiments.record import results;"
        "print(hashlib.sha256(results.to_bytes(test_results.example())).hexdigest())"
    )
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"  # another order of sets
    there = subprocess.run(
        [sys.executable, "-c", program, os.path.dirname(__file__)],
        capture_output=True, text=True, check=True, cwd=results.ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
    ).stdout  # fmt: skip
    assert there.strip() == hashlib.sha256(results.to_bytes(example())).hexdigest()


@pytest.mark.quick
def test_saving_what_was_loaded_writes_the_same_bytes():
    array = results.to_bytes(example())
    assert results.to_bytes(results.from_bytes(array)) == array


@pytest.mark.quick
def test_an_integer_that_netcdf3_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="steps holds integers"):
        results.to_bytes(xr.Dataset({"steps": ("n", np.array([2**40]))}))


@pytest.mark.quick
@pytest.mark.parametrize("damage", ["results.nc", "results.json", "mixed", "torn"])
def test_half_a_result_is_none(damage, tmp_path):
    results.save(tmp_path, example(), {})
    if damage == "mixed":
        results.write(tmp_path / "results.nc", results.to_bytes(example() * 2))
    elif damage == "torn":
        (tmp_path / "results.json").write_text('{"sha256": "12')
    else:
        (tmp_path / damage).unlink()
    with pytest.raises(results.NoResultsError):
        results.load(tmp_path)


@pytest.mark.quick
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "page.md"
    results.write(path, "old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        results.write(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["page.md"]


@pytest.mark.quick
def test_a_data_set_is_known_by_its_content(monkeypatch):
    found = results.identities(["digits"])["digits"]
    assert found["train"] + found["test"] == 1797
    real = results.data.load("digits")
    inputs = real.train.inputs.copy()
    inputs[0, 0] += 1
    changed = results.data.from_arrays(inputs, *real.train[1:], *real.test, scale=real.scale)
    monkeypatch.setattr(results.data, "load", lambda name: changed)
    assert results.identities(["digits"])["digits"]["sha256"] != found["sha256"]


@pytest.mark.quick
def test_data_not_at_hand_have_no_identity(monkeypatch):
    def load(name):
        raise results.data.DataNotFoundError(name)

    monkeypatch.setattr(results.data, "load", load)
    assert results.identities(["zoo"]) == {"zoo": None}
