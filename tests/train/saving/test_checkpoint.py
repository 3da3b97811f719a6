import contextlib
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest

from jaxnn.train.errors import (
    CheckpointDamagedWarning,
    CheckpointError,
    CheckpointLockedError,
    CheckpointMismatchError,
    CheckpointResumeError,
    CheckpointWriteError,
)
from jaxnn.train.saving import orbax_arrays
from tests.train.checkpoints import IDENTITY, LIKE, assert_same_bits, opened, part_of

ROOT = pathlib.Path(__file__).parents[3]
FLIPPED = {"first byte flipped": 0.0, "middle flipped": 0.5, "last byte flipped": 1.0}


def epochs_of(checkpoint, lanes):
    """Lane -> its epochs, after a look at every bit."""
    found = {}
    for part in checkpoint.newest(LIKE, lanes):
        assert_same_bits(part, part_of(part.lanes, part.epochs))
        assert not found.keys() & set(part.lanes.tolist())
        found |= dict.fromkeys(part.lanes.tolist(), part.epochs)
    return found


@contextlib.contextmanager
def warned_of():
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield warned


def parts_in(directory):
    return sorted(path.name for path in directory.glob("process_*/part_*"))


def after(script, *arguments, **settings):
    """A process that has opened a Checkpoint, as `checkpoint`, and runs the script."""
    opening = (
        "import sys, numpy as np\n"
        "from jaxnn.train.saving.checkpoint import Checkpoint\n"
        "from jaxnn.train.saving.part import Part\n"
        f"checkpoint = Checkpoint(sys.argv[1], {IDENTITY!r})\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", opening + script, *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **settings,
    )  # fmt: skip


def test_nothing_is_found_in_a_new_directory(tmp_path):
    with opened(tmp_path / "new") as checkpoint:
        assert checkpoint.newest(LIKE, range(10)) == []


@pytest.mark.quick
def test_the_newest_of_each_lane_is_found_by_the_next_writer(tmp_path):
    with opened(tmp_path) as checkpoint:
        for lanes, epochs in (([0, 1, 2], 1), ([3, 4], 1), ([0, 1, 2], 2), ([9], 1)):
            checkpoint.save(part_of(lanes, epochs))
    with opened(tmp_path) as checkpoint:
        assert epochs_of(checkpoint, [0, 2, 3, 4, 5]) == {0: 2, 2: 2, 3: 1, 4: 1}


def test_lanes_may_be_cut_in_another_way_after_a_resume(tmp_path):
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([0, 1, 2, 3], 1))
        checkpoint.save(part_of([0, 1, 2, 3], 2))
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([2, 1], 3))
        assert epochs_of(checkpoint, range(4)) == {0: 2, 1: 3, 2: 3, 3: 2}
        checkpoint.save(part_of([2, 1], 4))
        checkpoint.save(part_of([0], 3))
        checkpoint.save(part_of([0], 4))
        assert parts_in(tmp_path) == [f"part_{i:06d}" for i in range(6)]  # lane 3 needs them
        checkpoint.save(part_of([3], 3))
        assert parts_in(tmp_path) == [f"part_{i:06d}" for i in (1, 2, 3, 4, 5, 6)]
        checkpoint.save(part_of([3], 4))
        assert parts_in(tmp_path) == [f"part_{i:06d}" for i in (2, 3, 4, 5, 6, 7)]


def test_a_copy_beside_the_parts_is_not_one(tmp_path):
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([0], 1))
    shutil.copytree(tmp_path / "process_0/part_000000", tmp_path / "process_0/part_000000 (copy)")
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([0], 2))
        assert epochs_of(checkpoint, [0]) == {0: 2}


def test_two_states_of_every_lane_are_kept(tmp_path):
    with opened(tmp_path) as checkpoint:
        for epochs in range(1, 5):
            checkpoint.save(part_of([0, 1], epochs))
            checkpoint.save(part_of([2], epochs))
    assert parts_in(tmp_path) == ["part_000004", "part_000005", "part_000006", "part_000007"]


def test_a_part_that_was_never_read_does_not_outdate_another(tmp_path):
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([0], 1))
        checkpoint.save(part_of([0], 2))
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([0], 3))
        assert len(parts_in(tmp_path)) == 3
        checkpoint.save(part_of([0], 4))
        assert parts_in(tmp_path) == ["part_000002", "part_000003"]


