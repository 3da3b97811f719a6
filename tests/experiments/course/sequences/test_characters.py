import math

import numpy as np
import pytest

from experiments.course.sequences import characters
from experiments.course.sequences.characters import (
    CONTEXT,
    QUICK,
    Config,
    by_counts,
    draw,
    encoded,
    judge,
    windows,
)


def test_a_short_run_has_every_cell_and_is_drawn():
    results = characters.run(QUICK)
    assert dict(results.sizes) == {"cell": 1, "seed": 2, "epoch": 1, "counts": 3}
    assert all(np.isfinite(results[name]).all() for name in characters.TOLERANCES)
    assert judge(results) == []
    draw(results)


@pytest.mark.quick
def test_the_text_is_cut_into_windows_and_the_letter_after_each():
    read, unread = encoded()
    assert abs(len(read) - 4 * len(unread)) <= 4
    seen, following = windows(read)
    assert len(seen) == len(following) == len(read) - CONTEXT
    np.testing.assert_array_equal(seen[1], read[1 : CONTEXT + 1])
    assert following[1] == read[CONTEXT + 1]


@pytest.mark.quick
def test_counts_are_those_of_the_letters_that_were_read():
    read = np.array([0, 0, 1, 0])  # 0 three times of four, and after 0: 0, 1
    unread = np.array([*[1] * (CONTEXT - 1), 0, 1])  # one window, whose last letter is 0, and a 1
    alone = (1 + 0.5) / (4 + 1)
    bits, share = by_counts(read, unread, 2, 0)
    assert bits == pytest.approx(-math.log2(alone))
    assert share == 0
    bits, _ = by_counts(read, unread, 2, 1)
    assert bits == pytest.approx(-math.log2((1 + alone) / (2 + 1)))


def test_more_letters_before_it_make_a_letter_cheaper():
    read, unread = encoded()
    assert set(read) == set(unread) | {*range(29)}
    costs = [by_counts(read, unread, 29, before)[0] for before in range(3)]
    assert math.log2(29) > costs[0] > costs[1] > costs[2]


@pytest.mark.quick
def test_an_unknown_cell_is_refused():
    with pytest.raises(ValueError, match="cells are RNN; LSTM, got 'GRU'"):
        Config(cells=("GRU",))
