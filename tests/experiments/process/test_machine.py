import os
import pathlib
import subprocess
import sys

import jax
import pytest

from experiments.process import machine
from experiments.record import results


@pytest.mark.quick
def test_a_folder_is_found_writable_and_left_empty(tmp_path):
    machine.check_writable(tmp_path / "new", "--out")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.quick
def test_a_folder_that_cannot_be_written_is_refused_by_its_flag():
    with pytest.raises(machine.FolderError, match=r"cannot write to .* choose another --log"):
        machine.check_writable(pathlib.Path("/dev/null/here"), "--log")


DETERMINISTIC = """
import os
from experiments.train import __main__  # imports all that the script does
from experiments.process import machine
machine.make_deterministic()
machine.make_deterministic()
import jax
jax.config.update("jax_num_cpu_devices", 3)  # refused once JAX has started
assert jax.device_count() == 3
assert os.environ["XLA_FLAGS"].split() == [
    "--xla_cpu_multi_thread_eigen=true", "--xla_gpu_deterministic_ops=true"
]
precision = jax.make_jaxpr(lambda x: x @ x)(jax.numpy.ones((2, 2))).eqns[0].params["precision"]
assert precision == (jax.lax.Precision.HIGHEST,) * 2, precision
"""


def test_determinism_is_switched_on_before_jax_starts_and_keeps_the_flags_of_the_user():
    done = subprocess.run(
        [sys.executable, "-c", DETERMINISTIC], cwd=results.ROOT, capture_output=True, text=True,
        env=os.environ | {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.quick
def test_a_platform_that_cannot_start_is_told_with_the_remedy(monkeypatch):
    def failing():
        raise RuntimeError("Unable to initialize backend 'cuda': no plugin")

    monkeypatch.setattr(jax, "default_backend", failing)
    with pytest.raises(machine.DeviceError, match=r"cannot start: .*'cuda'.*pip install jax\["):
        machine.use_device(None)
