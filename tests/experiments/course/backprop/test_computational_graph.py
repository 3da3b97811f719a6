import pytest

from experiments.claims.ledger import graphs
from experiments.course.backprop import computational_graph
from jaxnn import graph
from tests.experiments.altered import change, committed_results, statuses


@pytest.fixture
def committed():
    return committed_results("computational_graph")


@pytest.mark.quick
def test_both_claims_are_reproduced(committed):
    assert set(statuses(computational_graph, committed).values()) == {"reproduced"}


@pytest.mark.quick
@pytest.mark.parametrize(
    "variable", ["by_graph", "by_autodiff", "by_difference", "local_times_upstream"]
)
def test_a_derivative_that_differs_from_the_others_is_contradicted(variable, committed):
    where = {"seed": 1, "derivative": "sigmoid neuron, by w1"}
    changed = change(committed, variable, lambda old: old * (1 + 1e-5), **where)
    assert statuses(computational_graph, changed)["graph-chain-rule"] == "contradicted"


@pytest.mark.quick
def test_a_wrong_local_derivative_is_contradicted(committed, monkeypatch):
    def multiply_vjp(x, y, cotangent):
        return cotangent * x, cotangent * y

    monkeypatch.setattr(graph, "multiply_vjp", multiply_vjp)
    assert statuses(computational_graph, committed)["graph-four-steps"] == "contradicted"


def test_one_point_gives_one_row_of_equal_derivatives():
    one = computational_graph.run(computational_graph.Config(seeds=1))
    assert one.by_graph.shape == (1, 9)
    assert statuses(computational_graph, one)["graph-chain-rule"] == "reproduced"


@pytest.mark.quick
def test_every_node_of_the_drawing_has_a_place_of_its_own():
    places = computational_graph._places(graphs.NEURON)
    assert len(set(places.values())) == len(places) == 15
