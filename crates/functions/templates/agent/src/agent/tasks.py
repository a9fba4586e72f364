"""One task from request to answer: find, check, score, advise. Pure."""

from typing import Any, Mapping

from agent import industry, policy, scoring
from agent.capabilities import CAPABILITIES


class UnknownCapability(Exception):
    """A capability that the manifest does not declare."""


def perform(
    manifest: Mapping[str, Any],
    capability: str,
    task: Mapping[str, Any],
    tools: list[Mapping[str, str]],
) -> dict[str, Any]:
    """Run a declared capability, with declared tools only."""
    module = CAPABILITIES.get(capability)
    if module is None:
        raise UnknownCapability(f"the capability {capability!r} is not declared")
    allowed = policy.check(manifest, tools)
    fit = scoring.relevance(str(task.get("text", "")), module.KEYWORDS)
    return {
        "capability": capability,
        "outcome": "accepted" if fit.accepted else "needs_review",
        "score": fit.score,
        "matched": list(fit.matched),
        "advice": industry.advise(task),
        "tools": allowed,
        "approval_required": policy.needs_approval(allowed),
    }
