"""Start the agent: `python -m agent` (AGENT_HOST, AGENT_PORT)."""

import os

import uvicorn

from agent.app import app


def main() -> None:
    host = os.environ.get("AGENT_HOST", "127.0.0.1")
    port = int(os.environ.get("AGENT_PORT", "8080"))
    uvicorn.run(app, host=host, port=port, log_level="warning")


if __name__ == "__main__":
    main()
