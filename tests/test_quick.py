"""The quick choice, `-m quick`, touches every module of the library."""

import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
REACHED_FROM = {  # what no file of tests mirrors: the file whose quick tests run it
    "augment/common": "augment/test_color",
    "data/arrays": "data/test_dataset",
    "data/errors": "data/published/test_loading",
    "data/own/cells": "data/own/test_table",
    "data/own/columns": "data/own/test_table",
    "data/own/csv_encoding": "data/own/test_table",
    "data/own/csv_file": "data/own/test_table",
    "data/own/csv_layout": "data/own/test_table",
    "data/own/image_layout": "data/own/test_image_folder",
    "data/own/picture": "data/own/test_image_folder",
    "data/published/listing": "data/published/test_loading",
    "data/published/release": "data/published/test_loading",
    "data/published/sources": "data/published/test_loading",
    "gradcheck/basic_cases": "test_gradcheck",
    "gradcheck/case": "test_gradcheck",
    "gradcheck/check": "test_gradcheck",
    "gradcheck/classical_cases": "test_gradcheck",
    "gradcheck/exact": "test_gradcheck",
    "gradcheck/image_cases": "test_gradcheck",
    "gradcheck/layers": "test_referee",
    "gradcheck/probes": "test_referee",
    "gradcheck/problem": "test_referee",
    "gradcheck/sides": "test_referee",
    "gradcheck/sequence_cases": "test_gradcheck",
    "gradcheck/table": "test_gradcheck",
    "layers/axes": "layers/test_layer",
    "layers/contract": "layers/test_dense",
    "layers/convolution_forms": "layers/test_fast_convolve",
    "layers/trilinear": "layers/test_fast_convolve",
    "layers/convolve": "layers/test_conv",
    "layers/windows": "layers/test_pool",
    "models/trees": "models/test_files",
    "modules/networks": "modules/test_bridge",
    "modules/parts": "modules/test_bridge",
    "widening": "test_optimizers",
    "private_jax": "train/program/test_compiling",
    "train/errors": "train/saving/test_identity",
    "train/lanes/execute": "train/test_sweep",
    "train/lanes/groups": "train/test_sweep",
    "train/lanes/history": "train/test_sweep",
    "train/lanes/interrupt": "train/test_resume",
    "train/lanes/lanes": "train/test_sweep",
    "train/lanes/progress": "train/test_sweep",
    "train/program/building": "train/test_sweep",
    "train/program/evaluation": "train/test_sweep",
    "train/program/program": "train/test_sweep",
    "train/program/workers": "train/test_sweep",
    "train/saving/durable": "train/saving/test_checkpoint",
    "train/saving/orbax_arrays": "train/saving/test_part",
}


def modules():
    """Without those that hold imports alone."""
    for path in sorted((ROOT / "jaxnn").rglob("*.py")):
        name = path.relative_to(ROOT / "jaxnn").with_suffix("").as_posix()
        if path.name not in ("__init__.py", "__main__.py"):
            yield name


def has_a_quick_test(name):
    path = ROOT / "tests" / f"{name}.py"
    return path.exists() and "pytest.mark.quick" in path.read_text()


@pytest.mark.quick
def test_every_module_has_a_quick_test():
    mirrors = {name: str(pathlib.PurePosixPath(name).with_name(f"test_{name.split('/')[-1]}"))
               for name in modules()}  # fmt: skip
    assert [n for n in mirrors if not has_a_quick_test(REACHED_FROM.get(n, mirrors[n]))] == []


@pytest.mark.quick
def test_the_table_names_modules_that_are_there():
    assert set(REACHED_FROM) - set(modules()) == set()
