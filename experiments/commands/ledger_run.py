"""The ledger into its folder: its answers where they are new, and its page always."""

import pathlib
import time
from collections.abc import Callable
from typing import Any

from experiments.claims import ledger, verdicts
from experiments.claims.ledger.register import Answer
from experiments.commands.plan import LEDGER, How, Outcome
from experiments.pages import ledger_pages
from experiments.record import results, store


def tasks(how: How) -> dict[str, tuple[Callable, tuple]]:
    """What is to be computed: nothing, where the answers are those of the present code here."""
    again = how.force or how.rewrite
    is_written = not again and store.is_written(how.out / LEDGER, _sources())
    return {} if is_written else {LEDGER: (ledger.make, ())}


def write(how: How, result_of: Callable[[str], Any] | None) -> Outcome:
    """Writes record and page with the answers of the task; None where those that are there stay."""
    start, folder = time.perf_counter(), how.out / LEDGER
    fresh: list[Answer] = result_of(LEDGER) if result_of else []
    differs: list[str] = []
    if fresh:
        differs, note = _settle(folder, fresh, how)
    else:
        ledger_pages.refresh(folder)
        note = "numbers unchanged since they were computed here"
    lacks_data = any(answer.lacks_data for answer in fresh)
    if not lacks_data:
        store.note_written(folder, _sources())
    tally = ledger_pages.tally(ledger.load(folder)[0])
    return Outcome(
        "computed" if fresh else "found",
        "; ".join(filter(None, [tally, note])),
        differs=tuple(differs),
        stands=lacks_data,
        seconds=time.perf_counter() - start,
    )


def _settle(folder: pathlib.Path, fresh: list[Answer], how: How) -> tuple[list[str], str]:
    """Writes the answers, or lets the committed ones stand; what differs, and what to say."""
    committed = _committed(folder) if how.into_reports else None
    if committed is None:
        ledger_pages.write(folder, fresh)
        return ["new"] if how.into_reports else [], ""
    lines = list(ledger.changes(fresh, committed))
    differs = [line for is_other, line in lines if is_other]
    stand = [line for is_other, line in lines if not is_other]
    if differs or how.rewrite:
        known = {answer.claim: answer for answer in committed}
        kept = [known.get(a.claim, a) if a.lacks_data else a for a in fresh]
        ledger_pages.write(folder, kept)
    else:
        ledger_pages.refresh(folder)
    said = f"DIFFERS: {', '.join(differs)}" if differs else "as committed"
    return differs, "; ".join([said, *stand])


def _committed(folder: pathlib.Path) -> list[Answer] | None:
    try:
        return ledger.answers_of(ledger.load(folder)[0])
    except results.NoResultsError:
        return None


def _sources() -> list[str]:
    files = [path for folder in ledger.__path__ for path in pathlib.Path(folder).glob("*.py")]
    return [*(path.read_text("utf-8") for path in sorted(files)), verdicts.ledger_text()]
