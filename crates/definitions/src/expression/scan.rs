//! What an expression's syntax tree says before it is compiled: the names it uses, its depth, and recursion.

use std::collections::BTreeSet;

use jaq_core::{
    load::{
        lex::StrPart,
        parse::{BinaryOp, Def, Pattern, Term},
    },
    path::{Part, Path},
};

/// The names in a term.
#[derive(Debug, Default)]
pub(super) struct Scan<'s> {
    /// Variables, each with its `$`; those that the term binds itself included.
    pub(super) variables: BTreeSet<&'s str>,
    /// Functions and formats.
    pub(super) calls: BTreeSet<&'s str>,
    /// A definition that calls itself, with the number of its arguments.
    pub(super) recursive: Option<(&'s str, usize)>,
    /// How deep an evaluation recurses, at most.
    pub(super) depth: usize,
    open: Vec<(&'s str, usize)>,
}

impl<'s> Scan<'s> {
    /// Scans a whole expression.
    pub(super) fn of(term: &Term<&'s str>) -> Self {
        let mut scan = Self::default();
        scan.term(term, 0);
        scan
    }

    /// Scans the body of a library function.
    pub(super) fn of_definition(definition: &Def<&'s str>) -> Self {
        Self::of(&definition.body)
    }

    fn term(&mut self, term: &Term<&'s str>, depth: usize) {
        self.depth = self.depth.max(depth);
        let inner = depth + 1;
        match term {
            Term::Id | Term::Recurse | Term::Num(_) | Term::Arr(None) | Term::Break(_) => {}
            Term::Var(name) => {
                self.variables.insert(name);
            }
            Term::Arr(Some(term)) | Term::Neg(term) | Term::Label(_, term) | Term::TryCatch(term, None) => {
                self.term(term, inner);
            }
            Term::TryCatch(left, Some(right)) => self.terms([&**left, &**right], inner),
            Term::BinOp(left, operator, right) => {
                if let BinaryOp::Pipe(Some(pattern)) = operator {
                    self.pattern(pattern, inner);
                }
                self.terms([&**left, &**right], inner);
            }
            Term::Str(format, parts) => {
                self.calls.extend(format);
                let terms = parts.iter().filter_map(|part| match part {
                    StrPart::Term(term) => Some(term),
                    StrPart::Str(_) | StrPart::Char(_) => None,
                });
                self.terms(terms, inner + parts.len());
            }
            Term::Obj(entries) => {
                let entry_depth = inner + entries.len();
                self.terms(entries.iter().flat_map(|(key, value)| [Some(key), value.as_ref()]).flatten(), entry_depth);
            }
            Term::Fold(_, source, pattern, arguments) => {
                self.pattern(pattern, inner);
                self.term(source, inner);
                self.terms(arguments, inner);
            }
            Term::IfThenElse(branches, otherwise) => {
                self.terms(branches.iter().flat_map(|(when, then)| [when, then]), inner + branches.len());
                self.terms(otherwise.as_deref(), inner + branches.len());
            }
            Term::Def(definitions, body) => self.definitions(definitions, body, inner),
            Term::Call(name, arguments) => self.call(name, arguments, inner),
            Term::Path(term, path) => self.path(term, path, inner),
        }
    }

    fn terms<'t>(&mut self, terms: impl IntoIterator<Item = &'t Term<&'s str>>, depth: usize)
    where
        's: 't,
    {
        for term in terms {
            self.term(term, depth);
        }
    }

    fn call(&mut self, name: &'s str, arguments: &[Term<&'s str>], depth: usize) {
        self.calls.insert(name);
        if self.open.contains(&(name, arguments.len())) {
            self.recursive = Some((name, arguments.len()));
        }
        self.terms(arguments, depth);
    }

    fn path(&mut self, term: &Term<&'s str>, path: &Path<Term<&'s str>>, depth: usize) {
        self.term(term, depth);
        for (part, _) in &path.0 {
            match part {
                Part::Index(index) => self.term(index, depth),
                Part::Range(from, to) => self.terms(from.iter().chain(to), depth),
            }
        }
    }

    fn definitions(&mut self, definitions: &[Def<&'s str, Term<&'s str>>], body: &Term<&'s str>, depth: usize) {
        for definition in definitions {
            self.open.push((definition.name, definition.args.len()));
            self.term(&definition.body, depth + 1);
            self.open.pop();
        }
        self.term(body, depth + definitions.len());
    }

    fn pattern(&mut self, pattern: &Pattern<&'s str>, depth: usize) {
        self.depth = self.depth.max(depth);
        match pattern {
            Pattern::Var(name) => {
                self.variables.insert(name);
            }
            Pattern::Arr(items) => items.iter().for_each(|item| self.pattern(item, depth + 1)),
            Pattern::Obj(entries) => {
                for (key, value) in entries {
                    self.term(key, depth + 1);
                    self.pattern(value, depth + 1);
                }
            }
        }
    }
}
