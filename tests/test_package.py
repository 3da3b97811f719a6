import subprocess
import sys

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
