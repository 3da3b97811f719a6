"""Ctrl-C and SIGTERM while a sweep keeps checkpoints: it saves first."""

import signal
import threading
from types import FrameType
from typing import Any


class Interrupted(KeyboardInterrupt):
    """The sweep was stopped from outside, after it was saved; the text says how to go on."""


class Guard:
    """Notes the first signal instead of dying of it; the second one acts as ever.

    Attributes:
      is_stopping: whether a signal has come.
    """

    def __init__(self, active: bool):
        self.is_stopping = False
        self._active = active and threading.current_thread() is threading.main_thread()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Guard":
        if self._active:
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.is_stopping = True
        self.__exit__()
