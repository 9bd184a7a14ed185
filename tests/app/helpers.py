"""What the app's tests share."""

import os
import tempfile
import time
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def button(test, label):
    """The one button of that label."""
    found = [one for one in test.button if one.label == label]
    assert len(found) == 1, [one.label for one in test.button]
    return found[0]


def until_over(job, seconds=60):
    """Wait for a job's end and return how it stands."""
    end = time.monotonic() + seconds
    while not (status := job.status()).is_over and time.monotonic() < end:
        time.sleep(0.05)
    return status


@cache
def demo_template():
    """The demo project, made once per test run by the engine's own script, or the one named in SOILCORE_DEMO; copy it, never change it."""
    from soilcore.project.demo import ensure_template

    if named := os.environ.get("SOILCORE_DEMO"):
        return Path(named)
    return ensure_template(tempfile.mkdtemp(prefix="soilcore-demo-"))
