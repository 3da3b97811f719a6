"""Wrong rules, seeded on purpose, before the referee: all of one row in one program."""

import functools
from collections.abc import Callable, Mapping

import pytest

from jaxnn import gradcheck

ALL = ("autodiff", "differences", "taylor")
VERDICTS = {
    "the hand-derived gradient is wrong",
    "hand and autodiff differ by less than the differences can tell",
}


class Mistakes:
    """A table of {mistake: (name of the row, wrong rule, the judges that catch it)}.

    A wrong rule gets the right one first. What f and autodiff give is compiled once for a row, so
    the mistakes in it stand together.
    """

    def __init__(self, table: Mapping[str, tuple], *families: str):
        self.rows = {row.name: row for row in gradcheck.cases(*families)}
        self.table = table
        self.each = pytest.mark.parametrize("mistake", sorted(table, key=lambda m: table[m][0]))

    def assert_caught(self, mistake: str) -> None:
        name, _, judges = self.table[mistake]
        report = self._reports(name)[mistake]
        assert report.failed == judges, str(report)
        said = {a.verdict.partition(":")[0] for a in report.arguments if a.failed}
        assert said <= VERDICTS

    @functools.cache  # noqa: B019 (the tables live as long as the tests)
    def _reports(self, name: str) -> dict[str, gradcheck.GradientReport]:
        row = self.rows[name]
        wrong = {m: rule for m, (of, rule, _) in self.table.items() if of == name}
        rules = [functools.partial(rule, row.vjp) for rule in wrong.values()]
        return dict(zip(wrong, gradcheck.check_rules_of_case(row, rules), strict=True))


def all_judges(table: Mapping[str, tuple[str, Callable]]) -> dict[str, tuple]:
    """The table of mistakes that all judges catch."""
    return {mistake: (*entry, ALL) for mistake, entry in table.items()}
