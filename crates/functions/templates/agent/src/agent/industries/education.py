"""Education: choose a learner's next level from the share of right answers."""

from typing import Any, Mapping

LEVELS = ("beginner", "intermediate", "advanced")
ADVANCE_FROM = 0.8
REPEAT_BELOW = 0.5


def advise(task: Mapping[str, Any]) -> dict[str, Any]:
    """Mastery from 0 to 1 and the level to continue with."""
    level = task.get("level", LEVELS[0])
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}")
    answered, correct = task.get("answered", 0), task.get("correct", 0)
    if not all(type(n) is int for n in (answered, correct)):
        raise ValueError("answered and correct must be whole numbers")
    if not 0 <= correct <= answered:
        raise ValueError("correct must be between 0 and answered")
    mastery = correct / answered if answered else 0.0
    place = LEVELS.index(level)
    if answered and mastery >= ADVANCE_FROM:
        place = min(place + 1, len(LEVELS) - 1)
    elif answered and mastery < REPEAT_BELOW:
        place = max(place - 1, 0)
    return {"mastery": round(mastery, 4), "next_level": LEVELS[place]}
