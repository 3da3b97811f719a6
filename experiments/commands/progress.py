"""How far a run is, and how long it will take: a line for each part that is done."""

import sys
import time
from collections.abc import Mapping

_TRUST = 30.0  # seconds in which what is seen here weighs as much as what was expected


class Progress:
    """Prints how many parts are done, and the time left; a terminal also shows what goes on.

    Args:
      expected: part -> the seconds that it takes where the committed results were made.
      jobs: how many of them go on at once.
    """

    def __init__(self, expected: Mapping[str, float], jobs: int = 1):
        self._expected = {name: seconds / jobs for name, seconds in expected.items()}
        self._todo = dict(self._expected)
        self._width = max(map(len, expected), default=0)
        self._start = time.perf_counter()

    def begin(self, name: str) -> None:
        """The part goes on from here."""
        if sys.stdout.isatty():
            print(f"{self._place()}  {name} ...", end="", flush=True)

    def end(self, name: str, seconds: float, text: str) -> None:
        """The part is done."""
        self._todo.pop(name)
        over = "\r\033[K" if sys.stdout.isatty() else ""
        name = name.ljust(self._width)
        print(f"{over}{self._place()}  {name} {seconds:6.1f} s  {text}", flush=True)

    def left(self) -> float:
        """Seconds, as the parts that are done let expect."""
        done = sum(self._expected.values()) - sum(self._todo.values())
        pace = (time.perf_counter() - self._start + _TRUST) / (done + _TRUST)
        return pace * sum(self._todo.values())

    def _place(self) -> str:
        """` 3/36, about 17 min left`, of one width."""
        total = len(self._expected)
        left = f"about {told(self.left())} left" if self._todo else ""
        return f"{total - len(self._todo):>{len(str(total))}}/{total}  {left:<18}"


def told(seconds: float) -> str:
    """Seconds in steps of 5, minutes in whole ones."""
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{round(seconds / 60)} min"
