"""The seeded wrong gradients of all files together: how many, and of which functions."""

import pytest

from jaxnn import gradcheck
from tests import test_wrong_gradients as basic
from tests import test_wrong_image_gradients as images
from tests import test_wrong_sequence_gradients as sequences
from tests import test_wrong_update_rules as rules

MISTAKES = [*basic.WRONG.values(), *images.WRONG.values(), *sequences.WRONG.values()]


@pytest.mark.quick
def test_there_are_far_more_than_sixty():
    assert len(MISTAKES) + len(rules.WRONG_RULES) >= 190


def test_every_function_with_a_rule_has_one():
    wrong = {mistake[0] for mistake in MISTAKES}
    explained = {row.name: row.shown for row in gradcheck.cases()}
    caught = {function for name in wrong for function in explained[name]}
    ruled = {function for shown in explained.values() for function in shown}
    assert ruled - caught == set()
