"""Every message of the contract, through the worksheet function as it is registered."""

from __future__ import annotations

import pytest

from glmm_binomial.excel.functions import WORKSHEET_FUNCTIONS
from message_cases import MESSAGE_CASES, VALID
from worksheet import shown


@pytest.mark.parametrize("case", MESSAGE_CASES, ids=lambda case: case.id)
def test_the_worksheet_function_shows_the_message_in_one_cell(case):
    [[message]] = shown(WORKSHEET_FUNCTIONS["GLMM_BINOMIAL"](*case.arguments))
    assert message.startswith(case.beginning)
    assert message.endswith((".", "?"))


def test_the_arguments_the_cases_start_from_give_a_table():
    assert len(shown(WORKSHEET_FUNCTIONS["GLMM_BINOMIAL"](*VALID.arguments))) > 1
