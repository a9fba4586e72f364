"""The education advice."""

import pytest

from agent.industry import advise


@pytest.mark.parametrize(
    ("level", "correct", "expected"),
    [
        ("beginner", 8, "intermediate"),
        ("advanced", 10, "advanced"),
        ("intermediate", 6, "intermediate"),
        ("intermediate", 4, "beginner"),
        ("beginner", 0, "beginner"),
    ],
)
def test_the_next_level_follows_mastery(level, correct, expected):
    advice = advise({"level": level, "answered": 10, "correct": correct})
    assert advice == {"mastery": correct / 10, "next_level": expected}


def test_without_answers_the_level_stays():
    assert advise({"level": "advanced"})["next_level"] == "advanced"


@pytest.mark.parametrize(
    "task",
    [
        {"level": "guru"},
        {"answered": 1, "correct": 2},
        {"answered": 2, "correct": -1},
        {"answered": "2", "correct": 1},
    ],
)
def test_wrong_input_is_refused(task):
    with pytest.raises(ValueError):
        advise(task)
