"""The marketing advice."""

import pytest

from agent.industry import advise


def test_the_budget_follows_the_mentions_and_sums_up():
    advice = advise({"budget": 1001, "text": "email first, then Email and social"})
    assert advice["lead_channel"] == "email"
    assert advice["budget_by_channel"] == {
        "email": 429,
        "search": 143,
        "social": 286,
        "video": 143,
    }


@pytest.mark.parametrize("budget", [-1, 1.5, "10", True])
def test_a_wrong_budget_is_refused(budget):
    with pytest.raises(ValueError, match="budget"):
        advise({"budget": budget})
