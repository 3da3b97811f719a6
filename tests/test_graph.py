import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn import activations, graph


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def sigmoid_neuron():
    w0, x0, w1, x1, w2 = graph.variables("w0 x0 w1 x1 w2")
    negative = -(w0 * x0 + w1 * x1 + w2)
    return graph.apply(graph.reciprocal, graph.apply(graph.exp, negative) + 1.0)


POINT = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}


@pytest.mark.parametrize(("y", "value", "gradient"), [(2.0, 3, [1, 1, 3]), (-2.0, -1, [1, 1, -1])])
def test_the_product_of_chapter_5_has_its_values_on_every_node_and_edge(y, value, gradient):
    names = graph.variables("x y z")
    q = names[0] + names[1]
    f = q * names[2]
    passes = graph.backpropagate(f, x=1.0, y=y, z=1.0)
    assert passes.nodes == (names[0], names[1], q, names[2], f)
    assert [float(passes.values[node]) for node in (q, f)] == [1 + y, value]
    assert [float(passes.gradients[node]) for node in names] == gradient
    assert [float(edge.gradient) for edge in passes.edges_of(f)] == [1, 1 + y]
    assert [edge.input for edge in passes.edges_of(q)] == [*names[:2]]


def test_the_sigmoid_neuron_agrees_with_autodiff_and_with_one_sigmoid_node():
    neuron = sigmoid_neuron()
    passes = graph.backpropagate(neuron, **POINT)
    by_name = {node.name: float(passes.gradients[node]) for node in passes.nodes}
    expected = jax.grad(lambda p: jax.nn.sigmoid(p["w0"] * p["x0"] + p["w1"] * p["x1"] + p["w2"]))(
        POINT
    )
    np.testing.assert_allclose(
        [by_name[k] for k in POINT], [expected[k] for k in POINT], rtol=1e-12
    )
    (x,) = graph.variables("x")
    whole = graph.backpropagate(graph.apply(activations.sigmoid, x), x=1.0)
    np.testing.assert_allclose(whole.gradients[x], by_name["w2"], rtol=1e-12)


@pytest.mark.parametrize("x", [-1.0, 0.5, 1.0, 2.0])
def test_the_chain_rule_is_that_of_the_formula_and_of_differences(x):
    (node,) = graph.variables("x")
    f = (node**3 + 2 * node) ** 4
    gradient = graph.backpropagate(f, x=x).gradients[node]
    assert float(gradient) == pytest.approx(4 * (x**3 + 2 * x) ** 3 * (3 * x**2 + 2), rel=1e-12)
    difference = graph.numerical_derivative(f, "x", x=x)
    assert float(difference) == pytest.approx(float(gradient), rel=1e-7)


def test_differences_are_as_good_as_float32_allows():
    (node,) = graph.variables("x")
    with jax.enable_x64(False):
        difference = graph.numerical_derivative(node**3, "x", x=2.0)
    assert float(difference) == pytest.approx(12, rel=1e-4)


@pytest.mark.quick
def test_gradients_of_several_paths_add_up():
    (x,) = graph.variables("x")
    passes = graph.backpropagate(x * x + x, x=3.0)
    assert float(passes.gradients[x]) == 7.0
    assert sorted(float(e.gradient) for e in passes.edges if e.input is x) == [1.0, 3.0, 3.0]


def test_the_printed_table_shows_each_node_with_value_gradient_and_edges():
    x, y, z = graph.variables("x y z")
    lines = str(graph.backpropagate((x + y) * z, x=1.0, y=2.0, z=4.0)).splitlines()
    assert [line.split() for line in lines[3:]] == [
        ["[2]", "add", "[0]", "[1]", "3", "4", "[0]", "4", "[1]", "4"],
        ["[3]", "z", "4", "3"],
        ["[4]", "multiply", "[2]", "[3]", "12", "1", "[2]", "4", "[3]", "3"],
    ]


def test_a_graph_compiles():
    x, y, z = graph.variables("x y z")
    f = (x + y) * z

    @jax.jit
    def gradient_of_z(x, y, w):
        return graph.backpropagate(f, x=x, y=y, z=w).gradients[z]

    assert float(gradient_of_z(1.0, 2.0, jnp.asarray(5.0))) == 3.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f, x: graph.evaluate(f), ValueError, r"variables \['x'\].*given for \[\]"),
        (lambda f, x: graph.evaluate(f, x=1.0, y=1.0), ValueError, r"\['x', 'y'\]"),
        (lambda f, x: graph.apply(jnp.cos, x), LookupError, "no hand-derived gradient for cos"),
        (lambda f, x: f**0, ValueError, "exponent must be at least 1, got 0"),
        (lambda f, x: f**0.5, TypeError, "exponent must be an int"),
    ],
)
@pytest.mark.usefixtures("no_type_checker")
def test_bad_input_is_refused(call, error, message):
    (x,) = graph.variables("x")
    with pytest.raises(error, match=message):
        call(x * x, x)
