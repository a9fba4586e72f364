"""What this agent answers, for each capability of its manifest."""

import json
from pathlib import Path

import pytest

from agent import policy, tasks
from agent.capabilities import CAPABILITIES
from agent.manifest import MANIFEST

CASES = json.loads(
    Path(__file__).with_name("cases.json").read_text(encoding="utf-8"),
)


def perform(capability, text, tools=()):
    return tasks.perform(MANIFEST, capability, {"text": text}, list(tools))


def test_every_declared_capability_is_built():
    assert sorted(CAPABILITIES) == sorted(c["id"] for c in MANIFEST["capabilities"])
    assert sorted(CAPABILITIES) == sorted({c["capability"] for c in CASES})


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_a_text_is_scored_as_specified(case):
    answer = perform(case["capability"], case["text"])
    assert answer["outcome"] == case["outcome"]
    assert answer["matched"] == case["matched"]
    assert answer["score"] == pytest.approx(case["score"], abs=1e-4)
    assert answer["advice"]


def test_an_undeclared_capability_is_refused():
    with pytest.raises(tasks.UnknownCapability):
        perform("no_such_capability", "")


def test_an_undeclared_tool_is_refused():
    with pytest.raises(policy.Denied):
        perform(CASES[0]["capability"], "", [{"tool": "\0", "permission": "read"}])


def test_a_granted_tool_is_reported_with_its_need_for_approval():
    for tool in MANIFEST["tools"]:
        for permission in tool["permissions"]:
            use = {"tool": tool["tool"], "permission": permission}
            answer = perform(CASES[0]["capability"], "", [use])
            assert answer["tools"] == [use]
            reads = permission in policy.READ_ONLY
            assert answer["approval_required"] is not reads
