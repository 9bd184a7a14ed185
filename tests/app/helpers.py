"""What the app's tests share."""

import shutil
import time
from pathlib import Path

from pages.ui import session
from soilcore.project.folder import Project

ROOT = Path(__file__).resolve().parents[2]


def copy_of(folder, workspace):
    """A project of one's own, from one that is never changed."""
    shutil.copytree(folder, workspace / folder.name)
    return Project.open(workspace, folder.name)


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


def when_over(test, state="finished"):
    """Wait until the job of a page has ended so, and look again."""
    status = until_over(test.session_state[session.KEY].job)
    assert status.state == state, status
    test.run()
    assert not test.exception, test.exception
    return test