@pytest.mark.parametrize("damage", ["missing", "truncated", *FLIPPED])
def test_damage_to_any_file_is_seen_and_the_part_before_is_used(tmp_path, damage):
    whole = tmp_path / "whole"
    with opened(whole) as checkpoint:
        checkpoint.save(part_of([0, 1], 1))
        checkpoint.save(part_of([0, 1], 2))
    newest = pathlib.Path("process_0/part_000001")
    files = [path for path in (whole / newest).rglob("*") if path.is_file()]
    assert {"manifest.json", "manifest.ocdbt", "_METADATA"} < {file.name for file in files}
    for i, file in enumerate(files):
        copy = tmp_path / str(i)
        shutil.copytree(whole, copy)
        path = copy / file.relative_to(whole)
        raw = bytearray(path.read_bytes())
        if damage == "missing":
            path.unlink()
        elif damage == "truncated":
            path.write_bytes(raw[:-1])
        else:
            raw[int(FLIPPED[damage] * (len(raw) - 1))] ^= 1 << (i % 8)
            path.write_bytes(raw)
        with warned_of() as warned, opened(copy) as checkpoint:
            assert epochs_of(checkpoint, [0, 1]) == {0: 1, 1: 1}
            checkpoint.save(part_of([0, 1], 2))
        assert [warning.category for warning in warned] == [CheckpointDamagedWarning]
        assert "part_000001" in str(warned[0].message)
        assert file.name in str(warned[0].message)
        assert "used instead" in str(warned[0].message)


def test_lanes_without_a_good_part_start_anew(tmp_path):
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([0], 1))
        checkpoint.save(part_of([1], 1))
    next(tmp_path.glob("process_0/part_000000/arrays/d/*")).unlink()
    missing = pytest.warns(CheckpointDamagedWarning, match=r"is missing\): its lanes start anew")
    with opened(tmp_path) as checkpoint, missing:
        assert epochs_of(checkpoint, [0, 1]) == {1: 1}


def test_a_damaged_part_outdates_none(tmp_path):
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([0], 1))
        checkpoint.save(part_of([0], 2))
    next(tmp_path.glob("process_0/part_000001/arrays/d/*")).unlink()
    with opened(tmp_path) as checkpoint:
        with pytest.warns(CheckpointDamagedWarning, match=r"part_000000 \(epoch 1\) is used"):
            assert epochs_of(checkpoint, [0]) == {0: 1}
        checkpoint.save(part_of([0], 3))
        assert "part_000000" in parts_in(tmp_path)


def test_a_second_writer_is_refused_at_once(tmp_path):
    with opened(tmp_path) as checkpoint:
        checkpoint.save(part_of([0], 1))
        holder = f"process {os.getpid()} on "
        with pytest.raises(CheckpointLockedError, match=f"is in use by {holder}"):
            opened(tmp_path)
        other = after("", tmp_path)
        assert holder in other.communicate(timeout=300)[0]
        assert other.returncode == 1
        assert epochs_of(checkpoint, [0]) == {0: 1}
    opened(tmp_path).close()


def test_a_closed_checkpoint_does_not_write(tmp_path):
    with opened(tmp_path) as checkpoint:
        pass
    with pytest.raises(CheckpointError, match="is closed"):
        checkpoint.save(part_of([0], 1))


def test_a_fault_at_opening_gives_the_lock_back(tmp_path):
    opened(tmp_path).close()
    with pytest.raises(CheckpointMismatchError):
        opened(tmp_path, identity={})
    opened(tmp_path).close()


def test_a_kill_at_any_line_of_a_save_loses_no_more_than_that_save(tmp_path):
    home, copies = tmp_path / "home", {}

    def photograph(frame, event, argument):
        if "/jaxnn/train/" in frame.f_code.co_filename:
            files = tuple(sorted(path.relative_to(home) for path in home.rglob("*")))
            if files not in copies:
                copies[files] = shutil.copytree(home, tmp_path / str(len(copies)))
        return photograph

    with opened(home) as checkpoint:
        checkpoint.save(part_of([0, 1], 1))
        checkpoint.save(part_of([0, 1], 2))
        sys.settrace(photograph)
        try:
            checkpoint.save(part_of([0, 1], 3))
        finally:
            sys.settrace(None)
    assert len(copies) > 6
    seen = set()
    for copy in copies.values():
        with opened(copy) as checkpoint:
            assert not list(copy.glob("process_*/.tmp-*"))
            seen.add(tuple(epochs_of(checkpoint, [0, 1]).values()))
            checkpoint.save(part_of([0, 1], 4))
    assert seen == {(2, 2), (3, 3)}


