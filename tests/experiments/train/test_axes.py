import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.train import axes
from experiments.train.config import AXES, TrainConfig


def values(text):
    ((_, found),) = axes.read_grid([text]).items()
    return found


@pytest.mark.quick
@given(st.lists(st.floats(0, 1e30), min_size=1, max_size=8, unique=True))
def test_a_list_of_numbers_is_read_as_python_writes_it(numbers):
    assert values(f"learning_rate={','.join(map(repr, numbers))}") == [abs(x) for x in numbers]


@pytest.mark.quick
@given(st.integers(0, 50), st.integers(1, 50), st.integers(1, 9))
def test_a_range_is_that_of_python(start, length, step):
    assert values(f"seed={start}:{start + length}:{step}") == [*range(start, start + length, step)]
    assert values(f"seed={start}:{start + length}") == [*range(start, start + length)]


@given(st.floats(1e-9, 1.0), st.floats(1.5, 1e6), st.integers(2, 30))
def test_log_spaced_values_have_one_ratio_and_both_ends(low, factor, count):
    found = values(f"learning_rate=log:{low!r}:{low * factor!r}:{count}")
    assert len(found) == count
    np.testing.assert_allclose([found[0], found[-1]], [low, low * factor], rtol=1e-12)
    ratios = np.divide(found[1:], found[:-1])
    np.testing.assert_allclose(ratios, factor ** (1 / (count - 1)), rtol=1e-9)


@given(st.lists(st.lists(st.integers(1, 999), min_size=1, max_size=3), min_size=1, unique_by=tuple))
def test_widths_are_joined_by_x(networks):
    text = ",".join("x".join(map(str, widths)) for widths in networks)
    assert values(f"hidden={text}") == [tuple(widths) for widths in networks]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seed=0:3,7", [0, 1, 2, 7]),
        ("seed=3:0:-1", [3, 2, 1]),
        ("learning-rate=1e-3, 0.1", [0.001, 0.1]),
        ("batch_size=32,full", [32, None]),
        ("l2=0,1e-4", [0.0, 0.0001]),
        ("activation=relu,tanh", ["relu", "tanh"]),
    ],
)
def test_what_can_be_written_for_an_axis(text, found):
    assert values(text) == found
    assert [type(value) for value in values(text)] == [type(value) for value in found]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate", "write NAME=VALUES, such as learning_rate=0.01,0.1"),
        ("=3", "write NAME=VALUES"),
        ("learning_rat=0.1", "did you mean learning_rate?"),
        ("out=here", "no such axis"),
        ("seed=", "the axis seed is empty"),
        ("seed=5:5", "the axis seed is empty: seed=5:5 holds no value"),
        ("seed=1,2,1", "holds 1 more than once"),
        ("seed=0:3,2", "holds 2 more than once"),
        ("l2=0,0.0", "holds 0.0 more than once"),
        ("seed=0:1000000000", "more than 100000 values"),
        ("seed=0:4:0", "no range of whole numbers"),
        ("seed=a:b", "no range of whole numbers"),
        ("seed=-1:3", "must be at least 0"),
        ("epochs=0,1", "must be at least 1, got 0"),
        ("learning_rate=0:1", "a range of numbers is log:low:high:count"),
        ("learning_rate=log:0:1:5", "bounds that rise and above 0"),
        ("learning_rate=log:1:0.1:5", "bounds that rise"),
        ("learning_rate=log:1e-3:1:1", "a count of at least 2"),
        ("learning_rate=nan", "must be finite"),
        ("learning_rate=-1", "must be finite and at least 0"),
        ("momentum=1", "in [0, 1), got 1"),
        ("activation=relu:tanh", "this axis has no ranges"),
        ("activation=rely", "did you mean relu?"),
        ("hidden=64x0", "must be at least 1"),
    ],
)
def test_a_wrong_axis_is_refused_with_a_remedy(text, message):
    with pytest.raises(axes.UsageError) as refused:
        axes.read_grid([text])
    assert message in str(refused.value)


@pytest.mark.quick
@given(st.text(max_size=30), st.sampled_from(sorted(AXES)))
def test_any_text_is_read_or_refused(text, name):
    for whole in (text, f"{name}={text}"):
        with contextlib.suppress(axes.UsageError):
            axes.read_grid([whole])


@pytest.mark.quick
def test_zipped_axes_are_walked_side_by_side():
    flags = TrainConfig(zip=("learning_rate=0.1,0.01", "momentum=0,0.9"))
    assert axes.read_design(flags).values == {"learning_rate": [0.1, 0.01], "momentum": [0.0, 0.9]}


@pytest.mark.quick
def test_random_trials_are_drawn_by_the_seed_within_their_bounds():
    laws = ("20", "learning_rate=loguniform:1e-4:1", "l2=uniform:0:0.5")
    first, again, other = (
        axes.read_design(TrainConfig(random=laws, seed=seed)).values for seed in (0, 0, 1)
    )
    assert first == again != other
    assert len(first["learning_rate"]) == 20
    assert all(1e-4 <= rate < 1 for rate in first["learning_rate"])
    assert all(0 <= strength < 0.5 for strength in first["l2"])


@pytest.mark.quick
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"zip": ("seed=0:3", "l2=0,1")}, "seed has 3, l2 has 2 values"),
        ({"zip": ("seed=0,1",), "random": ("3", "l2=uniform:0:1")}, "give one of them"),
        ({"random": ("l2=uniform:0:1",)}, "takes a count and laws"),
        ({"random": ("0", "l2=uniform:0:1")}, "takes a count and laws"),
        ({"random": ("3",)}, "takes a count and laws"),
        ({"random": ("3", "l2=0.1")}, "is no law"),
        ({"random": ("3", "epochs=uniform:1:9")}, "is no law"),
        ({"random": ("3", "l2=loguniform:0:1")}, "bounds that rise and above 0"),
        ({"random": ("3", "l2=uniform:1:1")}, "bounds that rise"),
    ],
)
def test_a_wrong_design_is_refused_with_a_remedy(flags, message):
    with pytest.raises(axes.UsageError) as refused:
        axes.read_design(TrainConfig(**flags))
    assert message in str(refused.value)


@pytest.mark.quick
def test_an_axis_is_named_once():
    flags = TrainConfig(sweep=("seed=0:3",), random=("3", "l2=uniform:0:1"))
    assert axes.names_of(flags) == ["seed", "l2"]
    with pytest.raises(axes.UsageError, match="the axis seed is given twice"):
        axes.names_of(TrainConfig(sweep=("seed=0:3",), zip=("seed=4,5",)))
