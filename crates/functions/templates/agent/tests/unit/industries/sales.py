"""The sales advice."""

import pytest

from agent.industry import advise


@pytest.mark.parametrize(
    ("lead", "score", "grade"),
    [
        ({}, 0, "cold"),
        ({"has_budget": True, "timeline_days": 90}, 45, "warm"),
        ({"has_budget": True, "timeline_days": 91}, 30, "cold"),
        (
            {"has_budget": True, "has_authority": True, "has_need": True},
            85,
            "hot",
        ),
        ({"has_budget": "yes"}, 0, "cold"),
    ],
)
def test_a_lead_is_graded(lead, score, grade):
    advice = advise(lead)
    assert (advice["lead_score"], advice["grade"]) == (score, grade)


@pytest.mark.parametrize("days", [-1, 1.5, "soon", True])
def test_a_wrong_timeline_is_refused(days):
    with pytest.raises(ValueError, match="timeline_days"):
        advise({"timeline_days": days})
