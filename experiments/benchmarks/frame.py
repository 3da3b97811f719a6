"""Candidates take turns, each in a process and an environment of its own; one JSON line each time.

Machines are noisy, so a round asks every candidate once, and what counts is the ratio to ours
within a round. Only one works at a time: the others wait for their turn on stdin.
"""

import contextlib
import datetime
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments import results
from experiments.benchmarks.workload import Candidate, Workload

LIMIT = 900  # seconds for one answer


class CandidateError(RuntimeError):
    """A candidate that cannot be measured, and why."""


class Process:
    """A worker that answers in JSON lines; what it prints besides goes into a log."""

    def __init__(self, command: Sequence[str], log: pathlib.Path):
        self._log = log
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("JAX_COMPILATION_CACHE")
        }
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                cwd=results.ROOT, env=environment, start_new_session=True,
            )  # fmt: skip
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")  # it has ended

    def answer(self, limit: float = LIMIT) -> dict[str, Any]:
        """The next line; CandidateError where the process ends, or none comes in time."""
        try:
            line = self._answers.get(timeout=limit)
        except queue.Empty:
            raise CandidateError(f"gave no answer within {limit:g} s") from None
        if not line:
            last = self._log.read_text("utf-8", "replace").strip().splitlines()[-1:]
            raise CandidateError(f"ended: {''.join(last) or 'without a word'}")
        return json.loads(line)

    def go(self) -> dict[str, Any]:
        """Has the work done once."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # that it has ended, `answer` tells
            print("go", file=self._process.stdin, flush=True)
        return self.answer()

    def wait(self) -> None:
        """Returns when the process has ended."""
        self._process.wait()

    def close(self) -> None:
        """Ends the process, and with it those that it started."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def measure(
    workload: Workload,
    pythons: Mapping[str, str],
    *,
    rounds: int,
    data: pathlib.Path,
    out: pathlib.Path,
    quick: bool = False,
) -> pathlib.Path:
    """Appends a line per candidate and round to the workload's file of results, and returns it.

    A candidate that fails is out, with a line that says why; the others go on.

    Args:
      workload: what is measured.
      pythons: family -> the Python of its environment.
      rounds: how often every candidate takes its turn.
      data: where the candidates find the data.
      out: the folder of the results.
      quick: a trial with less work.
    """
    out.mkdir(parents=True, exist_ok=True)
    common = {"run": _now(), "workload": workload.name, "rounds": rounds} | _machine()
    path = out / f"{workload.name}.jsonl"

    def record(name: str, **line: Any) -> None:
        with path.open("a") as file:
            print(json.dumps(common | {"candidate": name, "date": _now()} | line), file=file)
        shown = f"{line['seconds']:.4g} s" if "seconds" in line else line["error"]
        print(f"{workload.name:<16} {name:<16} {shown}", file=sys.stderr, flush=True)

    waiting: dict[str, Process] = {}
    about: dict[str, dict[str, Any]] = {name: {} for name in workload.candidates}
    with contextlib.ExitStack() as stack:

        def start(name: str) -> Process:
            command = _command(workload, workload.candidates[name], pythons, data, quick)
            process = Process(command, data / f"{workload.name}.{name}.log")
            stack.callback(process.close)
            return process

        if not workload.fresh:
            for name in workload.candidates:
                with _noting(record, name, about):
                    waiting[name] = start(name)
                    about[name] = waiting[name].answer()
        for number, names in enumerate(turns(list(workload.candidates), rounds)):
            for name in names:
                if name not in about:
                    continue
                with _noting(record, name, about):
                    if workload.fresh:
                        began = time.perf_counter()
                        process = start(name)
                        measured = process.answer()
                        process.wait()
                        measured["seconds"] = time.perf_counter() - began
                    else:
                        measured = waiting[name].go()
                    record(name, round=number, **about[name] | measured)
    return path


def turns(names: Sequence[str], rounds: int) -> Iterator[list[str]]:
    """The order of each round: forwards and backwards in turn, so that a drift hits all alike."""
    for number in range(rounds):
        yield list(names) if number % 2 == 0 else list(reversed(names))


@contextlib.contextmanager
def _noting(record: Any, name: str, about: dict[str, dict[str, Any]]) -> Iterator[None]:
    """Writes down why a candidate is out."""
    try:
        yield
    except CandidateError as error:
        del about[name]
        record(name, error=str(error))


def _command(
    workload: Workload,
    candidate: Candidate,
    pythons: Mapping[str, str],
    data: pathlib.Path,
    quick: bool,
) -> list[str]:
    if candidate.family not in pythons:
        raise CandidateError(
            f"no environment of {candidate.family}: `nox -s benchmarks` makes it where it can"
        )
    settings = {**workload.settings, **candidate.settings, **(workload.quick if quick else {})}
    function = candidate.prepare
    return [
        pythons[candidate.family], "-m", "experiments.benchmarks.worker",
        function.__module__, function.__name__, str(data.resolve()), json.dumps(settings),
        *(["--once"] if workload.fresh else []),
    ]  # fmt: skip


def _machine() -> dict[str, Any]:
    where = results.platform_of_run()
    has_affinity = hasattr(os, "sched_getaffinity")  # the cores that we may use; not on macOS
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count()
    return {"processor": where["processor"], "cores": cores, "system": where["system"]}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
