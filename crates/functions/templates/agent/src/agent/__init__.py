"""The agent: declared capabilities behind a small HTTP API."""
