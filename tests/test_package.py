import pathlib
import subprocess
import sys
import tomllib

import jaxnn

ROOT = pathlib.Path(__file__).parents[1]
KINDS = (".md", ".py", ".toml", ".html")
HEAVY = {
    "flax", "sklearn", "tensorflow_datasets", "tensorflow", "matplotlib", "xarray", "orbax",
    "optax", "pandas", "scipy", "tqdm", "grain", "PIL",
    "safetensors",
}  # fmt: skip


def test_importing_the_package_imports_nothing_that_takes_long():
    program = (
        "import sys, jax; before = set(sys.modules); import jaxnn;"
        f"print(sorted({HEAVY} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["tool"]["hatch"]["version"]["path"] == "jaxnn/__init__.py"
    assert "version" not in project["project"]
    assert [int(number) for number in jaxnn.__version__.split(".")]


def test_no_page_has_a_user_install_the_other_project_of_our_name():
    folders = [ROOT / name for name in ("docs", "jaxnn", "experiments", "tests")]
    pages = [*ROOT.glob("*.md"), *(p for f in folders for p in f.rglob("*.*") if p.suffix in KINDS)]
    wrong = "pip install " + "jaxnn"
    found = [line for page in pages for line in page.read_text("utf-8").splitlines()
             if wrong in line and "type `" not in line]  # fmt: skip
    assert found == []
