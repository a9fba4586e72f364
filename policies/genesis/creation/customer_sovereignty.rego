# The agent serves its customer, and acts on the world only with that customer's word.
package genesis.creation.customer_sovereignty

import rego.v1

violations contains {
	"rule": "customer_is_the_beneficiary",
	"path": "/beneficiary",
	"message": "an agent serves the customer who hires it, nobody else",
} if {
	not input.manifest.beneficiary == "customer"
}

violations contains {
	"rule": "effects_have_a_gate",
	"path": sprintf("/external_effects/%d", [i]),
	"message": sprintf("the external effect %q has no approval gate", [effect.name]),
} if {
	some i, effect in input.manifest.external_effects
	count(gates_of(effect.name)) == 0
}

violations contains {
	"rule": "people_approve",
	"path": sprintf("/approval_gates/%d/approver", [i]),
	"message": sprintf("the gate of %q must be decided by a person, not by the agent", [gate.effect]),
} if {
	some i, gate in input.manifest.approval_gates
	not gate.approver in {"customer", "platform"}
}

violations contains {
	"rule": "silence_never_approves",
	"path": sprintf("/approval_gates/%d/on_timeout", [i]),
	"message": sprintf("the gate of %q must deny or defer when nobody answers", [gate.effect]),
} if {
	some i, gate in input.manifest.approval_gates
	not gate.on_timeout in {"deny", "defer"}
}

violations contains {
	"rule": "every_occurrence_is_approved",
	"path": sprintf("/approval_gates/%d/frequency", [i]),
	"message": sprintf("the gate of %q must ask before every occurrence", [gate.effect]),
} if {
	some i, gate in input.manifest.approval_gates
	not gate.frequency == "every_time"
}

violations contains {
	"rule": "effects_wait_for_approval",
	"path": "/autonomy",
	"message": "an agent with external effects acts only when approved",
} if {
	count(input.manifest.external_effects) > 0
	not input.manifest.autonomy in {"propose", "act_when_approved"}
}

gates_of(effect) := [gate | some gate in input.manifest.approval_gates; gate.effect == effect]
