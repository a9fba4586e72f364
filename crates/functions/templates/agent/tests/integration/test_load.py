"""The load test meets the targets of the manifest and writes its report."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_targets_are_met_under_load(base_url):
    report = ROOT / "reports" / "load-test.json"
    script = str(ROOT / "scripts" / "load_test.py")
    command = [sys.executable, script, "--base-url", base_url]
    done = subprocess.run([*command, "--report", str(report)], check=False)
    written = json.loads(report.read_text(encoding="utf-8"))
    assert written["requests"] > 0
    assert done.returncode == 0, written
