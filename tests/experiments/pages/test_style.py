import os
import re
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from experiments.pages import style
from experiments.record import results


def example():
    figure, ax = style.subplots()
    y = xr.DataArray(np.arange(12.0).reshape(3, 4), dims=["seed", "epoch"])
    lines = [style.band(ax, range(4), y + shift, label=f"rate {shift}") for shift in (0.0, 0.5)]
    style.label_lines(ax, lines, ["low", "high"])
    style.reference(ax, "slide", x=1.5)
    ax.set(xlabel="epoch", ylabel="loss [nats]")
    return figure


OTHER_PROCESS = """
import pathlib, sys
import experiments.pages.style
print("matplotlib.pyplot" in sys.modules)
sys.path.insert(0, sys.argv[1])
import test_style
test_style.style.save(test_style.example(), pathlib.Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """(what it said, its stem of the figure) of another process, with another order of sets."""
    stem = tmp_path_factory.mktemp("elsewhere") / "figure"
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, os.path.dirname(__file__), str(stem)],
        check=True, cwd=results.ROOT, env={**os.environ, "PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return done.stdout.strip(), stem


def test_a_figure_has_the_same_bytes_in_every_process(elsewhere, tmp_path):
    style.save(example(), tmp_path / "figure")
    for kind in (".svg", ".png"):
        here = (tmp_path / "figure").with_suffix(kind).read_bytes()
        assert here == elsewhere[1].with_suffix(kind).read_bytes(), kind


def test_the_files_carry_no_date_and_no_version(tmp_path):
    style.save(example(), tmp_path / "figure")
    svg = (tmp_path / "figure.svg").read_text("utf-8")
    assert "<dc:date>" not in svg
    assert "Matplotlib v" not in svg
    assert b"Software" not in (tmp_path / "figure.png").read_bytes()


def test_the_drawing_to_compare_is_the_one_that_is_saved(tmp_path):
    style.save(example(), tmp_path / "figure")
    assert style.svg(example()) == (tmp_path / "figure.svg").read_bytes()


def test_what_is_saved_is_laid_out(tmp_path):
    figure, ax = style.subplots()
    ax.set_ylabel("a label\n" * 8)
    before = ax.get_position().x0
    style.save(figure, tmp_path / "figure")
    assert ax.get_position().x0 > before + 0.05


@pytest.mark.parametrize(
    ("pattern", "change", "alike"),
    [
        (r'd="M \d+\.\d+', "000001", True),
        (r'd="M \d+', "1", False),
        (r"stroke: #", "0", False),
        (r"<g ", "name", False),
        (r"<!-- e", "e", False),  # the text of a label
    ],
)
def test_drawings_are_alike_that_differ_by_rounding_alone(pattern, change, alike):
    svg = style.svg(example()).decode()
    changed, number = re.subn(pattern, lambda found: found[0] + change, svg, count=1)
    assert number == 1
    assert style.looks_alike(changed.encode(), svg.encode()) == alike
    assert style.looks_alike(svg.encode(), svg.encode())


@pytest.mark.quick
def test_the_style_does_not_leak():
    import matplotlib

    before = dict(matplotlib.rcParams)
    with style.applied():
        assert matplotlib.rcParams["svg.hashsalt"] == "jaxnn"
    assert dict(matplotlib.rcParams) == before


def test_no_figure_opens_a_window_or_stays_in_memory(elsewhere):
    assert elsewhere[0] == "False"


def median_and_band(y, **options):
    _, ax = style.subplots()
    y = xr.DataArray(np.asarray(y, float), dims=["seed", "epoch"])
    line = style.band(ax, range(y.sizes["epoch"]), y, **options)
    (polygon,) = ax.collections
    return line.get_ydata(), polygon.get_datalim(ax.transData)


@pytest.mark.quick
def test_the_band_is_the_median_and_the_range():
    median, limits = median_and_band([[0, 0], [1, 10], [5, 20]])
    np.testing.assert_array_equal(median, [1, 10])
    assert (limits.ymin, limits.ymax) == (0, 20)


@pytest.mark.quick
def test_quartiles_are_narrower_than_the_range():
    _, limits = median_and_band([[0, 0], [1, 1], [2, 2], [3, 3], [4, 4]], spread="quartiles")
    assert (limits.ymin, limits.ymax) == (1, 3)


@pytest.mark.quick
def test_a_diverged_run_is_left_out_as_a_whole_over_time():
    median, _ = median_and_band([[0, 0], [2, 2], [100, np.nan]])
    np.testing.assert_array_equal(median, [1, 1])


@pytest.mark.quick
def test_over_a_hyperparameter_only_the_diverged_points_are_left_out():
    median, _ = median_and_band([[0, np.inf], [2, np.nan], [4, np.nan]], whole_lanes=False)
    np.testing.assert_array_equal(median, [2, np.nan])


@pytest.mark.quick
def test_the_dimensions_may_come_in_any_order():
    _, ax = style.subplots()
    y = xr.DataArray([[0.0, 2.0], [1.0, 5.0]], dims=["epoch", "seed"])
    np.testing.assert_array_equal(style.band(ax, [0, 1], y).get_ydata(), [1.0, 3.0])


@pytest.mark.quick
def test_a_band_of_more_dimensions_is_refused():
    _, ax = style.subplots()
    with pytest.raises(ValueError, match="one more dimension"):
        style.band(ax, [0], xr.DataArray(np.zeros((1, 1, 1)), dims=["seed", "rate", "epoch"]))


@pytest.mark.quick
def test_labels_of_lines_that_end_together_do_not_overlap():
    _, ax = style.subplots()
    lines = [ax.plot([0, 1], [0, height])[0] for height in (1.0, 0.99, 0.98)]
    labels = style.label_lines(ax, lines, ["a", "b", "c"])
    heights = [label.xy[1] for label in labels]
    assert heights[0] > heights[1] > heights[2]
    assert np.diff(heights[::-1]).min() == pytest.approx(0.075)
    assert max(heights) <= 1.0
    assert [label.get_color() for label in labels] == [line.get_color() for line in lines]


@pytest.mark.quick
def test_a_label_stands_at_the_last_finite_point():
    _, ax = style.subplots()
    (line,) = ax.plot([0.0, 1.0, 2.0], [0.0, 1.0, np.nan])
    ax.set(xlim=(0, 2), ylim=(0, 2))
    assert style.label_line(ax, line, "a").xy == pytest.approx((0.5, 0.5))


@pytest.mark.quick
def test_a_label_waits_for_autoscaling():
    _, ax = style.subplots()
    (line,) = ax.plot([0.0, 10.0], [0.0, 50.0])
    x, y = style.label_line(ax, line, "a").xy
    figure_point = ax.transAxes.transform((x, y))
    np.testing.assert_allclose(figure_point, ax.transData.transform((10.0, 50.0)))


@pytest.mark.quick
def test_the_colours_are_okabe_and_itos():
    _, ax = style.subplots()
    colours = [to_hex(ax.plot([0, 1])[0].get_color()).upper() for _ in range(3)]
    assert colours == ["#0072B2", "#D55E00", "#009E73"]


@pytest.mark.quick
def test_a_note_says_why_nothing_is_drawn():
    (ax,) = style.note("no data").axes
    assert [text.get_text() for text in ax.texts] == ["no data"]


@pytest.mark.quick
@pytest.mark.parametrize("along", ["x", "y"])
def test_an_interval_lies_along_its_axis_and_of_one_seed_there_is_none(along):
    _, (ax, alone) = style.subplots(1, 2)
    style.interval(ax, 7.0, (2.0, 1.0, 4.0, 3), along=along)
    (mean, _, (bar,)) = ax.containers[0].lines
    at = {"x": float(mean.get_xdata()[0]), "y": float(mean.get_ydata()[0])}
    assert at == {along: 2.0, "yx"[along == "y"]: 7.0}
    ends = np.array(bar.get_segments()[0])[:, "xy".index(along)]
    np.testing.assert_allclose(ends, [1.0, 4.0])
    style.interval(alone, 7.0, (2.0, np.nan, np.nan, 1), along=along)
    assert not alone.containers[0].lines[2]
