//! `document`, `use`, `evaluate` and `schedule`.

use std::sync::Arc;

use super::{At, Moment, Parsed, Parser, Scope, fields::suggestion, value::both};
use crate::{Data, DefinitionId};

/// Sections of `use` whose components are referred to by name.
const SECTIONS: [&str; 5] = ["authentications", "errors", "functions", "retries", "timeouts"];

impl<'a> Parser<'a> {
    /// The identity and the metadata of a workflow.
    pub(super) fn header(&mut self, at: &At<'_>) -> Parsed<(DefinitionId, Data)> {
        let mut fields = self.fields(at)?;
        let dsl = fields.require(self, "dsl").and_then(|at| self.dsl(&at));
        let namespace = fields.require(self, "namespace").and_then(|at| self.label(&at));
        let name = fields.require(self, "name").and_then(|at| self.label(&at));
        let version = fields.require(self, "version").and_then(|at| self.version(&at));
        let texts = ["title", "summary"].map(|name| fields.get(name).map(|at| self.text(&at)).transpose().map(drop));
        let tags = self.free(fields.get("tags"));
        let metadata = self.free(fields.get("metadata"));
        fields.finish(self)?;
        let ((namespace, name), (version, metadata)) = both(both(namespace, name), both(version, metadata))?;
        both(dsl, tags)?;
        texts.into_iter().collect::<Parsed<()>>()?;
        Ok((DefinitionId { namespace, name, version }, metadata))
    }

    fn dsl(&mut self, at: &At<'_>) -> Parsed<()> {
        let text = self.version(at)?;
        match semver::Version::parse(&text) {
            Ok(version) if (version.major, version.minor) == (1, 0) => Ok(()),
            _ => self.unsupported(at, &format!("version {text} of the DSL"), "use 1.0.3, or another 1.0"),
        }
    }

    /// A DNS label.
    pub(super) fn label(&mut self, at: &At<'_>) -> Parsed<Arc<str>> {
        let text = self.text(at)?;
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let valid = text.len() <= 63
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && edge(text.chars().next())
            && edge(text.chars().last());
        if valid {
            return Ok(text.into());
        }
        let hint = "at most 63 letters, digits and hyphens, the first and the last no hyphen".to_owned();
        self.refuse(at, "name", format!("`{text}` is no name"), Some(hint))
    }

    pub(super) fn version(&mut self, at: &At<'_>) -> Parsed<Arc<str>> {
        let Some(text) = at.text() else {
            let hint = "quote it: `'1.0.0'`".to_owned();
            return self.refuse(at, "version", "a semantic version is expected", Some(hint));
        };
        match semver::Version::parse(text) {
            Ok(_) => Ok(text.into()),
            Err(error) => self.refuse(at, "version", format!("`{text}` is no semantic version: {error}"), None),
        }
    }

    /// Keeps the components of `use` for those that refer to them.
    pub(super) fn reuse(&mut self, at: &At<'a>) -> Parsed<()> {
        let mut fields = self.fields(at)?;
        for section in SECTIONS {
            let Some(components) = fields.get(section) else { continue };
            let components = self.map(&components)?;
            self.reusable.extend(components.into_iter().map(|(name, at)| ((section, name), at)));
        }
        if let Some(secrets) = fields.get("secrets") {
            for name in self.list(&secrets)? {
                let name = self.text(&name)?;
                self.secrets.push(name.to_owned());
            }
        }
        if let Some(extensions) = fields.get("extensions") {
            return self.unsupported(&extensions, "`use.extensions`", "put the tasks where they belong");
        }
        if let Some(catalogs) = fields.get("catalogs") {
            return self.unsupported(&catalogs, "`use.catalogs`", "only the catalog `default` is known");
        }
        fields.finish(self)
    }

    /// What a field gives, or what the name in it refers to.
    pub(super) fn component(&mut self, at: &At<'a>, section: &'static str) -> Parsed<At<'a>> {
        let Some(name) = at.text() else { return Ok(at.clone()) };
        if let Some(component) = self.reusable.get(&(section, name)) {
            let component = component.clone();
            self.referenced.insert((section, name));
            return Ok(component);
        }
        let known = self.reusable.keys().filter(|(other, _)| *other == section).map(|(_, name)| *name);
        let hint = suggestion(name, known);
        self.refuse(at, "unknown-reference", format!("`use.{section}` has no `{name}`"), hint)
    }

    /// Checks the components that nothing refers to.
    pub(super) fn check_unused(&mut self) -> Parsed<()> {
        let unused: Vec<_> = self
            .reusable
            .iter()
            .filter(|(key, _)| !self.referenced.contains(key))
            .map(|((section, name), at)| (*section, *name, at.clone()))
            .collect();
        let (tasks, needs, workflows) = (self.tasks.clone(), self.needs.clone(), self.workflows.clone());
        let scope = Scope::task(&["$error".to_owned()]);
        let checked: Vec<_> = unused
            .iter()
            .map(|(section, name, at)| match *section {
                "authentications" => self.policy(at, &scope.at(Moment::HostCall)).map(drop),
                "errors" => self.error(at, &scope).map(drop),
                "retries" => self.retry(at, &scope).map(drop),
                "timeouts" => self.timeout(at, &scope).map(drop),
                _ => self.task(at, name, &[], &[]).map(drop),
            })
            .collect();
        (self.tasks, self.needs, self.workflows) = (tasks, needs, workflows);
        checked.into_iter().collect()
    }

    pub(super) fn evaluate(&mut self, at: &At<'_>) -> Parsed<()> {
        let mut fields = self.fields(at)?;
        if let Some(language) = fields.get("language") {
            let name = self.text(&language)?;
            if name != "jq" {
                return self.unsupported(&language, &format!("the language `{name}`"), "use `jq`");
            }
        }
        if let Some(mode) = fields.get("mode") {
            let name = self.text(&mode)?;
            if name != "strict" {
                return self.unsupported(&mode, &format!("the mode `{name}`"), "use `strict`");
            }
        }
        fields.finish(self)
    }
}
