"""Results computed again and held against the committed ones, number by number."""

import time
from collections.abc import Sequence
from typing import Any

from experiments.claims import ledger
from experiments.record import compare, results
from experiments.record.experiment import Experiment


def check(experiment: Experiment, committed: Any, record: dict[str, Any], *, quick: bool) -> bool:
    """Runs it again, prints how each variable compares, and answers whether all is as committed.

    Args:
      committed: the dataset to compare with.
      record: what results.load gave beside it.
      quick: only a part of the runs, too few for the verdicts.

    Raises:
      DataNotFoundError: it cannot run without its data.
    """
    start, module = time.perf_counter(), experiment.module
    config = module.QUICK if quick else module.Config()
    identities = results.identities(module.DATA)
    fresh = module.run(config)
    missing = [name for name, identity in identities.items() if identity is None]
    remarks = [f"{name} is not at hand, what rests on it is not compared" for name in missing]
    remarks += [
        f"made with {package} {version}, here {results.versions().get(package, 'absent')}"
        for package, version in record["versions"].items()
        if results.versions().get(package) != version
    ]
    problems = [
        f"{name} holds other data than the committed results were made from"
        for name, identity in identities.items()
        if identity is not None and record["data"].get(name) not in (identity, None)
    ]
    same = (record["platform"], record["versions"]) == (
        results.platform_of_run(),
        results.versions(),
    )
    compared = fresh, committed
    for dim, limit in {} if same else getattr(module, "STEADY", {}).items():
        remarks.append(f"{dim} above {limit:g} not compared: it amplifies another rounding")
        compared = tuple(x.sel({dim: x[dim] <= limit}) for x in compared)
    rows = compare.compare(
        *compared,
        module.TOLERANCES,
        part=quick or bool(missing),
        leave_out=getattr(module, "WHOLE_RUN", ()) if quick else (),
        unrepeated=getattr(module, "UNREPEATED", ()),
    )
    if same:
        problems += [
            f"{row.variable}: not the same bits, with the same processor and versions"
            for row in rows
            if row.agrees and row.compared and not row.identical
        ]
    if not quick:
        if results.plain(config) != record["config"]:
            problems.append(f"settings are not the committed ones; run {experiment.name} again")
        if not missing:
            judged = results.record(experiment.name, config, {}, module.judge(fresh))["verdicts"]
            problems += compare.changed_verdicts(judged, record["verdicts"])
    agrees = all(row.agrees for row in rows) and not problems
    seconds = time.perf_counter() - start
    print(f"{experiment.name}  {seconds:.1f} s  {'as committed' if agrees else 'DIFFERS'}")
    print(_comparison_table(rows))
    for line in [*(f"note: {remark}" for remark in remarks), *(f"DIFFERS: {p}" for p in problems)]:
        print(f"  {line}")
    print(flush=True)
    return agrees


def _comparison_table(rows: Sequence[compare.Comparison]) -> str:
    cells = [("variable", "compared", "largest difference", "allowed", "")]
    for row in rows:
        rtol, atol = row.allowed
        allowed = f"{atol:g} + {rtol:g} |x|" if rtol or atol else "none"
        outcome = "identical" if row.identical else "within tolerance" if row.agrees else "DIFFERS"
        if row.compared:
            numbers = (f"{row.compared:,}", f"{row.largest:.3g}", allowed)
            cells.append((row.variable, *numbers, f"{outcome}  {row.note}".rstrip()))
        else:
            outcome = row.note if row.agrees else f"DIFFERS  {row.note}"
            cells.append((row.variable, "-", "-", "-", outcome))
    widths = [max(len(line[i]) for line in cells) for i in range(5)]
    return "\n".join(
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def check_ledger(committed: Sequence[ledger.Row]) -> bool:
    """Computes the ledger again, and answers whether it is as committed."""
    start = time.perf_counter()
    fresh = ledger.make()
    lines = list(ledger.changes(fresh, ledger.answers_of(committed)))
    agrees = not any(differs for differs, _ in lines)
    outcome = "as committed" if agrees else "DIFFERS"
    print(f"ledger  {time.perf_counter() - start:.1f} s  {outcome}")
    for differs, line in lines:
        print(f"  {'DIFFERS' if differs else 'note'}: {line}")
    print(flush=True)
    return agrees
