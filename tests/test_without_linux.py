"""What a laptop does, where the modules, calls and files that Windows or macOS lack are taken away.

Nothing here has run on Windows itself: its rules are played by fakes.
"""

import ast
import errno
import os
import pathlib
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.record import results
from jaxnn import compilation_cache, data, layers, losses, models, train
from jaxnn.data.published import download
from jaxnn.train.errors import CheckpointLockedError
from jaxnn.train.lanes import layout
from jaxnn.train.saving import durable

ROOT = pathlib.Path(__file__).parents[1]
NOT_EVERYWHERE = {"fcntl", "grp", "msvcrt", "posix", "pwd", "resource", "termios", "winreg"}


@pytest.fixture
def laptop(tmp_path, monkeypatch):
    """No modules, calls and folders of Linux; open files and folders are as on Windows."""
    jax.devices()  # JAX and pytest, with tmp_path, have their own ways elsewhere
    for name in NOT_EVERYWHERE - {"posix"}:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("fork", "getuid", "geteuid", "killpg", "sched_getaffinity", "sysconf"):
        monkeypatch.delattr(os, name)
    monkeypatch.delattr(os, "O_DIRECTORY")
    system = {"open": os.open, "replace": os.replace, "rename": os.rename, "unlink": os.unlink}
    read_text = pathlib.Path.read_text

    def read(self, *args, **settings):
        if self.is_relative_to("/proc") or self.is_relative_to("/sys"):
            raise FileNotFoundError(self)
        return read_text(self, *args, **settings)

    def opened(path, flags, *args, **settings):
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "a folder")
        return system["open"](path, flags, *args, **settings)

    def only_closed(act):
        def checked(path, *args, **settings):
            if any(open_file.is_relative_to(os.path.realpath(path)) for open_file in open_files()):
                raise PermissionError(errno.EACCES, "it is open")
            return act(path, *args, **settings)

        return checked

    monkeypatch.setattr(pathlib.Path, "read_text", read)
    monkeypatch.setattr(os, "open", opened)
    for name in ("replace", "rename", "unlink"):
        monkeypatch.setattr(os, name, only_closed(system[name]))


def open_files():
    for link in pathlib.Path("/proc/self/fd").iterdir():
        try:
            yield pathlib.Path(os.readlink(link))
        except OSError:
            continue


class Msvcrt(types.ModuleType):
    """The locks of Windows, within this process: of bytes, from where the file is read."""

    LK_UNLCK, LK_NBLCK = 0, 2

    def __init__(self):
        super().__init__("msvcrt")
        self.held = set()

    def locking(self, descriptor, mode, length):
        place = os.fstat(descriptor).st_ino, os.lseek(descriptor, 0, os.SEEK_CUR), length
        if mode == self.LK_UNLCK:
            self.held.remove(place)
        elif place in self.held:
            raise PermissionError(errno.EACCES, "Permission denied")
        else:
            self.held.add(place)


@pytest.fixture
def msvcrt(laptop, monkeypatch):
    module = Msvcrt()
    monkeypatch.setitem(sys.modules, "msvcrt", module)
    return module


def setup(learning_rate):
    return train.Run(
        model=layers.dense(2), loss=losses.softmax_cross_entropy,
        optimizer=optax.sgd(learning_rate), epochs=2, batch_size=4,
    )  # fmt: skip


def test_a_sweep_keeps_checkpoints_and_goes_on(msvcrt, tmp_path):
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    dataset = data.from_arrays(x, (x[:, 0] > 0).astype(np.int32))
    rates, folder = [0.1, 0.2], tmp_path / "sweep"
    first = train.sweep(setup, dataset, learning_rate=rates, checkpoint_dir=folder)
    again = train.sweep(setup, dataset, learning_rate=rates, checkpoint_dir=folder, resume="must")
    np.testing.assert_array_equal(first.train_loss, again.train_loss)
    assert not msvcrt.held


def test_two_do_not_write_to_one_folder(msvcrt, tmp_path):
    held = durable.lock(tmp_path / "lock")
    with pytest.raises(CheckpointLockedError, match=f"in use by process {os.getpid()} on"):
        durable.lock(tmp_path / "lock")
    durable.unlock(held)
    durable.unlock(durable.lock(tmp_path / "lock"))
    assert not msvcrt.held


@pytest.mark.usefixtures("laptop")
def test_without_any_locks_it_is_said_who_has_to_see_to_it(tmp_path):
    with pytest.warns(UserWarning, match=f"no locks: see to it that no other run uses {tmp_path}"):
        durable.unlock(durable.lock(tmp_path / "lock"))


@pytest.mark.usefixtures("laptop")
def test_models_caches_and_results_are_written_and_read(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    params, state, _ = models.mlp(2, hidden=()).init(jnp.zeros(2, jnp.uint32), (3,))
    for _ in range(2):
        settings = {"model": "mlp", "in_shape": (3,), "classes": 2, "hidden": ()}
        models.save(tmp_path / "model", params, state, **settings)
    assert models.load(tmp_path / "model").in_shape == (3,)
    assert compilation_cache.private_folder() == tmp_path / "cache" / "jaxnn" / "xla"
    assert layout.num_cores() >= 1
    assert layout.free_memory(jax.devices("cpu")[0]) is None
    assert isinstance(results.platform_of_run()["processor"], str)


@pytest.mark.usefixtures("laptop")
def test_a_download_that_is_still_open_gets_its_name(tmp_path):
    content = b"whole"
    (tmp_path / ".file.part").write_bytes(content)
    sha256 = download.hashlib.sha256(content).hexdigest()
    download.fetch("http://127.0.0.1:1/", tmp_path / "file", sha256=sha256, size=len(content))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_modules_that_some_systems_lack_are_imported_where_they_are_used():
    for package in ("jaxnn", "experiments"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.parse(path.read_text("utf-8")).body:
                names = {name.name for name in getattr(node, "names", [])}
                assert not names & NOT_EVERYWHERE, path
