import numpy as np
import pytest

from experiments.course.neurons import tensors
from tests.experiments.altered import change, committed_results, statuses

pytestmark = pytest.mark.quick


@pytest.fixture
def committed():
    return committed_results("tensors")


def test_both_claims_are_reproduced(committed):
    assert set(statuses(tensors, committed).values()) == {"reproduced"}


@pytest.mark.parametrize("value", ["np.array(12)", "np.array(12.0)", "np.float32(12)", "a picture"])
def test_another_type_is_contradicted(value, committed):
    changed = committed.copy(deep=True)
    changed["dtype"].loc[{"value": value}] = "bool"
    assert statuses(tensors, changed)["tensor-dtype"] == "contradicted"


@pytest.mark.parametrize(("variable", "where"), [("planes", {"plane": "red"}), ("stored", {})])
def test_planes_that_make_another_picture_are_contradicted(variable, where, committed):
    place = {**where, "height": 50, "width": 50, "channel": "red"}
    changed = change(committed, variable, lambda old: 255 - old, **place)
    assert statuses(tensors, changed)["tensor-rgb"] == "contradicted"


def test_the_discs_show_every_mixture_of_the_three_colours():
    colours = np.unique(tensors.discs(96).reshape(-1, 3), axis=0)
    assert len(colours) == 8
    np.testing.assert_array_equal(tensors.read_back(tensors.discs(8)), tensors.discs(8))


def test_kinds_of_data_have_the_ranks_of_their_axes(committed):
    kinds = {kind: int(committed["rank"].sel(array=kind)) for kind in tensors.AXES}
    assert kinds == {"vectors": 2, "sequences": 3, "images": 4, "videos": 5}
