//! The demonstration: the one command that a stranger runs first.

use crate::harness::Site;

/// What the demonstration prints, in this order.
const STEPS: [&str; 15] = [
    "1  request",
    "2  Genesis",
    "✓ customer_sovereignty",
    "approved",
    "3  code",
    "4  CI",
    "lint               passed",
    "unit_tests         passed",
    "build_image        passed",
    "integration_tests  passed",
    "push_to_registry   passed",
    "5  handoff",
    "accepted by engineer@waooaw.com",
    "is production_ready (100 %)",
    "from request to production_ready in",
];

#[tokio::test]
async fn the_demonstration_can_be_repeated_and_leaves_nothing_running() {
    let site = Site::new();
    for name in ["Content Marketer", "Content Marketer 2"] {
        let output = site.run(&["demo"]).await;
        let (text, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{text}\n{errors}");
        assert!(text.contains(&format!("   {name} (marketing)")), "{text}");
        let mut rest = text.as_str();
        for step in STEPS {
            rest = rest.split_once(step).unwrap_or_else(|| panic!("no {step:?} in its place in:\n{text}")).1;
        }
        assert_eq!(site.processes(), Vec::<String>::new());
    }
    let audit = site.audit().await;
    assert_eq!((&audit["intact"], &audit["unsealed"]), (&true.into(), &0.into()), "{audit}");
    assert_eq!(site.processes(), Vec::<String>::new());
}
