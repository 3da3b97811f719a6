"""The report on every gradient into its folder, unless the one that is there says the same."""

import inspect
import pathlib
import re
import time
from collections.abc import Callable
from typing import Any

from experiments.commands.plan import How, Outcome
from experiments.pages import gradients, report, style
from experiments.record import results, store

NAME = "gradients"
_MADE_WITH = "## Made with"
_ERROR = re.compile(r"(?<=\| )(?:\d+(?:\.\d+)?(?:e[-+]\d+)?|nan|inf|linear)(?= \|)")


def tasks(how: How) -> dict[str, tuple[Callable, tuple]]:
    """What is to be computed: nothing, where the report is as the present code wrote it here."""
    again = how.force or how.rewrite
    is_written = not again and store.is_written(how.out / NAME, _sources())
    return {} if is_written else gradients.tasks()


def write(how: How, result_of: Callable[[str], Any] | None) -> Outcome:
    """Writes the report from the results of the tasks; None where it stays."""
    if result_of is None:
        return Outcome("found", "as they were written here, all PASS")
    start, folder = time.perf_counter(), how.out / NAME
    families = gradients.judge_all(result_of)
    page, committed = gradients.page(families), _page(folder) if how.into_reports else ""
    same = says_the_same(page, committed)
    if how.rewrite or not same or _made_with(page) == _made_with(committed):
        gradients.write(folder, families)
    all_pass = all(judged.passed for rows in families.values() for judged in rows)
    if all_pass:
        store.note_written(folder, _sources())
    differs = [] if same or not how.into_reports else ["the page" if committed else "new"]
    told = ["all PASS" if all_pass else "FAIL, see the report"]
    if committed:
        told.append("as committed" if same else f"DIFFERS: {differs[0]}")
    return Outcome(
        "computed" if all_pass else "failed",
        "; ".join(told),
        differs=tuple(differs),
        seconds=time.perf_counter() - start,
    )


def says_the_same(page: str, committed: str) -> bool:
    """Whether both give the same gradients, formulas and verdicts and, of one machine, errors.

    Errors below their limits are a processor's, as are the figures, which show them.
    """
    if _made_with(page) == _made_with(committed):
        return page == committed
    bodies = (text.partition(_MADE_WITH)[0] for text in (page, committed))
    body, was = (_ERROR.sub("", body) for body in bodies)
    return body == was


def _made_with(page: str) -> str:
    return page.partition(_MADE_WITH)[2]


def _page(folder: pathlib.Path) -> str:
    path = folder / "README.md"
    return path.read_text("utf-8") if path.exists() else ""


def _sources() -> list[str]:
    return [inspect.getsource(module) for module in (gradients, report, results, style)]
