"""Committed results, altered: what the tests of every experiment's judges ask."""


def statuses(experiment, dataset):
    """Claim -> the status of its verdict."""
    return {verdict.claim: verdict.status for verdict in experiment.judge(dataset)}


def change(dataset, variable, value, **where):
    """The dataset with the variable set to value(old) at the labels."""
    changed = dataset.copy(deep=True)
    changed[variable].loc[where] = value(changed[variable].loc[where])
    return changed
