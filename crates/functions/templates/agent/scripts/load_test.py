"""Load a running agent and write what it measured against its SLA targets."""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]


def one(client: httpx.Client, body: dict) -> tuple[float, bool]:
    started = time.perf_counter()
    try:
        failed = client.post("/v1/tasks", json=body).status_code != 200
    except httpx.HTTPError:
        failed = True
    return (time.perf_counter() - started) * 1000, failed


def percentile(sorted_values: list[float], percent: float) -> float:
    place = max(0, -(-len(sorted_values) * percent // 100) - 1)
    return round(sorted_values[int(place)], 2)


def measure(base_url: str, requests: int, concurrency: int, manifest: dict) -> dict:
    names = [c["id"] for c in manifest["capabilities"]]
    bodies = [
        {"capability": names[i % len(names)], "input": {"text": f"task {i}"}}
        for i in range(requests)
    ]
    with httpx.Client(base_url=base_url, timeout=10) as client:
        with ThreadPoolExecutor(concurrency) as pool:
            results = list(pool.map(lambda body: one(client, body), bodies))
    times = sorted(milliseconds for milliseconds, _ in results)
    errors = sum(failed for _, failed in results)
    targets = manifest["sla"]
    report = {
        "requests": requests,
        "concurrency": concurrency,
        "errors": errors,
        "error_rate_percent": round(100 * errors / requests, 3),
        "p50_ms": percentile(times, 50),
        "p95_ms": percentile(times, 95),
        "max_ms": round(times[-1], 2),
        "targets": targets,
    }
    report["passed"] = (
        report["p95_ms"] < targets["response_time_p95_ms"]
        and report["error_rate_percent"] < targets["error_rate_percent"]
    )
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=8)
    given = parser.parse_args()
    manifest = json.loads(
        (ROOT / "src/agent/manifest.json").read_text(encoding="utf-8"),
    )
    report = measure(given.base_url, given.requests, given.concurrency, manifest)
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if report["passed"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
