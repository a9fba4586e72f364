"""Marketing: split a budget over channels by how often the brief names them."""

import re
from typing import Any, Mapping

CHANNELS = ("email", "search", "social", "video")


def advise(task: Mapping[str, Any]) -> dict[str, Any]:
    """The budget per channel, in the budget's own unit, summing to it exactly."""
    budget = task.get("budget", 0)
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 0:
        raise ValueError("budget must be a whole number of at least 0")
    text = str(task.get("text", "")).lower()
    mentions = {c: len(re.findall(rf"\b{c}\b", text)) + 1 for c in CHANNELS}
    total = sum(mentions.values())
    split = {c: budget * n // total for c, n in mentions.items()}
    favourite = max(CHANNELS, key=lambda c: mentions[c])
    split[favourite] += budget - sum(split.values())
    return {"lead_channel": favourite, "budget_by_channel": split}
