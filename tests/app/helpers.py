"""What the app's tests share."""

import time
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
