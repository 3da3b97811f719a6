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

from experiments.benchmarks.workload import Candidate, Workload
from experiments.record import results

LIMIT = 900  # seconds for one answer
PATIENCE = 10  # seconds to end


class CandidateError(RuntimeError):
    """A candidate that cannot be measured, and why."""


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
      data: the folder in which the candidates find the data, and leave their logs.
      out: the folder of the results.
      quick: a trial with less work.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{workload.name}.jsonl"
    common: dict[str, Any] = {"workload": workload.name, "run": _now(), "rounds": rounds}
    common |= {"quick": quick, "busy": busy_share()} | _machine()

    def record(name: str, **line: Any) -> None:
        with path.open("a") as file:
            print(json.dumps(common | {"candidate": name, "date": _now()} | line), file=file)
        shown = f"{line['seconds']:.4g} {workload.unit}" if "seconds" in line else line["error"]
        print(f"{workload.name:<16} {name:<16} {shown}", file=sys.stderr, flush=True)

    kind = Fresh if workload.fresh else Waiting
    ready: dict[str, Fresh | Waiting] = {}
    with contextlib.ExitStack() as stack:
        for name, candidate in workload.candidates.items():
            try:
                command = _command(workload, candidate, pythons, data, quick)
                log = data / f"{workload.name}.{name}.log"
                ready[name] = stack.enter_context(contextlib.closing(kind(command, log)))
            except CandidateError as error:
                record(name, error=str(error))
        for number, names in enumerate(turns(list(workload.candidates), rounds)):
            for name in names:
                if name in ready:
                    try:
                        record(name, round=number, **ready[name].turn())
                    except CandidateError as error:
                        del ready[name]
                        record(name, error=str(error))
    return path


def busy_share(seconds: float = 0.3) -> float | None:
    """The share of all cores' time that others take; None where the system does not say.

    Threads that spin while they wait for each other, as in PyTorch and NumPy, become ten times
    slower where they must share their cores, so a busy machine is unfair to some peers.
    """
    counters = pathlib.Path("/proc/stat")
    if not counters.exists():
        return None

    def busy_and_all():
        ticks = [int(text) for text in counters.read_text().split("\n", 1)[0].split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # without idle and iowait

    start = busy_and_all()
    time.sleep(seconds)
    busy, everything = (now - before for now, before in zip(busy_and_all(), start, strict=True))
    return round(busy / max(everything, 1), 2)


def turns(names: Sequence[str], rounds: int) -> Iterator[list[str]]:
    """The order of each round: forwards and backwards in turn, so that a drift hits all alike."""
    for number in range(rounds):
        yield list(names) if number % 2 == 0 else list(reversed(names))


class Waiting:
    """A candidate that has compiled and warmed up, and waits for its turn."""

    def __init__(self, command: Sequence[str], log: pathlib.Path):
        self._process = Process(command, log)
        try:
            self._first = self._process.answer()
        except CandidateError:
            self._process.close()
            raise

    def turn(self) -> dict[str, Any]:
        self._process.say("go")
        return self._first | self._process.answer()

    def close(self) -> None:
        self._process.close()


class Fresh:
    """A candidate whose every turn is a process of its own, timed from its start to its end."""

    def __init__(self, command: Sequence[str], log: pathlib.Path):
        self._command, self._log = [*command, "--once"], log

    def turn(self) -> dict[str, Any]:
        start = time.perf_counter()
        with contextlib.closing(Process(self._command, self._log)) as process:
            answer = process.answer()
        return answer | {"seconds": time.perf_counter() - start}

    def close(self) -> None:
        pass


class Process:
    """A worker that answers in JSON lines; what else it says goes into a log."""

    def __init__(self, command: Sequence[str], log: pathlib.Path):
        self._log = log
        environment = {
            name: value
            for name, value in os.environ.items()
            # to compile is part of the work; to compile the libraries' Python again is not
            if not name.startswith(("JAX_COMPILATION_CACHE", "PYTHONDONTWRITEBYTECODE"))
        }
        try:
            with log.open("w") as errors:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                    text=True, cwd=results.ROOT, env=environment, start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            raise CandidateError(f"cannot start: {error}") from error
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._answers.put(line)
        self._answers.put("")  # it has ended

    def say(self, word: str) -> None:
        """Hands it a line."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # that it has ended, `answer` tells
            print(word, file=self._process.stdin, flush=True)

    def answer(self) -> dict[str, Any]:
        """The next line; CandidateError where the process ends, or none comes in time."""
        try:
            line = self._answers.get(timeout=LIMIT)
        except queue.Empty:
            raise CandidateError(f"gave no answer within {LIMIT:g} s") from None
        if not line:
            said = self._log.read_text("utf-8", "replace").strip().splitlines()
            raise CandidateError(f"ended: {said[-1] if said else 'without a word'}")
        return json.loads(line)

    def close(self) -> None:
        """Lets the process end, and ends it, with those that it started, where it does not."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:  # on Windows
                self._process.kill()
            self._process.wait()


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
    ]  # fmt: skip


def _machine() -> dict[str, Any]:
    where = results.platform_of_run()
    has_affinity = hasattr(os, "sched_getaffinity")  # the cores that we may use; not on macOS
    cores = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count()
    return {"processor": where["processor"], "cores": cores, "system": where["system"]}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
