"""Another version's drift is seen and named, and what an earlier one of ours wrote is read.

The files in tests/golden are written anew by `python -m tests.golden.networks`.
"""

import json
import shutil

import jax
import numpy as np
import pytest

from jaxnn import models
from jaxnn.train.errors import CheckpointVersionWarning
from tests.golden import networks
from tests.golden.networks import named

# Initial weights are drawn as bits, and pass through a logarithm or a square root; in ten steps
# rounding grows. What a program computes otherwise lies far beyond.
INITIAL = {"rtol": 2e-6, "atol": 1e-7}
STEPS = {"rtol": 2e-4, "atol": 2e-5}

pytestmark = pytest.mark.filterwarnings("ignore::jaxnn.train.errors.CheckpointVersionWarning")


@pytest.fixture(scope="module")
def golden():
    with np.load(networks.ARRAYS) as file:
        return dict(file)


@pytest.fixture(scope="module")
def trained(golden):
    """Each network, once."""
    return {name: networks.run(name, golden) for name in networks.SETUPS}


def assert_holds(what, actual, expected, **tolerance):
    made_with = json.loads(networks.VERSIONS.read_text("utf-8"))
    by = f"{what} drifted: the golden files are of {made_with}, and this is {networks.versions()}"
    np.testing.assert_allclose(actual, expected, err_msg=by, **tolerance)


def test_the_order_of_the_examples_is_that_of_the_golden_files(golden):
    assert_holds("the order of the examples", networks.order(), golden["order"], rtol=0)


@pytest.mark.parametrize("name", networks.SETUPS)
def test_initial_weights_are_those_of_the_golden_files(trained, golden, name):
    _, params, _ = trained[name]
    for path, leaf in named(params, 0).items():
        what = f"the initial weights {path} of {name}"
        assert_holds(what, leaf, golden[f"{name} initial {path}"], **INITIAL)


@pytest.mark.parametrize("name", networks.SETUPS)
def test_ten_steps_end_where_those_of_the_golden_files_do(trained, golden, name):
    by_epoch, params, _ = trained[name]
    assert_holds(f"the losses of {name}", by_epoch, golden[f"{name} losses"], **STEPS)
    for path, leaf in named(params, 1).items():
        what = f"the weights {path} of {name} after ten steps"
        assert_holds(what, leaf, golden[f"{name} trained {path}"], **STEPS)


@pytest.mark.parametrize("name", networks.SETUPS)
def test_a_saved_model_is_read(golden, name):
    model = networks.MODELS[name]["model"]
    loaded = models.load(networks.file_of(name), model=None if isinstance(model, str) else model)
    assert loaded.in_shape == networks.IN_SHAPE
    for path, leaf in named(jax.tree.map(lambda leaf: leaf[None], loaded.params), 0).items():
        np.testing.assert_array_equal(leaf, golden[f"{name} trained {path}"])


def test_a_checkpoint_is_read_and_the_run_goes_on_from_it(trained, golden, tmp_path):
    folder = tmp_path / "checkpoint"
    shutil.copytree(networks.CHECKPOINT, folder)
    with pytest.warns(CheckpointVersionWarning, match="of the golden files"):
        by_epoch, params, _ = networks.run(
            "mlp", golden, networks.RATES[1:], checkpoint_dir=folder, resume="must"
        )
    assert_holds("the losses of mlp", by_epoch, golden["mlp losses"], **STEPS)
    for path, leaf in named(params, 0).items():
        assert_holds(f"{path} of mlp", leaf, golden[f"mlp trained {path}"], **STEPS)
