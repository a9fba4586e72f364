# Whatever the agent does can be seen afterwards, and it says when it will stop and ask.
package genesis.creation.transparency

import rego.v1

# Six months, in days.
least_retention := 180

# What a tool may be used for without changing or telling anything outside. Every other permission
# is an action, and an action is declared as an external effect, which then needs its gate.
harmless := {"analyze", "draft", "get", "list", "preview", "propose", "query", "read", "search", "view"}

violations contains {
	"rule": "audit_is_on",
	"path": "/audit/enabled",
	"message": "the audit log must be on",
} if {
	not input.manifest.audit.enabled == true
}

violations contains {
	"rule": "nothing_is_hidden",
	"path": sprintf("/audit/unlogged_actions/%d", [i]),
	"message": sprintf("the action %q must not be left out of the audit log", [action]),
} if {
	some i, action in input.manifest.audit.unlogged_actions
}

violations contains {
	"rule": "actions_are_declared",
	"path": sprintf("/tools/%d/permissions/%d", [i, j]),
	"message": sprintf("%q of %q acts on the outside: declare it as an external effect", [verb, tool.name]),
} if {
	some i, tool in input.manifest.tools
	some j, verb in tool.permissions
	not verb in harmless
	not [tool.name, verb] in effects
}

violations contains {
	"rule": "logs_are_kept",
	"path": "/audit/log_retention_days",
	"message": sprintf("logs are kept for at least %d days", [least_retention]),
} if {
	not input.manifest.audit.log_retention_days >= least_retention
}

violations contains {
	"rule": "escalation_is_declared",
	"path": "/escalation_triggers",
	"message": "say when the agent stops and asks a person",
} if {
	not count(input.manifest.escalation_triggers) > 0
}

effects contains [effect.tool, effect.permission] if some effect in input.manifest.external_effects
