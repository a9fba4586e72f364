"""How well a text fits a capability: the weight of its words that the text has."""

import re
from dataclasses import dataclass
from typing import Mapping

ACCEPT_FROM = 0.2
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Relevance:
    """A score from 0 to 1 and the words that made it."""

    score: float
    matched: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """Below the threshold a human should look at the task."""
        return self.score >= ACCEPT_FROM


def words(text: str) -> set[str]:
    return set(WORD.findall(text.lower()))


def relevance(text: str, keywords: Mapping[str, int]) -> Relevance:
    """The share of the keywords' total weight that occurs in the text."""
    found = words(text)
    matched = tuple(sorted(word for word in keywords if word in found))
    total = sum(keywords.values())
    if total == 0:
        return Relevance(0.0, ())
    score = sum(keywords[word] for word in matched) / total
    return Relevance(round(score, 4), matched)
