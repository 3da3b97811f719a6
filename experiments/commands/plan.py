"""What a run is to do, from its options, and what became of each part of it."""

import argparse
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.course import registry
from experiments.record import results, unchanged
from experiments.record.experiment import Experiment

BUILD = results.ROOT / "build"
LEDGER = "ledger"

_FULL_RUNS = 2  # each trains on every core: one of them does while the other draws, say, on one


@dataclasses.dataclass(frozen=True)
class How:
    """How the parts of a run are to be done.

    Attributes:
      out: the folder above theirs.
      full: compute a heavy experiment too.
      force: compute even what ran here before.
      changed: leave alone what nothing has changed, and take results from the folder where they
        are of the present code, settings, data and versions.
      rewrite: replace committed results by those of here also where they agree.
    """

    out: pathlib.Path
    full: bool = False
    force: bool = False
    changed: bool = False
    rewrite: bool = False

    @property
    def into_reports(self) -> bool:
        """Whether what lies there is committed, and stands where it agrees."""
        return self.out.resolve() == unchanged.REPORTS.resolve()


class Outcome(NamedTuple):
    """What became of a part of a run.

    Attributes:
      how: in a word.
      text: the rest of its line.
      lacks: the data sets that it went without.
      differs: what is not as committed; it is written, unless the committed results stand.
      stands: for lack of data, committed results were left in their place.
      unjudged: for lack of data, and of committed results, these claims have no verdict.
      seconds: how long it took.
    """

    how: str
    text: str
    lacks: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    stands: bool = False
    unjudged: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Plan:
    """The parts of a run.

    Attributes:
      configs: the settings of each experiment.
      with_ledger: whether the ledger is a part.
      is_quick: the experiments are cut short.
      is_whole: nothing was named, and nothing is cut short; the gradients are a part then.
      jobs: how many parts go on at once.
    """

    configs: Mapping[str, Any]
    with_ledger: bool
    is_quick: bool
    is_whole: bool
    jobs: int
    how: How


def of(options: argparse.Namespace, settings: Mapping[str, Any], jobs: int) -> Plan:
    """The plan that the options ask for.

    Args:
      options: names, out, quick, full, force, changed and rewrite.
      settings: of the one experiment that is named, where they are not those of its Config.
      jobs: how many processes there may be.

    Raises:
      UnknownExperimentError: there is none of that name.
    """
    chosen, with_ledger = select(options.names)
    folder = BUILD / "quick" if options.quick else BUILD / "custom" if settings else None
    how = How(
        options.out or folder or unchanged.REPORTS,
        full=options.full or (options.quick and bool(options.names)),  # then it takes seconds
        force=options.force,
        changed=options.changed,
        rewrite=options.rewrite,
    )
    configs = {}
    for experiment in chosen:
        config = experiment.module.QUICK if options.quick else experiment.module.Config()
        configs[experiment.name] = dataclasses.replace(config, **settings)
    is_quick, is_whole = options.quick, not (options.names or options.quick)
    at_once = min(jobs if is_quick else _FULL_RUNS, jobs, len(configs) + with_ledger)
    return Plan(configs, with_ledger, is_quick, is_whole, at_once, how)


def select(names: Sequence[str]) -> tuple[list[Experiment], bool]:
    """The named experiments, and whether the ledger is among them; all where none is named."""
    others = [name for name in names if name != LEDGER]
    chosen = registry.select(others) if others or not names else []
    return chosen, LEDGER in names or not names
