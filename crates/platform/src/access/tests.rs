//! The whole matrix of roles and permissions, and the rules for holding roles.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;

/// The columns are the roles in the order of [`Role::ALL`]; `x` = allowed.
const MATRIX: &str = "\
users:manage                         x......
audit:inspect                        x......
gates:read                           x.xx.xx
gates:decide                         x......
runs:read                            x.xx..x
runs:inspect                         x..x...
runs:start                           x..x...
runs:control                         x..x...
events:publish                       x..x...
agent_orchestration:create           x.x....
agent_orchestration:read             x.x...x
cicd:read                            x.x...x
cicd:retry                           x.x....
agent_handoff:submit                 x.x....
agent_handoff:decide                 x..x...
sla:define                           x.x....
sla:read                             x.xx..x
ola:define                           x..x...
industry_knowledge:read              x....xx
industry_knowledge:write             x....x.
knowledge_sources:create             x....x.
knowledge_sources:manage             x....x.
agent_retuning:initiate              x.x..x.
agent_retuning:approve               x......
helpdesk:read                        x...x.x
helpdesk:write                       x...x..
tickets:read                         x..xx.x
tickets:create                       x..xx..
tickets:assign                       x..xx..
tickets:update                       x..xx..
tickets:close                        x..xx..
health_monitoring:read               x..x..x
health_monitoring:write              x..x...
infrastructure:read                  x..x..x
infrastructure:write                 x..x...
queues:inspect                       x..x...
alerts:inspect                       x..x...
logs:query                           x..x...
subscription_management:read         xx....x
subscription_management:write        xx.....
subscription_management:export       xx.....
subscription_management:force_cancel x......
agent_runs:forensics                 xx.....
incidents:create                     xx.x...
incidents:manage                     xx.x...
agents:pause                         x......
";

#[test]
fn the_whole_matrix_is_as_required() {
    let mut matrix = String::new();
    for permission in Permission::ALL {
        let cells: String = Role::ALL
            .map(|role| match check(&role.into(), *permission).allowed {
                true => 'x',
                false => '.',
            })
            .iter()
            .collect();
        writeln!(matrix, "{permission:<36} {cells}").unwrap();
    }
    assert_eq!(matrix, MATRIX, "got:\n{matrix}");
}

#[test]
fn every_permission_has_a_unique_name_that_parses_back() {
    let names: BTreeSet<_> = Permission::ALL.iter().map(|p| p.as_str()).collect();
    assert_eq!(names.len(), Permission::ALL.len());
    for permission in Permission::ALL {
        assert_eq!(permission.as_str().parse(), Ok(*permission));
    }
}

#[test]
fn no_permission_names_an_override_of_genesis() {
    assert!("genesis:override".parse::<Permission>().is_err());
    for permission in Permission::ALL {
        assert!(!permission.as_str().contains("genesis"), "{permission}");
        assert!(!permission.as_str().contains("override"), "{permission}");
    }
}

#[test]
fn a_refusal_names_what_is_needed_and_what_is_held() {
    let decision = check(&Role::Viewer.into(), Permission::CreateAgents);
    assert_eq!(
        serde_json::to_value(decision).unwrap(),
        serde_json::json!({
            "permission": "agent_orchestration:create",
            "allowed": false,
            "reason": "agent_orchestration:create (start the creation of an agent) is held by \
                       admin, agent_orchestrator; you hold viewer",
        })
    );
    let nobody = check(&Roles::default(), Permission::ReadTickets);
    assert!(nobody.reason.unwrap().ends_with("you hold no role"));
}

#[test]
fn several_roles_have_the_union_of_their_permissions() {
    let both = Roles::try_from(BTreeSet::from([Role::AgentOrchestrator, Role::Viewer])).unwrap();
    let create = check(&both, Permission::CreateAgents);
    assert_eq!(create.granted_by, Some(Role::AgentOrchestrator));
    assert!(check(&both, Permission::ReadTickets).allowed);
    assert!(!check(&both, Permission::QueryLogs).allowed);
}

#[test]
fn admin_is_exclusive_and_every_other_combination_is_not() {
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Admin) {
        assert_eq!(Roles::try_from(BTreeSet::from([Role::Admin, role])), Err(RoleConflict(role)));
    }
    let all_others: BTreeSet<_> = Role::ALL.into_iter().filter(|r| *r != Role::Admin).collect();
    assert!(Roles::try_from(all_others).is_ok());
    let error = serde_json::from_str::<Roles>(r#"["admin","viewer"]"#).unwrap_err();
    assert!(error.to_string().contains("exclusive"), "{error}");
}

#[test]
fn role_names_parse_back() {
    for role in Role::ALL {
        assert_eq!(role.as_str().parse(), Ok(role));
        assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
    }
    assert!("root".parse::<Role>().is_err());
}
