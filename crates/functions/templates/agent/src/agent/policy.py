"""Which tools the agent may use: what the manifest lists, and nothing else."""

from typing import Any, Iterable, Mapping

READ_ONLY = frozenset({"read", "list", "search", "view"})


class Denied(Exception):
    """A tool or a permission that the manifest does not grant."""


def granted(manifest: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """The permissions of each tool; a tool without any grants nothing."""
    return {t["tool"]: frozenset(t["permissions"]) for t in manifest["tools"]}


def check(
    manifest: Mapping[str, Any], wanted: Iterable[Mapping[str, str]]
) -> list[Mapping[str, str]]:
    """Refuse at the first tool that is not granted; return what is allowed."""
    allowed = granted(manifest)
    checked = []
    for use in wanted:
        tool, permission = use["tool"], use["permission"]
        if tool not in allowed:
            raise Denied(f"the tool {tool!r} is not in the manifest")
        if permission not in allowed[tool]:
            raise Denied(f"the tool {tool!r} has no permission {permission!r}")
        checked.append({"tool": tool, "permission": permission})
    return checked


def needs_approval(uses: Iterable[Mapping[str, str]]) -> bool:
    """Whether a human must approve: anything that does more than read."""
    return any(use["permission"] not in READ_ONLY for use in uses)
