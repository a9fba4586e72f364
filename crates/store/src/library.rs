//! Definitions as runs pin them: read and parsed once, then shared by content hash.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use definitions::{Catalog, ContentHash, Definition, FunctionName, Resolution};
use engine::OrgId;

use crate::{Connection, Error, Result, Store, definitions::Stored};

/// How many definitions are kept in memory.
const CAPACITY: usize = 1024;

/// The definitions that have been needed; cheap to clone.
#[derive(Debug, Clone)]
pub struct Library {
    store: Store,
    parsed: Arc<Mutex<Parsed>>,
}

type Parsed = HashMap<(OrgId, ContentHash), Arc<Definition>>;

impl Library {
    /// An empty library over this database.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, parsed: Arc::default() }
    }

    /// The definition of a hash, within an organisation.
    ///
    /// # Errors
    /// It is not registered, or is refused.
    pub async fn get(&self, org: OrgId, hash: ContentHash) -> Result<Arc<Definition>> {
        match self.known(org, hash) {
            Some(definition) => Ok(definition),
            None => self.read(&mut *self.store.engine().await?, org, hash).await,
        }
    }

    /// The same, for who has a connection already.
    ///
    /// # Errors
    /// It is not registered, or is refused.
    pub async fn get_on(&self, connection: &mut Connection, org: OrgId, hash: ContentHash) -> Result<Arc<Definition>> {
        match self.known(org, hash) {
            Some(definition) => Ok(definition),
            None => self.read(connection, org, hash).await,
        }
    }

    fn known(&self, org: OrgId, hash: ContentHash) -> Option<Arc<Definition>> {
        self.parsed().get(&(org, hash)).cloned()
    }

    async fn read(&self, connection: &mut Connection, org: OrgId, hash: ContentHash) -> Result<Arc<Definition>> {
        let stored = crate::definitions::get(connection, org, hash).await?;
        let definition = Arc::new(parse(&stored)?);
        let mut parsed = self.parsed();
        if parsed.len() >= CAPACITY {
            parsed.clear();
        }
        parsed.insert((org, hash), Arc::clone(&definition));
        Ok(definition)
    }

    fn parsed(&self) -> MutexGuard<'_, Parsed> {
        self.parsed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(stored: &Stored) -> Result<Definition> {
    let refused = |reason: String| Error::UnreadableDefinition { definition: stored.id.to_string(), reason };
    let definition =
        Definition::parse(&stored.source, &Linked(&stored.functions)).map_err(|found| refused(found.to_string()))?;
    if definition.hash != stored.hash {
        return Err(refused(format!("its content has the hash {}", definition.hash)));
    }
    Ok(definition)
}

/// The functions that a definition was linked with; any other name was one of the host's when it was registered.
struct Linked<'a>(&'a BTreeMap<String, String>);

impl Catalog for Linked<'_> {
    fn resolve(&self, function: &FunctionName) -> Option<Resolution> {
        let source = self.0.get(&format!("{}:{}", function.name, function.version));
        Some(source.map_or(Resolution::Host, |source| Resolution::Source(source.as_str().into())))
    }
}
