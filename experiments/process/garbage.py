"""How often Python looks for garbage in our commands; by the standard library alone."""

import atexit
import gc


def collect_rarely() -> None:
    """Has Python look for cycles of garbage less often, and no more when the process ends.

    Tracing makes objects by the hundred thousand, most of which stay. Looking through them took
    more than a quarter of a process that trains for one epoch, most of it after its last statement.
    Arrays are freed as ever: they are in no cycle.
    """
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)
