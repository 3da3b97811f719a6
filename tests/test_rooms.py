"""The house: which room may import from which, read from the imports alone."""

import ast
import graphlib
import pathlib
import statistics

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FLOORS = (  # from the roof down; rooms on one floor do not know each other
    ("experiments.__main__", "experiments.survival"),
    ("experiments.commands",),
    ("experiments.course", "experiments.train", "experiments.benchmarks"),
    ("experiments.pages",),
    ("experiments.claims",),
    ("experiments.record",),
    ("experiments.process",),
    ("jaxnn.train.sweep", "jaxnn.train.plan"),
    ("jaxnn.train.lanes",),
    ("jaxnn.train.program", "jaxnn.train.saving"),
    ("jaxnn.train.setup", "jaxnn.train.errors"),
    ("jaxnn.data.published",),
    ("jaxnn.data.own",),
    ("jaxnn.data.prepare",),
    ("jaxnn.data.toy", "jaxnn.data.images"),
    ("jaxnn.data.dataset",),
    ("jaxnn.data.arrays", "jaxnn.data.cache", "jaxnn.data.errors"),
    ("jaxnn.gradcheck", "jaxnn.modules"),
    ("jaxnn.models", "jaxnn.logistic_regression"),
    ("jaxnn.backprop", "jaxnn.metrics", "jaxnn.flops"),
    ("jaxnn.layers", "jaxnn.losses", "jaxnn.regularizers", "jaxnn.optimizers"),
    ("jaxnn.perceptron", "jaxnn.augment", "jaxnn.schedules"),
    ("jaxnn.activations", "jaxnn.graph"),
    ("jaxnn.maxima", "jaxnn.rules", "jaxnn.checks", "jaxnn.initializers"),
    ("jaxnn.compilation_cache", "jaxnn.private_jax", "jaxnn.widening"),
)


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for top in ("jaxnn", "experiments")
         for path in sorted((ROOT / top).rglob("*.py"))}  # fmt: skip


def imports_of(module):
    """The modules of the house that a file imports, at its top or inside its functions."""
    for node in _nodes(ast.parse(FILES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FILES)
        elif isinstance(node, ast.ImportFrom) and node.module in FILES:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if inside in FILES else node.module


def _nodes(tree):
    """All but what is imported for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _nodes(node)


ARROWS = {module: set(imports_of(module)) - {module} for module in FILES}


def place(module):
    """The room that a file stands in, and its floor; a front door stands in none."""
    for floor, rooms in enumerate(FLOORS):
        for room in rooms:
            if module == room or module.startswith(f"{room}."):
                return room, floor
    return None


DOORS = {m for m, path in FILES.items() if path.name == "__init__.py" and place(m) is None}


def floor_of(module):
    """Of a front door (a package's __init__ that only shows its rooms): the highest it shows."""
    if module in DOORS:
        return min((floor_of(shown) for shown in ARROWS[module]), default=len(FLOORS))
    return place(module)[1]


def test_every_file_stands_in_a_room_and_every_room_holds_one():
    assert {module for module in FILES if place(module) is None} == DOORS
    assert {"jaxnn", "jaxnn.train", "jaxnn.data", "experiments"} == DOORS
    assert {place(m)[0] for m in FILES if m not in DOORS} == {r for rs in FLOORS for r in rs}


@pytest.mark.quick
def test_imports_run_downwards_only():
    upwards = [
        f"{module} -> {other}"
        for module in FILES.keys() - DOORS
        for other in ARROWS[module]
        if (other in DOORS or place(module)[0] != place(other)[0])
        and floor_of(other) <= floor_of(module)
    ]
    assert not upwards, "\n".join(upwards)


def test_no_files_import_each_other_in_a_circle():
    graphlib.TopologicalSorter(
        {m: a - DOORS for m, a in ARROWS.items() if m not in DOORS}
    ).prepare()


def test_functions_are_short():
    """Lines of code, without the docstring: none above sixty, and the median near ten or below."""
    lines = {}
    for module, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                said = len((ast.get_docstring(node, clean=False) or "").splitlines())
                lines[f"{module}.{node.name}"] = node.end_lineno - node.lineno + 1 - said
    assert {name: number for name, number in lines.items() if number > 60} == {}
    assert statistics.median(lines.values()) <= 10


def test_the_library_knows_no_experiment():
    known = [m for m, a in ARROWS.items() if m.startswith("jaxnn") and "experiments" in "".join(a)]
    assert not known


def test_chapters_of_the_course_do_not_import_each_other():
    def chapter(module):
        return module.split(".")[2] if module.startswith("experiments.course.") else None

    across = [f"{m} -> {other}" for m, arrows in ARROWS.items() for other in arrows
              if chapter(m) and chapter(other) and chapter(m) != chapter(other)]  # fmt: skip
    assert not across


@pytest.mark.parametrize("wrong", ["jaxnn.train.setup.run", "jaxnn.data.prepare.splits"])
def test_an_arrow_upwards_is_seen(wrong, monkeypatch):
    monkeypatch.setitem(ARROWS, wrong, {"jaxnn.train.lanes.execute", "jaxnn.data.own.table"})
    with pytest.raises(AssertionError, match=wrong):
        test_imports_run_downwards_only()


def test_a_circle_is_seen(monkeypatch):
    monkeypatch.setitem(ARROWS, "jaxnn.data.published.release", {"jaxnn.data.published.builder"})
    with pytest.raises(graphlib.CycleError, match="builder"):
        test_no_files_import_each_other_in_a_circle()
