"""Sales: qualify a lead by budget, authority, need and time."""

from typing import Any, Mapping

POINTS = {"has_budget": 30, "has_authority": 25, "has_need": 30}
SOON_POINTS = 15
SOON_DAYS = 90
HOT_FROM = 70
WARM_FROM = 40


def advise(task: Mapping[str, Any]) -> dict[str, Any]:
    """A lead's score from 0 to 100, its grade and the next step."""
    score = sum(points for field, points in POINTS.items() if task.get(field) is True)
    days = task.get("timeline_days")
    if days is not None and (type(days) is not int or days < 0):
        raise ValueError("timeline_days must be a whole number of at least 0")
    if days is not None and days <= SOON_DAYS:
        score += SOON_POINTS
    if score >= HOT_FROM:
        return {"lead_score": score, "grade": "hot", "next_step": "propose a meeting"}
    if score >= WARM_FROM:
        return {"lead_score": score, "grade": "warm", "next_step": "ask what is open"}
    return {"lead_score": score, "grade": "cold", "next_step": "keep informed"}
