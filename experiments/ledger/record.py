"""All answers as one record, and what has changed since another one was made."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from experiments import results
from experiments.ledger import register


def make() -> dict[str, Any]:
    """Recomputes every claim of the ledger."""
    return of(register.answer(claim) for claim in register.answered())


def of(answers: Iterable[register.Answer]) -> dict[str, Any]:
    """The answers as plain JSON, with what they were computed by."""
    return {
        "versions": results.versions(),
        "platform": results.platform_of_run(),
        "answers": [dataclasses.asdict(answer) for answer in answers],
    }


def changes(fresh: Mapping[str, Any], committed: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """One line per claim that is not as committed, and whether that is a difference.

    It is none where data are not at hand here.
    """
    ours = {answer["claim"]: answer for answer in fresh["answers"]}
    theirs = {answer["claim"]: answer for answer in committed["answers"]}
    for claim in sorted(ours.keys() | theirs.keys()):
        if claim not in ours or claim not in theirs:
            yield True, f"{claim}: answered {'as committed' if claim in theirs else 'here'} only"
        elif ours[claim]["lacks_data"]:
            yield False, f"{claim}: not judged here: {ours[claim]['reason']}"
        elif ours[claim]["status"] != theirs[claim]["status"]:
            before, now = theirs[claim]["status"], ours[claim]["status"]
            yield True, f"{claim}: {before} as committed, {now} here"
        elif not register.agree(ours[claim]["measured"], theirs[claim]["measured"]):
            yield True, f"{claim}: another number than committed"
