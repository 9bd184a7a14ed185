"""Jobs: start, progress, result, stop, failure, and a worker that never outlives its server."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.project import jobs
from soilcore.project.folder import Project
from tests.app.helpers import ROOT, until_over


@pytest.fixture
def project(workspace):
    return Project.create(workspace, "Field")


def demo(out="coast", **settings):
    return {"out": out, "size": 64, "dates": 2, "samples": 30, **settings}


def long_demo():
    """A landscape large enough that it is still being made when a test looks."""
    return demo(size=1024, dates=12)


def start(project, settings, kind="demo", **options):
    return jobs.start_job(project.part("jobs"), kind, settings, "Making a landscape", **options)


def until_working(job):
    end = time.monotonic() + 30
    while not (job.folder / "progress.jsonl").exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert job.status().state == "running"


def test_a_job_ends_with_its_result_in_the_project(project):
    job = start(project, demo())
    status = until_over(job)
    assert (status.state, status.share) == ("finished", 1.0), status
    assert "samples.csv" in str(status.result["files"])
    assert (project.folder / "coast" / "samples.csv").is_file()


def test_any_session_finds_the_job_by_its_folder_alone(project):
    job = start(project, demo())
    again = jobs.open_job(project.part("jobs"), job.id)
    assert again.spec()["label"] == "Making a landscape"
    assert until_over(again).state == "finished"
    assert [found.id for found in jobs.jobs_in(project.part("jobs"), "demo")] == [job.id]
    assert jobs.jobs_in(project.part("jobs"), "train") == []


def test_progress_rises_and_names_what_is_done(project):
    job = start(project, long_demo())
    until_working(job)
    seen = []
    for _ in range(40):
        seen.append(job.status())
        time.sleep(0.05)
    jobs.stop_job(job)
    shares = [status.share for status in seen]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert all(status.message for status in seen)
    assert until_over(job).is_over


def test_a_second_job_is_refused_while_one_runs(project):
    job = start(project, long_demo())
    with pytest.raises(SettingsError, match="Making a landscape"):
        start(project, demo("other"))
    jobs.stop_job(job)
    assert until_over(job).state == "stopped"
    assert until_over(start(project, demo("other"))).state == "finished"


def test_a_stopped_job_says_so_and_leaves_nothing_half_written(project):
    job = start(project, long_demo())
    until_working(job)
    jobs.stop_job(job, grace=2.0)
    assert until_over(job).state == "stopped"
    assert not (project.folder / "coast").exists()
    assert [path.name for path in project.folder.iterdir() if path.name.startswith(".")] == []


def test_what_a_killed_job_left_is_swept_from_every_part_of_the_project(project):
    from soilcore.core.files import write_json, written_whole

    older, kept = project.part("scenes") / ".upload.0badcafe.tif", project.part("scenes") / "days" / ".fetch" / "2024-05-01" / "r0-c0.tif"
    older.touch()
    os.utime(older, (1.0, 1.0))
    job = jobs.Job(project.part("jobs") / "killed")
    job.folder.mkdir()
    write_json(job.folder / "spec.json", {"kind": "demo", "settings": {}, "label": "", "created": time.time() - 60})
    left = [
        project.folder / ".pictures" / ".ab.0123abcd.tif",
        project.part("scenes") / ".composite.0123abcd.tif",
        project.part("scenes") / ".composite.0123abcd.parts.tif.ovr.tmp",
        project.part("scenes") / "days" / ".2024-05-01.0123abcd.tif",
        project.part("covariates") / ".seasons.0123abcd.own.tif",
        project.part("series") / ".seasons-x.0123abcd.csv",
        project.part("maps") / "map" / ".map.0123abcd.tif",
    ]
    aside = project.part("covariates") / ".wet.0123abcd.old" / "2019.tif"
    for path in (*left, aside, kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with written_whole(project.part("scenes") / "own.tif") as own:  # an upload of somebody else meanwhile
        own.touch()
        jobs._sweep(job)
        assert own.exists()
    assert [path for path in left if path.exists()] == []
    assert kept.exists()
    assert older.exists()
    assert (project.part("covariates") / "wet" / "2019.tif").exists()


def test_a_refused_input_fails_with_the_engines_own_sentence(project):
    job = start(project, {"inputs": {"samples": "samples/none.csv"}}, kind="check")
    status = until_over(job)
    assert status.state == "failed"
    assert "none.csv" in status.message


def test_an_unknown_setting_fails_by_name(project):
    status = until_over(start(project, demo(colour="red")))
    assert status.state == "failed"
    assert "colour" in status.message


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_worker_shows_as_failed_not_as_running(project):
    job = start(project, long_demo())
    until_working(job)
    os.kill(jobs._processes[job.folder].pid, signal.SIGKILL)
    status = until_over(job, 5)
    assert status.state == "failed"
    assert "without a word" in status.message


def test_a_worker_ends_when_the_server_that_started_it_is_killed(project):
    code = (
        "import sys, time; from soilcore.project import jobs\n"
        f"job = jobs.start_job({str(project.part('jobs'))!r}, 'demo', {long_demo()!r}, 'Landscape')\n"
        "print(job.id, jobs._processes[job.folder].pid, flush=True); time.sleep(60)"
    )
    server = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    identifier, pid = server.stdout.readline().split()
    job = jobs.open_job(project.part("jobs"), identifier)
    until_working(job)
    server.kill()
    server.wait()
    status = until_over(job, 10)
    assert status.state == "failed"
    assert "closed" in status.message
    end = time.monotonic() + 5
    while psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
        time.sleep(0.05)
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE


def test_ending_the_server_ends_its_jobs(project):
    job = start(project, long_demo())
    until_working(job)
    jobs.stop_all(grace=2.0)
    status = job.status()
    assert (status.state, "closed" in status.message) == ("failed", True)


@pytest.mark.parametrize("identifier", ["../jobs", "nothing", ".hidden", "/etc"])
def test_a_job_is_opened_by_a_plain_name_only(project, identifier):
    with pytest.raises(UnreadableError):
        jobs.open_job(project.part("jobs"), identifier)
