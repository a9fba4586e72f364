"""The manifest that this agent was made from, read once from package data."""

import json
from importlib.resources import files
from typing import Any


def load() -> dict[str, Any]:
    text = files("agent").joinpath("manifest.json").read_text(encoding="utf-8")
    return json.loads(text)


MANIFEST = load()
