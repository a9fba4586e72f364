"""The agent under test: AGENT_BASE_URL where given, else a process of our own.

The tests import nothing of the agent, so that what runs is the built artifact.
"""

import os
import socket
import subprocess
import sys
import time

import httpx
import pytest

START_SECONDS = 30


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_healthy(url: str, process) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the agent ended with code {process.returncode}")
        try:
            if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError(f"the agent did not get healthy in {START_SECONDS} s")


@pytest.fixture(scope="session")
def base_url():
    given = os.environ.get("AGENT_BASE_URL")
    if given:
        wait_until_healthy(given, None)
        yield given
        return
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "agent"],
        env={**os.environ, "AGENT_HOST": "127.0.0.1", "AGENT_PORT": str(port)},
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_healthy(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
def client(base_url):
    with httpx.Client(base_url=base_url, timeout=10) as client:
        yield client
