# The agent holds an explicit list of permissions, each of which something it does needs.
package genesis.creation.least_privilege

import rego.v1

violations contains {
	"rule": "tools_are_explicit",
	"path": sprintf("/tools/%d/name", [i]),
	"message": "a tool is one lower-case name, such as mailer, not a pattern",
} if {
	some i, tool in input.manifest.tools
	not explicit(tool.name)
}

violations contains {
	"rule": "permissions_are_explicit",
	"path": sprintf("/tools/%d/permissions/%d", [i, j]),
	"message": sprintf("a permission of %q is one verb, such as read, not a pattern or a role", [tool.name]),
} if {
	some i, tool in input.manifest.tools
	some j, verb in tool.permissions
	not specific(verb)
}

violations contains {
	"rule": "tools_have_permissions",
	"path": sprintf("/tools/%d/permissions", [i]),
	"message": sprintf("say what %q may be used for", [tool.name]),
} if {
	some i, tool in input.manifest.tools
	not count(tool.permissions) > 0
}

violations contains {
	"rule": "tools_are_needed",
	"path": sprintf("/tools/%d", [i]),
	"message": sprintf("no capability uses the tool %q", [tool.name]),
} if {
	some i, tool in input.manifest.tools
	not tool.name in used
}

violations contains {
	"rule": "tools_are_declared",
	"path": sprintf("/capabilities/%d/tools", [i]),
	"message": sprintf("the capability %q uses %q, which is not among the tools", [capability.name, name]),
} if {
	some i, capability in input.manifest.capabilities
	some name in capability.tools
	not name in declared
}

violations contains {
	"rule": "effects_are_permitted",
	"path": sprintf("/external_effects/%d", [i]),
	"message": sprintf("%q needs the permission %q of %q, which is not declared", [effect.name, effect.permission, effect.tool]),
} if {
	some i, effect in input.manifest.external_effects
	not [effect.tool, effect.permission] in granted
}

violations contains {
	"rule": "posture_allows_effects",
	"path": "/autonomy",
	"message": "an agent that only proposes has no external effects",
} if {
	count(input.manifest.external_effects) > 0
	input.manifest.autonomy == "propose"
}

violations contains {
	"rule": "boundaries_hold",
	"path": sprintf("/capabilities/%d", [i]),
	"message": sprintf("the capability %q is among the things that the agent must not do", [capability.name]),
} if {
	some i, capability in input.manifest.capabilities
	capability.name in input.manifest.boundaries.cannot_do
}

explicit(name) if regex.match(`^[a-z][a-z0-9_]*$`, name)

specific(verb) if {
	explicit(verb)
	not verb in {"admin", "all", "any", "everything", "full", "full_access", "manage", "owner", "root", "superuser"}
}

used contains name if some name in input.manifest.capabilities[_].tools

declared contains tool.name if some tool in input.manifest.tools

granted contains [tool.name, verb] if {
	some tool in input.manifest.tools
	some verb in tool.permissions
}
