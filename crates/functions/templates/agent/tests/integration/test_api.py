"""The running agent, over HTTP."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = json.loads((ROOT / "tests/unit/cases.json").read_text(encoding="utf-8"))
MANIFEST = json.loads(
    (ROOT / "src/agent/manifest.json").read_text(encoding="utf-8"),
)


def test_health_names_the_agent(client):
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "agent": MANIFEST["agent_name"],
        "version": MANIFEST["version"],
    }


def test_capabilities_are_those_of_the_manifest(client):
    answer = client.get("/v1/capabilities").json()
    assert answer["capabilities"] == MANIFEST["capabilities"]
    assert answer["tools"] == MANIFEST["tools"]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_a_task_is_done(client, case):
    body = {"capability": case["capability"], "input": {"text": case["text"]}}
    answer = client.post("/v1/tasks", json=body)
    assert answer.status_code == 200
    assert answer.json()["outcome"] == case["outcome"]
    assert answer.json()["score"] == pytest.approx(case["score"], abs=1e-4)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"capability": "no_such_capability"}, 404, "unknown_capability"),
        (
            {"tools": [{"tool": "no such tool", "permission": "read"}]},
            403,
            "tool_denied",
        ),
    ],
)
def test_what_is_not_declared_is_refused(client, change, status, code):
    body = {"capability": CASES[0]["capability"], "input": {}, **change}
    answer = client.post("/v1/tasks", json=body)
    assert answer.status_code == status
    assert answer.json()["error"] == code


def test_a_malformed_task_is_refused(client):
    assert client.post("/v1/tasks", json={"input": {}}).status_code == 422


def test_requests_are_counted(client):
    client.get("/health")
    assert "agent_requests_total" in client.get("/metrics").text
    assert client.get("/dashboard").status_code == 200
