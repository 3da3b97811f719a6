"""Whether anything changed since the last whole run, found out by the standard library alone.

`run --changed` asks here before it imports JAX. Where anything differs, `store` looks again,
experiment by experiment.
"""

import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import sys
from collections.abc import Iterable

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPORTS = ROOT / "reports"
NOTE = ROOT / ".cache" / "whole_run.json"

_SOURCES = (
    "jaxnn/**/*.py",
    "jaxnn/data/published/checksums/*",
    "experiments/**/*.*",
    "constraints.txt",
    "pyproject.toml",
)
_ENVIRONMENT = ("JAX_", "XLA_", "CUDA_VISIBLE_DEVICES", "TFDS_DATA_DIR", "XDG_CACHE_HOME")


def whole_run() -> str:
    """What the last whole run was, where all is as it left it; else empty."""
    try:
        note = json.loads(NOTE.read_text("utf-8"))
        return note["was"] if note["state"] == _state(note["data"]) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def remember(was: str, data_folders: Iterable[pathlib.Path]) -> None:
    """Notes that all results lie in reports/ as the code here makes them.

    Args:
      was: the run, in words.
      data_folders: where data sets are looked for.
    """
    folders = sorted(map(str, data_folders))
    note = {"was": was, "data": folders, "state": _state(folders)}
    NOTE.parent.mkdir(parents=True, exist_ok=True)
    NOTE.write_text(json.dumps(note), "utf-8")


def _state(data_folders: Iterable[str]) -> str:
    digest = hashlib.sha256()
    digest.update(json.dumps([sys.version, platform.uname()[::2], _packages()]).encode())
    environment = {k: v for k, v in os.environ.items() if k.startswith(_ENVIRONMENT)}
    digest.update(json.dumps(environment, sort_keys=True).encode())
    files = (path for pattern in _SOURCES for path in ROOT.glob(pattern) if path.suffix != ".pyc")
    for path in sorted({*files, *REPORTS.rglob("*")}):
        if path.is_file():
            digest.update(str(path).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    for folder in map(pathlib.Path, data_folders):
        for path in sorted(folder.rglob("*")):
            about = path.stat()
            digest.update(f"{path} {about.st_size} {about.st_mtime_ns}".encode())
    return digest.hexdigest()


def _packages() -> list[str]:
    found = importlib.metadata.distributions()
    return sorted(f"{package.name}=={package.version}" for package in found)
