import pytest

from experiments.course import registry
from experiments.record import store

BEFORE = {"digits": {"sha256": "0"}}


def fingerprint(identities=BEFORE, **settings):
    experiment = registry.load("toy")
    return store.fingerprint(experiment, experiment.module.Config(**settings), identities)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("np.add.outer(rates, seeds)", "np.add.outer(rates, 2 * seeds)"),
        ("(1e-6, 1e-7)", "(1e-5, 1e-7)"),
        ("seeds: int = 3", "seeds: int = 4"),
    ],
)
def test_what_could_change_the_numbers_changes_the_fingerprint(old, new, rewrite):
    before = fingerprint()
    rewrite(old, new)
    assert fingerprint() != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('ylabel="loss"', 'ylabel="cost"'),
        ("(rise > 0)", "(rise >= 0)"),
        ("it rises", "it climbs"),
        ("RUNS = []", "RUNS = []  # the configs that ran"),
    ],
)
def test_the_figure_the_verdicts_and_the_prose_leave_the_fingerprint_alone(old, new, rewrite):
    before = fingerprint()
    rewrite(old, new)
    assert fingerprint() == before


@pytest.mark.quick
def test_settings_and_data_are_part_of_the_fingerprint(toy):
    names = {fingerprint(), fingerprint(seeds=9), fingerprint(identities={"digits": None})}
    assert len(names) == 3


def test_a_helper_of_the_figure_alone_is_left_out_and_a_shared_one_is_not(rewrite):
    helper = "\n\ndef _shared(x):\n    return x\n\n\ndef draw("
    rewrite("\n\ndef draw(", helper)
    unused = fingerprint()
    rewrite("def _shared(x):\n    return x", "def _shared(x):\n    return x + 0")
    assert fingerprint() != unused  # nobody calls it: kept, to be safe
    rewrite('"""Loss by epoch', '_shared(1)\n    """Loss by epoch')
    drawing = fingerprint()
    rewrite("return x + 0", "return x + 1")
    assert fingerprint() == drawing
    rewrite("RUNS.append(config)", "RUNS.append(_shared(config))")
    running = fingerprint()
    rewrite("return x + 1", "return x")
    assert fingerprint() != running


@pytest.mark.quick
def test_a_frame_module_that_computes_is_part_of_the_fingerprint(rewrite):
    rewrite("import numpy", "from experiments.record import compare\nimport numpy")
    sources = dict(store._sources(registry.load("toy")))
    assert "experiments/record/compare.py" in sources
    assert "experiments/record/results.py" in sources
    assert "experiments/pages/style.py" not in sources
    assert "jaxnn/rules.py" in sources


@pytest.mark.quick
def test_of_a_package_the_runs_count_and_the_figure_and_the_judges_do_not():
    sources = dict(store._sources(registry.load("learning_rate")))
    assert "learning_rate/runs.py" in sources
    assert not any(name.endswith(("figure.py", "judges.py")) for name in sources)


@pytest.mark.quick
def test_a_folder_counts_as_written_until_it_or_its_writer_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "FOLDER", tmp_path / "cache" / "results")
    folder = tmp_path / "pages"
    assert not store.is_written(folder, ["source"])
    folder.mkdir()
    (folder / "README.md").write_text("as written")
    store.note_written(folder, ["source"])
    assert store.is_written(folder, ["source"])
    assert not store.is_written(folder, ["source", "another"])
    (folder / "README.md").write_text("by another hand")
    assert not store.is_written(folder, ["source"])


@pytest.mark.quick
def test_of_a_library_file_all_counts_but_its_docstrings_and_comments():
    counts = store._without_docstrings
    before = '''"""A file."""
def f(x):
    """Adds.

    One.
    """
    return x + 1  # one

class Wrong(Exception):
    """Nothing but this."""; B = 3
'''
    assert counts(before) == counts(before.replace("A file", "Of two\nlines"))
    assert counts(before) == counts(before.replace("Adds.\n", "Adds one.\n\n    Always.\n"))
    assert counts(before) == counts(before.replace("# one", "# two"))
    assert counts(before) != counts(before.replace("x + 1", "x + 2"))
    assert counts(before) != counts(before.replace("B = 3", "B = 4"))
    compile(counts(before), "before", "exec")
