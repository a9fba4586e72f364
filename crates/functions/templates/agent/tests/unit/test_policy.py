"""Tools are denied unless the manifest grants them."""

import pytest

from agent import policy
from agent.manifest import MANIFEST

SAMPLE = {"tools": [{"tool": "crm", "permissions": ["read", "write"]}]}


def use(tool, permission):
    return {"tool": tool, "permission": permission}


def test_a_granted_use_passes():
    wanted = [use("crm", "read"), use("crm", "write")]
    assert policy.check(SAMPLE, wanted) == wanted


@pytest.mark.parametrize(
    "wanted", [use("crm", "delete"), use("shell", "read"), use("crm", "*")]
)
def test_anything_else_is_denied(wanted):
    with pytest.raises(policy.Denied):
        policy.check(SAMPLE, [use("crm", "read"), wanted])


def test_without_tools_everything_is_denied():
    with pytest.raises(policy.Denied):
        policy.check({"tools": []}, [use("crm", "read")])


def test_this_agent_may_use_what_its_manifest_lists():
    for tool in MANIFEST["tools"]:
        for permission in tool["permissions"]:
            wanted = [use(tool["tool"], permission)]
            assert policy.check(MANIFEST, wanted) == wanted
        with pytest.raises(policy.Denied):
            policy.check(MANIFEST, [use(tool["tool"], "no such permission")])


def test_only_reading_needs_no_approval():
    assert not policy.needs_approval([use("crm", "read")])
    assert policy.needs_approval([use("crm", "read"), use("crm", "write")])
