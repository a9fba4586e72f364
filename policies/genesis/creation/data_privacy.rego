# The agent touches only data that the customer consented to, and never the customer's core data.
package genesis.creation.data_privacy

import rego.v1

violations contains {
	"rule": "scopes_are_explicit",
	"path": path(i),
	"message": "a data scope is one lower-case name, such as campaign_metrics, not a pattern",
} if {
	some i, scope in input.manifest.data.scopes
	not regex.match(`^[a-z][a-z0-9_]*$`, scope.name)
}

violations contains {
	"rule": "core_data_is_never_touched",
	"path": path(i),
	"message": sprintf("%q is core data of the customer: no consent opens it", [scope.name]),
} if {
	some i, scope in input.manifest.data.scopes
	regex.match(`industry[^a-z]*data|strateg[a-z]*[^a-z]*plan`, lower(scope.name))
}

violations contains {
	"rule": "scopes_are_consented",
	"path": path(i),
	"message": sprintf("the customer did not consent to %q", [scope.name]),
} if {
	some i, scope in input.manifest.data.scopes
	not scope.name in input.manifest.data.consented
}

violations contains {
	"rule": "scopes_have_a_purpose",
	"path": path(i),
	"message": sprintf("say what %q is needed for", [scope.name]),
} if {
	some i, scope in input.manifest.data.scopes
	not has_purpose(scope)
}

violations contains {
	"rule": "scopes_are_needed",
	"path": path(i),
	"message": sprintf("no capability uses %q", [scope.name]),
} if {
	some i, scope in input.manifest.data.scopes
	not scope.name in used
}

violations contains {
	"rule": "data_is_declared",
	"path": sprintf("/capabilities/%d/data", [i]),
	"message": sprintf("the capability %q uses %q, which is no declared data scope", [capability.name, name]),
} if {
	some i, capability in input.manifest.capabilities
	some name in capability.data
	not name in declared
}

path(i) := sprintf("/data/scopes/%d", [i])

has_purpose(scope) if trim_space(scope.purpose) != ""

used contains name if some name in input.manifest.capabilities[_].data

declared contains scope.name if some scope in input.manifest.data.scopes
