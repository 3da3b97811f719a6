import os
import subprocess
import sys

from experiments import results


def test_the_command_line_uses_every_core():
    program = (
        "import jax; from experiments.machine import use_every_core; use_every_core();"
        "print(jax.device_count())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, cwd=results.ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    assert int(answer.stdout) == len(os.sched_getaffinity(0))
