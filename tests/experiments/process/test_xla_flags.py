import importlib.metadata
import importlib.util
import os

import pytest

from experiments.process import xla_flags

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("version", "accelerators", "given", "expected"),
    [
        ("0.10.2", None, "",
         "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"),
        ("0.10.2", None, "--xla_cpu_use_fusion_emitters=true",
         "--xla_cpu_use_fusion_emitters=true --xla_backend_optimization_level=0"),
        ("0.12.0.1", None, "--xla_a=1", "--xla_a=1 --xla_backend_optimization_level=0"),
        ("0.13.0", None, "--xla_a=1", "--xla_a=1"),  # not tried
        ("0.10.2", None, "flags.txt", "flags.txt"),  # a file of flags
        ("0.10.2", "jax_plugins", "", ""),
    ],
)  # fmt: skip
def test_programs_compile_quickly_where_the_flags_are_known(
    monkeypatch, version, accelerators, given, expected
):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == accelerators)
    monkeypatch.setenv("XLA_FLAGS", given)
    for _ in range(2):  # twice is once
        xla_flags.compile_quickly()
    assert os.environ["XLA_FLAGS"] == expected
