import ast
import pathlib

import jax
import pytest

from jaxnn import private_jax
from jaxnn.private_jax import FOR_CONVOLUTIONS, ONCE, WITHOUT_CONVOLUTIONS, accepted

ROOT = pathlib.Path(__file__).parents[1]
OURS = pathlib.Path(private_jax.__file__).resolve()
NO_PROMISE = ("jax.experimental", "jax.extend", "jax.interpreters", "jax.lib", "jaxlib")
MAKERS = ("jax", "jaxlib", "flax", "optax", "orbax")


def private_uses(text: str) -> list[str]:
    """Modules and names of JAX, Flax, Optax and Orbax that are not public, and XLA's options."""
    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import():
                found += [name.name for name in node.names]
            case ast.ImportFrom(module=str(module)):
                found += [f"{module}.{name.name}" for name in node.names]
            case ast.Attribute():
                found.append(ast.unparse(node))
            case ast.Constant(value=str(value)) if value.lstrip("-").startswith("xla_"):
                found.append(f"option {value}")
    return [name for name in found if is_private(name)]


def is_private(name: str) -> bool:
    maker, *parts = name.split(".")
    if name.startswith("option "):
        return name != "option xla_flags"  # a key of our results
    is_inside = maker in MAKERS and any(part.startswith("_") for part in parts if part[:2] != "__")
    return is_inside or any(
        name == module or name.startswith(f"{module}.") for module in NO_PROMISE
    )


@pytest.mark.parametrize(
    "line",
    [
        "import jax._src.core",
        "from jax.experimental import multihost_utils",
        "from jax import extend as e; jax.extend.core",
        "import jaxlib",
        "optax._src.base",
        "x = {'xla_cpu_of_another_time': True}",
        "x = '--xla_gpu_of_another_time=1'",
    ],
)
def test_what_is_private_is_found(line):
    assert private_uses(line)


def test_what_is_public_is_not():
    assert not private_uses("import jax.numpy as jnp; jax.jit; jax.__version__; optax.sgd; x._src")


def test_one_file_uses_what_is_private():
    used = {
        path.relative_to(ROOT).as_posix(): names
        for package in ("jaxnn", "experiments")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.resolve() != OURS and (names := private_uses(path.read_text("utf-8")))
    }
    assert used == {}
    assert private_uses(OURS.read_text("utf-8"))


def test_options_are_known_to_the_versions_that_they_were_tried_with():
    gone = {"xla_cpu_use_fusion_emitters"} if jax.__version_info__ >= (0, 11) else set()
    for options in (FOR_CONVOLUTIONS, WITHOUT_CONVOLUTIONS, ONCE):
        assert set(options) - set(accepted(options)) == gone, f"with jax {jax.__version__}"


def test_this_version_was_tried():
    release = jax.__version_info__[:2]
    tried = {tuple(map(int, version.split(".")[:2])) for version in private_jax.TRIED}
    assert release in tried, f"try jax {jax.__version__}, and add it to private_jax.TRIED"
    assert private_jax.quick_flags()
