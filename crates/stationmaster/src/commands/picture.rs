//! `definition graph`: the flow as a picture, with the progress of a run or a scenario in it.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use analysis::graph::{self, Progress};
use definitions::Definition;
use engine::{Fact, RunId};

use crate::{
    catalogue::Catalogue,
    cli::Picture,
    client::Client,
    commands::{run, simulation},
    output::Failure,
};

/// Whose progress is shown.
pub(crate) enum Of {
    /// Nobody's.
    Nothing,
    /// That of a run of the service.
    Run(Client, uuid::Uuid),
    /// That of the first scenario of a file.
    Scenario(PathBuf),
}

/// Draws a definition.
pub(crate) async fn graph(
    file: &Path,
    format: Picture,
    to: Option<&Path>,
    progress: Of,
    home: &Path,
) -> Result<(), Failure> {
    let catalogue = Catalogue::new(home, crate::composition::host_functions());
    let definition = catalogue.one(file)?;
    let progress = match progress {
        Of::Nothing => None,
        Of::Run(client, run) => Some(progress_of(&definition, &client, run).await?),
        Of::Scenario(file) => {
            let scenarios = simulation::read(&file)?.scenarios;
            let first = scenarios.first().ok_or_else(|| Failure::new(format!("{} has no scenario", file.display())))?;
            Some(analysis::simulate::simulate(&definition, first, &catalogue.library()?).progress)
        }
    };
    let picture = match format {
        Picture::Svg => graph::svg(&definition, progress.as_ref()),
        Picture::Mermaid => graph::mermaid(&definition, progress.as_ref()),
    };
    match to {
        Some(path) => fs::write(path, picture).map_err(|error| Failure::new(format!("{}: {error}", path.display()))),
        None => Ok(std::io::stdout().lock().write_all(picture.as_bytes())?),
    }
}

async fn progress_of(definition: &Arc<Definition>, client: &Client, run: uuid::Uuid) -> Result<Progress, Failure> {
    let state = client.get(&format!("/runs/{run}")).await?;
    let pinned = state["definition"]["hash"].as_str().unwrap_or_default();
    if pinned != definition.hash.to_string() {
        return Err(Failure::new(format!("the run {run} pins another text of a definition, {pinned}")));
    }
    let facts = run::history(client, &run.to_string(), 0).await?;
    let facts: Vec<Fact> = facts.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
    Ok(Progress::of(definition, RunId(run), &facts))
}
