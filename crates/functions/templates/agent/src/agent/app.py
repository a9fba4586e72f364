"""The HTTP API. Everything it decides is in `agent.tasks`."""

import html
import time
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field

from agent import policy, tasks
from agent.manifest import MANIFEST
from agent.metrics import Metrics

app = FastAPI(title=MANIFEST["agent_name"], version=MANIFEST["version"])
metrics = Metrics()


class ToolUse(BaseModel):
    tool: str = Field(max_length=200)
    permission: str = Field(max_length=200)


class TaskRequest(BaseModel):
    capability: str = Field(max_length=200)
    input: dict[str, Any] = Field(default_factory=dict)
    tools: list[ToolUse] = Field(default_factory=list, max_length=20)


@app.middleware("http")
async def measure(request: Request, call_next):
    started = time.perf_counter()
    response = await call_next(request)
    metrics.record(time.perf_counter() - started, response.status_code >= 500)
    return response


@app.get("/health")
def health() -> dict[str, str]:
    return {
        "status": "ok",
        "agent": MANIFEST["agent_name"],
        "version": MANIFEST["version"],
    }


@app.get("/v1/capabilities")
def capabilities() -> dict[str, Any]:
    return {"capabilities": MANIFEST["capabilities"], "tools": MANIFEST["tools"]}


@app.post("/v1/tasks")
def perform(request: TaskRequest):
    uses = [use.model_dump() for use in request.tools]
    try:
        return tasks.perform(MANIFEST, request.capability, request.input, uses)
    except tasks.UnknownCapability as error:
        return refusal(404, "unknown_capability", error)
    except policy.Denied as error:
        return refusal(403, "tool_denied", error)
    except ValueError as error:
        return refusal(422, "invalid_input", error)


@app.get("/metrics", response_class=PlainTextResponse)
def prometheus() -> str:
    return metrics.text()


@app.get("/dashboard", response_class=HTMLResponse)
def dashboard() -> str:
    name, body = html.escape(MANIFEST["agent_name"]), html.escape(metrics.text())
    return f"<!doctype html><title>{name}</title><h1>{name}</h1><pre>{body}</pre>"


def refusal(status: int, code: str, error: Exception) -> JSONResponse:
    return JSONResponse({"error": code, "detail": str(error)}, status_code=status)
