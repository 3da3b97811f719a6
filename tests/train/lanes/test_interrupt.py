import os
import signal
import threading

import pytest

from jaxnn.train.lanes.interrupt import Guard

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture
def arrived():
    """The signals that reach the handlers from before."""
    seen = []
    before = {number: signal.signal(number, lambda n, _: seen.append(n)) for number in SIGNALS}
    yield seen
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_noted_and_the_second_acts_as_ever(arrived, number):
    with Guard(True) as guard:
        assert not guard.is_stopping
        os.kill(os.getpid(), number)
        assert guard.is_stopping
        assert arrived == []
        os.kill(os.getpid(), number)
        assert arrived == [number]


def test_afterwards_the_handlers_are_those_from_before(arrived):
    with Guard(True):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    assert arrived == [signal.SIGTERM]


def test_nothing_is_caught_where_nothing_is_kept_nor_outside_the_main_thread(arrived):
    with Guard(False) as guard:
        os.kill(os.getpid(), signal.SIGINT)
    assert (guard.is_stopping, arrived) == (False, [signal.SIGINT])
    failed = []

    def elsewhere():
        try:
            with Guard(True):
                pass
        except ValueError as error:  # signals are for the main thread
            failed.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert not failed
