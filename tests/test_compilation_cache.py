import os
import stat
import subprocess
import sys

import pytest

from experiments.record import results
from jaxnn import compilation_cache

RUN = """
import collections, hashlib
import jax
import numpy as np
from jaxnn import compilation_cache, data, layers, losses, optimizers, train

counts = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **_: counts.update([event.split("/")[-1]]))
folder = compilation_cache.enable()

def setup(learning_rate):
    return train.Run(
        model=layers.serial(layers.dense(16), layers.relu, layers.dense(2)),
        loss=losses.softmax_cross_entropy, optimizer=optimizers.momentum(learning_rate),
        epochs=3, batch_size=8,
    )

points = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
labels = (points[:, 0] > 0).astype(np.int32)
dataset = data.from_arrays(points[:48], labels[:48], points[48:], labels[48:])
history, params = train.sweep(setup, dataset, learning_rate=[0.01, 0.1], return_params=True)
arrays = [*(history[name].values for name in sorted(history)), *jax.tree.leaves(params)]
bits = hashlib.sha256(b"".join(bytes(memoryview(array).cast("B")) for array in arrays))
print(folder, counts["compile_requests_use_cache"], counts["cache_hits"], counts["cache_misses"],
      bits.hexdigest())
"""


def run(tmp_path, **environment):
    """(folder, requests, hits, misses, bits) of the program in a process of its own, and stderr."""
    own = {name: value for name, value in os.environ.items() if "CACHE" not in name}
    answer = subprocess.run(
        [sys.executable, "-c", RUN],
        capture_output=True, text=True, check=True, cwd=results.ROOT,
        env={**own, "XDG_CACHE_HOME": str(tmp_path), "JAX_PLATFORMS": "cpu", **environment},
    )  # fmt: skip
    folder, requests, hits, misses, bits = answer.stdout.split()
    return folder, int(requests), int(hits), int(misses), bits, answer.stderr


def test_a_second_process_compiles_nothing_and_gives_the_same_bits(tmp_path):
    folder, requests, hits, misses, bits, _ = run(tmp_path)
    assert folder == str(tmp_path / "jaxnn" / "xla")
    assert requests == hits + misses
    assert misses > 0
    assert run(tmp_path) == (folder, requests, requests, 0, bits, "")
    for entry in (tmp_path / "jaxnn" / "xla").iterdir():
        os.truncate(entry, 100)
    _, _, hits, _, same, said = run(tmp_path)
    assert (hits, same) == (0, bits)
    assert "Error reading persistent compilation cache entry" in said
    off = run(tmp_path, JAXNN_NO_COMPILATION_CACHE="1")
    assert off[:5] == ("None", 0, 0, 0, bits)


def test_without_a_folder_the_process_goes_on_and_says_so(tmp_path):
    folder, _, hits, misses, _, said = run(tmp_path, XDG_CACHE_HOME="/dev/null/nowhere")
    assert (folder, hits, misses) == ("None", 0, 0)
    assert said.startswith("going on without a compilation cache:")
    assert len(said.splitlines()) == 1


def test_the_folder_that_the_user_gives_wins(tmp_path):
    own = tmp_path / "own"
    assert run(tmp_path, JAX_COMPILATION_CACHE_DIR=str(own))[0] == str(own)
    assert any(own.iterdir())
    assert not (tmp_path / "jaxnn").exists()


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "jaxnn"


@pytest.mark.quick
def test_the_folder_is_made_for_its_user_alone(base):
    umask = os.umask(0)
    try:
        folder = compilation_cache.private_folder()
    finally:
        os.umask(umask)
    assert folder == base / "xla"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (base, folder)} == {0o700}
    assert compilation_cache.private_folder() == folder


@pytest.mark.parametrize("name", ["", "xla"])
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_refused(name, mode, base):
    compilation_cache.private_folder()
    (base / name).chmod(mode)
    with pytest.raises(PermissionError, match=r"others may write to .*chmod 700"):
        compilation_cache.private_folder()


def test_a_folder_of_another_user_is_refused(base, monkeypatch):
    compilation_cache.private_folder()
    monkeypatch.setattr(os, "getuid", lambda: base.stat().st_uid + 1)
    with pytest.raises(PermissionError, match=r"belongs to user .* set XDG_CACHE_HOME"):
        compilation_cache.private_folder()


def test_a_read_only_folder_is_refused(base, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # permissions do not bind root
    with pytest.raises(PermissionError, match="read-only"):
        compilation_cache.private_folder()


def test_a_relative_cache_home_counts_as_none(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert compilation_cache.private_folder() == tmp_path / ".cache" / "jaxnn" / "xla"
