import os
import sys

import pytest

from experiments.process import side_by_side
from jaxnn import data


def square(number):
    print(f"squared {number}")
    print(f"warned of {number}", file=sys.stderr)
    if number < 0:
        raise data.DataNotFoundError(f"no root of {number}")
    return number**2, os.getpid()


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_and_words_come_in_the_order_in_which_they_are_asked_for(jobs, capfd):
    tasks = {name: (square, (number,)) for name, number in {"a": 1, "b": 2, "c": -1}.items()}
    with side_by_side.results_of(tasks, jobs) as result_of:
        (four, second), (one, first) = result_of("b"), result_of("a")
        with pytest.raises(data.DataNotFoundError, match="no root of -1"):
            result_of("c")
    assert (one, four) == (1, 4)
    assert (os.getpid() in {first, second}) == (jobs == 1)
    printed, warned = capfd.readouterr()
    assert warned.index("warned of 2") < warned.index("warned of 1")
    assert printed.index("squared 2") < printed.index("squared 1")


@pytest.mark.quick
def test_nothing_is_done_that_is_not_asked_for_where_there_is_one_job():
    with side_by_side.results_of({"a": (pytest.fail, ("was called",))}, 1):
        pass
