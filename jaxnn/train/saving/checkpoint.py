"""What a sweep has done so far, on disk: a kill costs the epochs since the last save, no more.

directory/
    identity.json           what the sweep is: set-up, axes, data, versions
    process_0/              one folder for each process that writes
        lock                held while that process has the directory open
        part_000007/        some lanes after some epochs
            manifest.json   which lanes, how far, the SHA-256 of every file
            arrays/         an Orbax checkpoint

A part appears whole, by a rename, or not at all.
"""

import os
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from jaxnn.train.errors import (
    CheckpointDamagedWarning,
    CheckpointError,
    CheckpointResumeError,
    CheckpointWriteError,
)
from jaxnn.train.saving import durable, orbax_arrays
from jaxnn.train.saving import identity as identity_
from jaxnn.train.saving.part import TEMPORARY, Part, SavedPart, number_of

KEPT = 2  # good states of each lane, so that damage to the newest costs little


class Checkpoint:
    """A directory of saved parts; locked against other writers until it is closed.

    Where several processes share it, all of them open it before any of them saves.

    Args:
      directory: made where it is not there; its parent must be.
      identity: what the sweep is, as JSON takes it; "versions" in it may change, with a warning.
      resume: "never" refuses a directory that holds parts, "must" one that holds none.
      process: the number of this process.

    Attributes:
      last_save_seconds: what the last `save` took.

    Raises:
      CheckpointError: in one of the kinds of `jaxnn.train.errors`.
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        identity: Mapping[str, Any],
        *,
        resume: Literal["auto", "must", "never"] = "auto",
        process: int = 0,
    ):
        if resume not in ("auto", "must", "never"):
            raise ValueError(f'resume must be "auto", "must" or "never", got {resume!r}')
        self.directory = Path(directory)
        self.last_save_seconds = 0.0
        self._own = self.directory / f"process_{process}"
        self._good: set[Path] = set()  # the parts that were read or written
        _check_resume(self.directory, resume)
        try:
            _make_folders(self.directory, self._own)
            self._lock = durable.lock(self._own / "lock")
        except CheckpointError:
            raise
        except OSError as error:
            raise CheckpointWriteError(
                f"cannot write to {self.directory}: {error}; choose another directory for"
                " checkpoints"
            ) from error
        try:
            self._open(identity)
        except BaseException:
            self.close()
            raise

    def _open(self, identity: Mapping[str, Any]) -> None:
        for path in self._own.glob(f"{TEMPORARY}*"):  # of writers that were killed
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        folders = sorted(_part_folders(self.directory))
        path = self.directory / "identity.json"
        if folders or path.exists():
            identity_.check(path, identity)
        else:
            identity_.write(path, identity, self._own / f"{TEMPORARY}identity")
        self._parts = list(_readable(folders))
        own = [number_of(folder) for folder in folders if folder.parent == self._own]
        self._next_number = max(own, default=-1) + 1

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the lock back."""
        durable.unlock(self._lock)

    def newest(self, like: Any, lanes: Iterable[int]) -> list[Part]:
        """The newest good state of those of the lanes that have one; each is in one part only.

        Args:
          like: a carry of these lanes, or its shapes; how many lanes it has is free.
          lanes: by number, all of the structure of like.

        Raises:
          CheckpointMismatchError: the saved carry has other leaves than like.
        """
        missing, found = {int(lane) for lane in lanes}, []
        candidates = self._newest_first(missing)
        for i, saved in enumerate(candidates):
            rows = [row for lane, row in saved.lanes.items() if lane in missing]
            if not rows:
                continue
            try:
                part = saved.read(like)
            except durable.DamagedError as error:
                before = [s for s in candidates[i + 1 :] if s.lanes.keys() & saved.lanes.keys()]
                instead = f"{before[0]} is used instead" if before else "its lanes start anew"
                message = f"{saved} is damaged ({error}): {instead}"
                warnings.warn(message, CheckpointDamagedWarning, stacklevel=2)
                continue
            self._good.add(saved.folder)
            missing -= saved.lanes.keys()
            found.append(part.rows(rows))
        return found

    def save(self, part: Part) -> None:
        """Writes a part, which is on the disk when this returns, and deletes what it outdates.

        Raises:
          CheckpointWriteError: a full disk, a quota, another fault; what was saved before stays.
        """
        if self._lock.closed:
            raise CheckpointError(f"{self.directory} is closed")
        part.check()
        orbax_arrays.prepare()
        start = time.perf_counter()
        number, self._next_number = self._next_number, self._next_number + 1
        lanes = {int(lane): row for row, lane in enumerate(part.lanes)}
        saved = SavedPart(self._own / f"part_{number:06d}", int(part.epochs), number, lanes)
        try:
            saved.write(part)
        except Exception as error:  # TensorStore raises the system's errors as kinds of its own
            before = self._newest_first(lanes)
            raise CheckpointWriteError(
                f"cannot write a checkpoint to {self.directory}: {error}\nThe last good state of"
                f" these runs is {before[0] if before else 'their start'}. Make room there, and the"
                " same command goes on from it."
            ) from error
        self._parts.append(saved)
        self._good.add(saved.folder)
        self._delete_outdated(saved)
        self.last_save_seconds = time.perf_counter() - start

    def _newest_first(self, lanes: Iterable[int]) -> list[SavedPart]:
        wanted = set(lanes)
        parts = (saved for saved in self._parts if wanted & saved.lanes.keys())
        return sorted(parts, key=lambda saved: saved.age, reverse=True)

    def _delete_outdated(self, newest: SavedPart) -> None:
        """Deletes own parts of which each lane has enough newer ones, however these are cut."""
        for old in self._newest_first(newest.lanes):
            newer = Counter(
                lane
                for saved in self._newest_first(old.lanes)
                if saved.age > old.age and saved.folder in self._good
                for lane in saved.lanes
            )
            is_own = old.folder.parent == self._own
            if is_own and all(newer[lane] >= KEPT for lane in old.lanes):
                old.delete()
                self._parts.remove(old)


def _make_folders(directory: Path, own: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise CheckpointWriteError(f"{directory} is a file: choose a directory for checkpoints")
    if not directory.absolute().parent.is_dir():
        raise CheckpointWriteError(
            f"cannot make {directory}: {directory.absolute().parent} is not a directory; make it"
            " first, or correct the path"
        )
    directory.mkdir(exist_ok=True)
    own.mkdir(exist_ok=True)


def _check_resume(directory: Path, resume: str) -> None:
    found = any(_part_folders(directory))
    if resume == "never" and found:
        raise CheckpointResumeError(
            f'{directory} holds a sweep already, and resume is "never": choose another directory,'
            ' or resume="auto" to go on with it'
        )
    if resume == "must" and not found:
        raise CheckpointResumeError(
            f'{directory} holds no saved sweep, and resume is "must": correct the path, or take'
            ' resume="auto" to start one'
        )


def _part_folders(directory: Path) -> Iterator[Path]:
    found = directory.glob("process_*/part_*")
    return (folder for folder in found if folder.name.removeprefix("part_").isdigit())


def _readable(folders: Iterable[Path]) -> Iterator[SavedPart]:
    for folder in folders:
        try:
            yield SavedPart.find(folder)
        except (OSError, durable.DamagedError) as error:
            if folder.exists():  # another process may just have deleted it
                warnings.warn(
                    f"{folder} is damaged ({error}): what was saved before it is used instead",
                    CheckpointDamagedWarning,
                    stacklevel=4,
                )
