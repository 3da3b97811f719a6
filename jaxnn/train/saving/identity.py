"""What the sweep in a checkpoint directory is, and in what another one differs from it."""

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jaxnn.train.errors import (
    CheckpointDamagedError,
    CheckpointMismatchError,
    CheckpointVersionWarning,
)
from jaxnn.train.saving import durable

EXCERPT = 100  # characters of a value in a message


def write(path: Path, identity: Mapping[str, Any], temporary: Path) -> None:
    """Writes it whole or not at all."""
    durable.write(temporary, durable.seal(dict(identity)))
    temporary.rename(path)
    durable.sync_one(path.parent)


def check(path: Path, identity: Mapping[str, Any]) -> None:
    """Holds a sweep against the one that the directory belongs to.

    Raises:
      CheckpointDamagedError: the file is not as it was written.
      CheckpointMismatchError: it is another sweep, or one of which an earlier jaxnn wrote less
        down than has to be compared. Other "versions" are only worth a warning, and "program" can
        be compared under the same ones only.
    """
    try:
        old = durable.unseal(path)
    except (OSError, durable.DamagedError) as error:
        raise CheckpointDamagedError(
            f"{path}, which says what the directory belongs to, cannot be read ({error}): restore"
            " it from a copy, or choose another directory"
        ) from error
    new = json.loads(json.dumps(dict(identity)))
    if old.pop("form", None) != new.pop("form", None):
        raise CheckpointMismatchError(
            f"{path.parent} was written by another version of jaxnn, and does not say all that has"
            " to be compared before a sweep goes on: finish it with the version that began it, or"
            " choose another directory"
        )
    versions = list(differences(old.pop("versions", {}), new.pop("versions", {})))
    if versions:  # which write another program for the same runs
        old.pop("program", None), new.pop("program", None)
    lines = list(differences(old, new))
    if lines:
        raise CheckpointMismatchError(
            "\n  ".join([f"{path.parent} belongs to another sweep:", *lines])
            + "\nTake the old values back, or choose another directory."
        )
    if versions:
        warnings.warn(
            "\n  ".join(
                [
                    "the versions are other ones: bits may differ, and whether the set-up computes"
                    " the same cannot be told:",
                    *versions,
                ]
            ),
            CheckpointVersionWarning,
            stacklevel=4,
        )


def differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """A line for each value that is not the same, with its path of keys, in the order of old."""
    for key in [*old, *(key for key in new if key not in old)]:
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            yield from differences(a, b, f"{prefix}{key}.")
            continue
        was, now = (json.dumps(d[key]) if key in d else "absent" for d in (old, new))
        if was != now:
            same = next((i for i, pair in enumerate(zip(was, now)) if len(set(pair)) > 1), 0)  # noqa: B905
            start = max(0, same - EXCERPT // 3)
            was, now = _excerpt(was, start), _excerpt(now, start)
            yield f"{prefix}{key}: {was} in the directory, {now} now"


def _excerpt(text: str, start: int) -> str:
    end = start + EXCERPT
    return f"{'...' * (start > 0)}{text[start:end]}{'...' * (end < len(text))}"
