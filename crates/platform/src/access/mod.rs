//! Who may do what: roles, permissions, and the one table that joins them.
//!
//! [`check`] answers "may a holder of these roles use this permission?" and nothing else. It is
//! evaluated first and is never enough by itself: a constitutional gate (the Genesis verdict, the
//! eight-item checklist) is enforced by the state machine it guards
//! ([`crate::creations`], [`crate::handoffs`]), which takes no role at all. So an Admin, who holds
//! every permission, still cannot bring a rejected creation back to life: there is no permission
//! that names such an act, and no transition that performs it.
//!
//! Called by `api` and `console` for every request, with roles that come from a verified
//! credential.

mod permission;
mod role;
mod table;

pub use permission::{Permission, UnknownPermission};
pub use role::{Role, RoleConflict, Roles, UnknownRole};
pub use table::{GRANTS, Grant};

use serde::Serialize;

/// The answer to one permission check, as it is logged and shown (endpoint 5 of `REQUIREMENTS 1.1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What was asked for.
    pub permission: Permission,
    /// Whether it may be used.
    pub allowed: bool,
    /// The role that grants it; the first one in the order of [`Role::ALL`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<Role>,
    /// Why not, and who could; absent when allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Decides whether any of `roles` grants `permission`: the union over roles, no inheritance
/// between them (`REQUIREMENTS A5, A32`).
pub fn check(roles: &Roles, permission: Permission) -> Decision {
    let granted_by = roles.iter().find(|role| grants(*role, permission));
    Decision {
        permission,
        allowed: granted_by.is_some(),
        granted_by,
        reason: granted_by.is_none().then(|| refusal(roles, permission)),
    }
}

/// The roles that hold `permission`, in the order of [`Role::ALL`].
pub fn holders(permission: Permission) -> impl Iterator<Item = Role> {
    Role::ALL.into_iter().filter(move |role| grants(*role, permission))
}

fn grants(role: Role, permission: Permission) -> bool {
    GRANTS.iter().any(|(holder, grant)| *holder == role && grant.covers(permission))
}

fn refusal(roles: &Roles, permission: Permission) -> String {
    let held: Vec<_> = roles.iter().map(Role::as_str).collect();
    let needed: Vec<_> = holders(permission).map(Role::as_str).collect();
    format!(
        "{permission} ({}) is held by {}; you hold {}",
        permission.describe(),
        needed.join(", "),
        if held.is_empty() { "no role".to_owned() } else { held.join(", ") },
    )
}

#[cfg(test)]
mod tests;
