//! The five stages of an agent's pipeline as programs that really run (REQUIREMENTS 1.4).
//!
//! What is built is a container image where a container engine answers, else a wheel; the log
//! says which. The artifact lies in the run's `dist` folder between `build` and `push`.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use super::artifacts::{Artifact, Kind};
use super::disk;
use super::record::Conclusion;
use super::workshop::{Ended, Workshop};

/// How long a stage may take.
pub(super) fn budget(stage: &str) -> Duration {
    let minutes = match stage {
        "lint" => 2,
        "unit-tests" => 8,
        "build" => 10,
        "integration-tests" => 12,
        _ => 3,
    };
    Duration::from_secs(60 * minutes)
}

/// Does the work of the workshop's stage.
pub(super) async fn run(shop: &mut Workshop<'_>) -> Result<(), Ended> {
    match shop.stage {
        "lint" => lint(shop).await,
        "unit-tests" => unit_tests(shop).await,
        "build" => build(shop).await,
        "integration-tests" => integration_tests(shop).await,
        _ => push(shop).await,
    }
}

async fn lint(shop: &mut Workshop<'_>) -> Result<(), Ended> {
    let source = shop.checkout().await?;
    let venv = shop.venv().await?;
    shop.install(&venv, &source, &["-r", "requirements-lint.txt"]).await?;
    shop.python(&venv, &source, "-m flake8 src tests scripts", &[]).await?;
    shop.python(&venv, &source, "-m black --check src tests scripts", &[]).await
}

async fn unit_tests(shop: &mut Workshop<'_>) -> Result<(), Ended> {
    let source = shop.checkout().await?;
    let venv = shop.venv().await?;
    shop.install(&venv, &source, &["-r", "requirements.txt", "-r", "requirements-test.txt"]).await?;
    shop.python(&venv, &source, "-m pytest tests/unit", &[("PYTHONPATH", "src")]).await
}

async fn build(shop: &mut Workshop<'_>) -> Result<(), Ended> {
    let source = shop.checkout().await?;
    let dist = shop.home.join("dist");
    let fresh = async {
        disk::remove_dir(&dist).await?;
        disk::create_dir(&dist).await
    };
    let fresh = fresh.await;
    shop.note_failure("empty the folder of the artifact", fresh)?;
    if shop.forge.config.containers && engine_answers(shop).await {
        let (image, file) = (image(shop), dist.join(IMAGE_FILE));
        docker(shop, &source, &["build", "--tag", &image, "."]).await?;
        return docker(shop, &source, &["save", "--output", &file.to_string_lossy(), &image]).await;
    }
    shop.note("no container engine is used: building a wheel instead of an image");
    let venv = shop.venv().await?;
    let args = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"].map(OsStr::new);
    let args: Vec<_> = args.into_iter().chain([dist.as_os_str(), ".".as_ref()]).collect();
    shop.step("pip wheel .", venv.pip().as_os_str(), &args, &[], &source).await
}

async fn integration_tests(shop: &mut Workshop<'_>) -> Result<(), Ended> {
    let source = shop.checkout().await?;
    let (kind, file) = built(shop).await?;
    let venv = shop.venv().await?;
    match kind {
        Kind::Wheel => {
            let wheel = file.to_string_lossy().into_owned();
            shop.install(&venv, &source, &[&wheel, "-r", "requirements-test.txt"]).await?;
            shop.python(&venv, &source, "-m pytest tests/integration", &[]).await?;
        }
        Kind::Image => {
            shop.install(&venv, &source, &["-r", "requirements-test.txt"]).await?;
            let (name, port) = (container(shop), free_port(shop)?);
            let (publish, url) = (format!("127.0.0.1:{port}:8080"), format!("http://127.0.0.1:{port}"));
            let image = image(shop);
            let start = ["run", "--detach", "--rm", "--name", &name, "--publish", &publish, &image];
            docker(shop, &source, &start).await?;
            let tested = shop.python(&venv, &source, "-m pytest tests/integration", &[("AGENT_BASE_URL", &url)]).await;
            docker(shop, &source, &["rm", "--force", &name]).await?;
            tested?;
        }
    }
    let (report, kept) = (source.join(REPORT), shop.home.join("dist/load-test.json"));
    if let Err(error) = tokio::fs::copy(&report, &kept).await {
        shop.note(&format!("there is no load test report: {error}"));
    }
    Ok(())
}

async fn push(shop: &mut Workshop<'_>) -> Result<(), Ended> {
    let (kind, file) = built(shop).await?;
    if let (Kind::Image, Some(registry)) = (kind, shop.forge.config.image_registry.clone()) {
        let remote = format!("{registry}/{}:{}", shop.repository, shop.dispatch.sha).to_lowercase();
        let (image, home) = (image(shop), shop.home.clone());
        docker(shop, &home, &["tag", &image, &remote]).await?;
        docker(shop, &home, &["push", &remote]).await?;
    }
    let artifacts = &shop.forge.artifacts;
    let report = shop.home.join("dist/load-test.json");
    let load_test = if report.exists() {
        Some(shop.note_failure("store the report", artifacts.store(&report).await)?.0)
    } else {
        None
    };
    let (digest, size) = shop.note_failure("store the artifact", artifacts.store(&file).await)?;
    let artifact = Artifact {
        name: shop.repository.clone(),
        tag: shop.dispatch.sha.clone(),
        kind,
        file: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        digest,
        size,
        load_test,
    };
    shop.note_failure("publish the artifact", artifacts.publish(&artifact).await)?;
    shop.note(&format!("pushed {} ({} bytes) as {}", artifact.file, artifact.size, artifact.digest));
    Ok(())
}

const IMAGE_FILE: &str = "image.tar";
const REPORT: &str = "reports/load-test.json";

/// What `build` left.
async fn built(shop: &Workshop<'_>) -> Result<(Kind, PathBuf), Ended> {
    let dist = shop.home.join("dist");
    let image = dist.join(IMAGE_FILE);
    if image.exists() {
        return Ok((Kind::Image, image));
    }
    let mut entries = match tokio::fs::read_dir(&dist).await {
        Ok(entries) => entries,
        Err(error) => return shop.note_failure("find the artifact", Err(disk::broken("dist", &error))),
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        if entry.path().extension() == Some(OsStr::new("whl")) {
            return Ok((Kind::Wheel, entry.path()));
        }
    }
    shop.note("error: the stage `build` left no artifact");
    Err(Ended(Conclusion::Failure))
}

async fn engine_answers(shop: &Workshop<'_>) -> bool {
    shop.succeeds("docker", &["version", "--format", "{{.Server.Version}}"]).await
}

async fn docker(shop: &mut Workshop<'_>, directory: &std::path::Path, args: &[&str]) -> Result<(), Ended> {
    let name = format!("docker {}", args.join(" "));
    let args: Vec<_> = args.iter().map(OsStr::new).collect();
    shop.step(&name, "docker".as_ref(), &args, &[], directory).await
}

fn image(shop: &Workshop<'_>) -> String {
    format!("{}:{}", shop.repository, shop.dispatch.sha).to_lowercase()
}

fn container(shop: &Workshop<'_>) -> String {
    format!("stationmaster-{}", shop.home.file_name().unwrap_or_default().to_string_lossy())
}

fn free_port(shop: &Workshop<'_>) -> Result<u16, Ended> {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = port.map(|address| address.port()).map_err(|error| disk::broken("find a free port", &error));
    shop.note_failure("publish the container", port)
}
