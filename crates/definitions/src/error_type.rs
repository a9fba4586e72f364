//! The standard error types of the DSL, which its own texts write with different hosts and paths.

/// Prefixes under which the standard types are written: by the reference, by the conformance kit, and after the renaming.
const PREFIXES: [&str; 4] = [
    "https://serverlessworkflow.io/spec/1.0.0/errors/",
    "https://serverlessworkflow.io/dsl/errors/types/",
    "https://open-workflow-specification.org/spec/1.0.0/errors/",
    "https://open-workflow-specification.org/dsl/errors/types/",
];

/// The standard kinds (DSL R1).
const KINDS: [&str; 8] = [
    "configuration",
    "validation",
    "expression",
    "authentication",
    "authorization",
    "timeout",
    "communication",
    "runtime",
];

/// The URI that the 1.0 versions of the DSL give to a standard kind of error, such as `timeout`.
#[must_use]
pub fn standard_type(kind: &str) -> String {
    format!("{}{kind}", PREFIXES[0])
}

/// Whether two error type URIs name the same standard type, whatever host and path they are written with (DSL "Traps"), or
/// are equal.
#[must_use]
pub fn same_error_type(a: &str, b: &str) -> bool {
    a == b || standard_kind(a).is_some_and(|kind| standard_kind(b) == Some(kind))
}

fn standard_kind(uri: &str) -> Option<&str> {
    let kind = PREFIXES.iter().find_map(|prefix| uri.strip_prefix(prefix))?;
    KINDS.contains(&kind).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_types_are_compared_by_their_kind() {
        let same = [
            (standard_type("communication"), "https://serverlessworkflow.io/dsl/errors/types/communication"),
            (standard_type("timeout"), "https://open-workflow-specification.org/spec/1.0.0/errors/timeout"),
            ("https://x.example/e".to_owned(), "https://x.example/e"),
        ];
        for (a, b) in same {
            assert!(same_error_type(&a, b), "{a} {b}");
        }
        let different = [
            (standard_type("communication"), "https://serverlessworkflow.io/dsl/errors/types/timeout"),
            (standard_type("mine"), "https://serverlessworkflow.io/dsl/errors/types/mine"),
            (standard_type("timeout"), "https://x.example/spec/1.0.0/errors/timeout"),
        ];
        for (a, b) in different {
            assert!(!same_error_type(&a, b), "{a} {b}");
        }
    }
}
