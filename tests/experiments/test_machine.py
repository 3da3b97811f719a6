import os
import pathlib
import subprocess
import sys

import pytest

from experiments import machine, results


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, None),
        ({"JAX_NUM_CPU_DEVICES": "3"}, 3),
        ({"XLA_FLAGS": "--xla_force_host_platform_device_count=3"}, 3),
    ],
)
def test_the_command_line_uses_every_core_or_as_many_as_it_is_told(asked, count):
    program = (
        "import jax; from experiments.machine import use_every_core; use_every_core();"
        "print(jax.device_count())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, cwd=results.ROOT,
        env={"JAX_PLATFORMS": "cpu", **os.environ, **asked},
    )  # fmt: skip
    assert int(answer.stdout) == (count or len(os.sched_getaffinity(0)))


def test_a_folder_is_found_writable_and_left_empty(tmp_path):
    machine.check_writable(tmp_path / "new", "--out")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused_by_its_flag():
    with pytest.raises(machine.FolderError, match=r"cannot write to .* choose another --log"):
        machine.check_writable(pathlib.Path("/dev/null/here"), "--log")
