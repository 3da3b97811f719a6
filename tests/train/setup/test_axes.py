import numpy as np
import pytest

from jaxnn.train.setup.axes import Grid

pytestmark = pytest.mark.usefixtures("no_type_checker")


def setup(learning_rate, momentum=0.0, width=100, activation="relu", hidden=(5,)):
    raise AssertionError("a grid looks at the signature alone")


def grid(**hyperparameters):
    return Grid(setup, {"learning_rate": 0.1} | hyperparameters)


@pytest.mark.quick
def test_lists_ranges_and_arrays_are_axes_in_the_order_of_the_call():
    made = grid(width=[5, 6], learning_rate=np.array([0.1, 1.0]), seed=range(3))
    assert list(made.axes) == ["learning_rate", "width", "seed"]  # learning_rate was named first
    assert made.shape == (2, 2, 3)
    assert len(list(made.lanes())) == 12


def test_a_tuple_is_one_value():
    assert grid(hidden=(5, 5)).fixed["hidden"] == (5, 5)
    assert grid(hidden=[(5,), (5, 5)]).axes["hidden"] == [(5,), (5, 5)]


def test_floats_are_traced_and_the_rest_is_structure():
    (lane,) = grid(momentum=0.9, width=7, activation="tanh", seed=3).lanes()
    assert lane.traced == {"learning_rate": 0.1, "momentum": 0.9}
    assert lane.static == (("activation", "tanh"), ("width", 7))
    assert lane.settings.seed == 3


def test_an_int_for_a_float_hyperparameter_is_a_float():
    (lane,) = grid(learning_rate=1, momentum=0).lanes()
    assert lane.traced == {"learning_rate": 1.0, "momentum": 0.0}
    assert grid(learning_rate=[1, 0.5]).axes["learning_rate"] == [1.0, 0.5]
    (lane,) = grid(width=np.int64(7)).lanes()
    assert lane.static == (("width", 7),)


def test_the_last_axis_moves_fastest():
    lanes = list(grid(learning_rate=[0.1, 1.0], seed=range(2)).lanes())
    rows = [(lane.position, lane.traced["learning_rate"], lane.settings.seed) for lane in lanes]
    assert rows == [
        ((0, 0), 0.1, 0), ((0, 1), 0.1, 1), ((1, 0), 1.0, 0), ((1, 1), 1.0, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("hyperparameters", "error", "message"),
    [
        ({"momentun": 0.9}, TypeError, r"no hyperparameter 'momentun'; .*Did you mean momentum\?"),
        ({"learning_rate": []}, ValueError, "the axis learning_rate is empty"),
        ({"seed": range(0)}, ValueError, "the axis seed is empty"),
        ({"learning_rate": -0.1}, ValueError, r"learning_rate must be .* got -0\.1"),
        ({"learning_rate": [0.1, -0.1]}, ValueError, r"learning_rate must be .* got -0\.1"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate must be finite"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate must be a number, got 'fast'"),
        ({"learning_rate": (0.1, 0.2)}, TypeError, "give a list to sweep it"),
        ({"momentum": float("inf")}, ValueError, "momentum must be finite, got inf"),
        ({"width": [5, "six"]}, ValueError, "width mixes values of the kinds int, str"),
        ({"width": [5, 6, 5]}, ValueError, "width holds 5 more than once"),
        ({"hidden": {"a": 5}}, TypeError, "hidden={'a': 5} cannot be a hyperparameter"),
        ({"hidden": ([5],)}, TypeError, r"hidden=\(\[5\],\) cannot be a hyperparameter"),
        ({"seed": 0.5}, TypeError, r"seed must be an int, got 0\.5"),
        ({"seed": -1}, ValueError, r"seed must be in \[0, 2\*\*32\), got -1"),
    ],
)
def test_what_cannot_be_swept_is_refused(hyperparameters, error, message):
    with pytest.raises(error, match=message):
        grid(**hyperparameters)


def test_a_learning_rate_by_another_name_is_checked_too():
    with pytest.raises(ValueError, match=r"eta must be finite and at least 0, got -0\.1"):
        Grid(lambda eta: None, {"eta": -0.1})


def test_a_missing_hyperparameter_is_named():
    with pytest.raises(TypeError, match="setup needs a value for learning_rate"):
        Grid(setup, {})


def test_a_setup_cannot_take_the_seed():
    with pytest.raises(TypeError, match="that name is the run's own"):
        Grid(lambda seed: None, {})
