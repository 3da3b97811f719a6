"""Committed results, altered: what the tests of every experiment's judges ask."""

import functools

from experiments.record import results


@functools.cache
def committed(name):
    """The committed results of that experiment and their record, read once; not to be changed."""
    dataset, record = results.load(results.ROOT / "reports" / name)
    for variable in dataset.variables.values():
        variable.values.flags.writeable = False
    return dataset, record


def committed_results(name):
    """Its results alone."""
    return committed(name)[0]


def statuses(experiment, dataset):
    """Claim -> the status of its verdict."""
    return {verdict.claim: verdict.status for verdict in experiment.judge(dataset)}


def change(dataset, variable, value, **where):
    """The dataset with the variable set to value(old) at the labels."""
    changed = dataset.copy(deep=True)
    changed[variable].loc[where] = value(changed[variable].loc[where])
    return changed
