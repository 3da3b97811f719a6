"""When, where, how long and from which commit a result was computed.

It lies in run.json beside the results, which hold nothing of the kind: computed again, they have
the same bytes.
"""

import datetime
import json
import os
import pathlib
import subprocess
from typing import Any

from experiments.record import results

FILE = "run.json"


def note(seconds: float, fingerprint: str) -> dict[str, Any]:
    """Of a run that ends now.

    Args:
      fingerprint: the sum of store.fingerprint over all that the results depend on.
    """
    commit = _git("rev-parse", "HEAD")
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seconds": round(seconds, 1),
        "cores": _cores(),
        "commit": commit[:12],
        "local_changes": bool(commit and _git("status", "--porcelain", "jaxnn", "experiments")),
        "fingerprint": fingerprint,
    }


def write(folder: pathlib.Path, run: dict[str, Any] | None) -> None:
    """Into the folder of the results; None removes what another run left there."""
    if run is None:
        (folder / FILE).unlink(missing_ok=True)
    else:
        results.write(folder / FILE, json.dumps(run, indent=2) + "\n")


def read(folder: pathlib.Path) -> dict[str, Any] | None:
    """None where there is none."""
    try:
        run: dict[str, Any] = json.loads((folder / FILE).read_text("utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    return run


def told(run: dict[str, Any] | None) -> str:
    """As words: `2026-11-20, in 14.2 s on 2 cores, at commit 9eac50f1c0de with local changes`."""
    if run is None:
        return "a run that is not on record"
    commit = f", at commit {run['commit']}" if run["commit"] else ""
    changes = " with local changes" if run["local_changes"] else ""
    return f"{run['date']}, in {run['seconds']:,} s on {run['cores']} cores{commit}{changes}"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # not on Linux


def _git(*arguments: str) -> str:
    """Empty where there is no git, or no repository."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(results.ROOT), *arguments],
            capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout.strip()