def test_sigkill_while_saving_leaves_a_good_part_and_no_lock(tmp_path):
    script = (
        "for epochs in range(1, 10**6):\n"
        "    lanes = np.arange(4)\n"
        "    kernel = np.full((4, 30, 20), epochs, np.float32)\n"
        "    checkpoint.save(Part(lanes, epochs, {'kernel': kernel}, {}))\n"
        "    print(epochs, flush=True)\n"
    )
    like = {"kernel": np.zeros((4, 30, 20), np.float32)}
    rng, reached = np.random.default_rng(0), 0
    for _ in range(2):
        writer = after(script.replace("range(1,", f"range({reached + 1},"), tmp_path)
        for _ in range(3):
            said = int(writer.stdout.readline())
        time.sleep(rng.uniform(0, 0.1))
        writer.send_signal(signal.SIGKILL)
        said = max(said, *map(int, writer.communicate()[0].split()), 0)
        with opened(tmp_path) as checkpoint:
            (part,) = checkpoint.newest(like, range(4))
        assert part.epochs in (said, said + 1)
        assert (part.carry["kernel"] == part.epochs).all()
        reached = part.epochs


def test_a_full_disk_stops_with_the_last_good_state(tmp_path):
    script = (
        "import resource\n"
        "small, large = (np.ones((1, n), np.float32) for n in (10, 10**6))\n"
        "checkpoint.save(Part(np.array([0]), 1, small, {}))\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (10**5, {resource.RLIM_INFINITY}))\n"
        "checkpoint.save(Part(np.array([0]), 2, large, {}))\n"
    )
    writer = after(script, tmp_path)
    said, _ = writer.communicate(timeout=300)
    assert writer.returncode == 1
    assert f"CheckpointWriteError: cannot write a checkpoint to {tmp_path}" in said
    assert "part_000000 (epoch 1). Make room there, and the same command goes on from it" in said
    assert sorted(os.listdir(tmp_path / "process_0")) == ["lock", "part_000000"]
    with opened(tmp_path) as checkpoint:
        (part,) = checkpoint.newest(np.zeros((1, 10), np.float32), [0])
        assert part.epochs == 1


def test_a_save_goes_on_after_room_was_made(tmp_path, monkeypatch):
    def full(folder, tree):
        folder.mkdir()
        raise OSError(28, "No space left on device")

    with opened(tmp_path) as checkpoint:
        with monkeypatch.context() as patch:
            patch.setattr(orbax_arrays, "write", full)
            with pytest.raises(CheckpointWriteError, match=r"No space left.*\n.*is their start"):
                checkpoint.save(part_of([0], 1))
        assert parts_in(tmp_path) == []
        checkpoint.save(part_of([0], 1))
        assert epochs_of(checkpoint, [0]) == {0: 1}


def test_resume_says_what_may_be_there(tmp_path):
    with pytest.raises(CheckpointResumeError, match='holds no saved sweep, and resume is "must"'):
        opened(tmp_path / "new", resume="must")
    assert not (tmp_path / "new").exists()
    with opened(tmp_path, resume="never") as checkpoint:
        checkpoint.save(part_of([0], 1))
    opened(tmp_path, resume="must").close()
    with pytest.raises(CheckpointResumeError, match='holds a sweep already, and resume is "never"'):
        opened(tmp_path, resume="never")


@pytest.mark.usefixtures("no_type_checker")
def test_an_unknown_resume_is_refused(tmp_path):
    with pytest.raises(ValueError, match='must be "auto", "must" or "never", got True'):
        opened(tmp_path, resume=True)


def test_a_place_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(CheckpointWriteError, match="is a file"):
        opened(file)
    with pytest.raises(CheckpointWriteError, match="make it first, or correct the path"):
        opened(tmp_path / "missing" / "new")
    assert issubclass(CheckpointWriteError, OSError)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "mkdir", refuse)
    with pytest.raises(CheckpointWriteError, match=r"Permission denied.*choose another directory"):
        opened(tmp_path / "new")


def test_processes_write_apart_and_read_each_other(tmp_path):
    with opened(tmp_path) as first, opened(tmp_path, process=1) as second:
        first.save(part_of([0, 1], 1))
        second.save(part_of([2, 3], 2))
    with opened(tmp_path) as alone:
        assert epochs_of(alone, range(4)) == {0: 1, 1: 1, 2: 2, 3: 2}
        for epochs in (3, 4, 5):
            alone.save(part_of(range(4), epochs))
        assert epochs_of(alone, range(4)) == dict.fromkeys(range(4), 5)
    assert (tmp_path / "process_1" / "part_000000").exists()


def test_a_save_says_what_it_took(tmp_path):
    with opened(tmp_path) as checkpoint:
        assert checkpoint.last_save_seconds == 0
        checkpoint.save(part_of([0], 1))
        assert checkpoint.last_save_seconds > 0
