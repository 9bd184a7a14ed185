"""Long work as a job: one child process, its whole state in a folder, so that any session can show it and none is needed.

``spec.json`` what was asked, ``process.json`` who does it, ``progress.jsonl`` how far it is, ``rows.jsonl`` what grows on the way (the losses of
a network by epoch), ``log.txt`` what it printed, and at the
end one of ``result.json`` and ``error.json``. The worker holds a lock on ``alive.lock`` while it lives: that, not a number in a
file, tells a running job from one whose process is gone.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path

from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.core.files import is_being_written, write_json
from soilcore.core.locks import is_locked, lock
from soilcore.core.settings import to_plain
from soilcore.project.folder import PARTS

GRACE_SECONDS = 5.0
_START_SECONDS = 20.0
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}(\.[A-Za-z0-9]+){0,4}")  # as `written_whole` names them; GDAL adds endings of its own
_REPLACED = re.compile(r"\.(.+)\.[0-9a-f]{8}\.old")
_ROOT = Path(__file__).resolve().parents[2]

_processes: dict[Path, subprocess.Popen] = {}
_guard = threading.Lock()


@dataclass(frozen=True)
class JobStatus:
    """How a job stands.

    Parameters
    ----------
    state : {"running", "stopping", "finished", "stopped", "failed"}
    share : float
        How much is done, 0-1.
    message : str
        What it is doing, or why it failed.
    seconds : float
        How long it has run.
    result : dict or None
        The task's facts, when finished.
    findings : tuple of dict
        Single problems behind a failure.
    """

    state: str
    share: float = 0.0
    message: str = ""
    seconds: float = 0.0
    result: dict | None = None
    findings: tuple = ()

    @property
    def is_over(self):
        """Whether nothing more will happen."""
        return self.state in ("finished", "stopped", "failed")


@dataclass(frozen=True)
class Job:
    """One job's folder.

    Parameters
    ----------
    folder : pathlib.Path
        The folder's name is the job's id.
    """

    folder: Path

    @property
    def id(self):
        """Folder name."""
        return self.folder.name

    def spec(self):
        """What was asked: ``kind``, ``settings``, ``label``, ``created`` (seconds since 1970).

        Raises
        ------
        UnreadableError
            If the job's file is missing or damaged.
        """
        spec = _read(self.folder / "spec.json")
        if spec is None:
            raise UnreadableError(f"There is no job {self.id!r}. It may have been deleted with its project.")
        return spec

    def rows(self):
        """What the task told row by row, see `soilcore.core.progress.tell`; a list of dict, the oldest first."""
        try:
            lines = (self.folder / "rows.jsonl").read_bytes().split(b"\n")[:-1]  # a line is whole once its newline is there
        except OSError:
            return []
        return [json.loads(line) for line in lines]

    def status(self):
        """How it stands, from its files and its lock alone."""
        spec = self.spec()
        progress = _last_line(self.folder / "progress.jsonl") or {"share": 0.0, "message": "starting", "time": spec["created"]}
        over = _over(self.folder)  # looked at before and after the lock, because a job may end in between
        if over is None and self._is_alive(spec):
            state = "stopping" if (self.folder / "stop").exists() else "running"
            return JobStatus(state, progress["share"], progress["message"], time.time() - spec["created"])
        over = over or _over(self.folder) or _vanished(self.folder)
        share = 1.0 if over.state == "finished" else progress["share"]
        return replace(over, share=share, seconds=_ended(self.folder, progress["time"]) - spec["created"])

    def _is_alive(self, spec):
        if is_locked(self.folder / "alive.lock"):
            return True
        process = _processes.get(self.folder)
        if process is not None:
            return process.poll() is None
        return not (self.folder / "process.json").exists() and time.time() - spec["created"] < _START_SECONDS


def start_job(folder, kind, settings, label="", max_running=1):
    """Start a task in a process of its own.

    Parameters
    ----------
    folder : path
        Folder that holds jobs, ``project.part("jobs")``.
    kind : str
        Task, a key of `soilcore.project.settings.TASKS`.
    settings : dataclass or dict
        The task's settings.
    label : str
        What people call it, e.g. "Training stacking".
    max_running : int
        How many jobs this server runs at a time.

    Returns
    -------
    Job

    Raises
    ------
    SettingsError
        If as many jobs are running already.
    """
    with _guard:
        if len(busy := running_jobs()) >= max_running:
            raise SettingsError(f"{busy[0].spec()['label'] or 'Another job'!r} is still running. Wait until it is finished, or stop it.")
        job = Job(_new_folder(Path(folder).resolve(), kind))
        plain = to_plain(settings) if is_dataclass(settings) else settings
        write_json(job.folder / "spec.json", {"kind": kind, "settings": plain, "label": label or kind, "created": time.time()})
        _processes[job.folder] = _spawn(job.folder)
    return job


def _new_folder(folder, kind):
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        candidate = folder / f"{stamp}-{kind}-{number}"
        with suppress(FileExistsError):
            candidate.mkdir()
            return candidate
    raise SettingsError(f"No job folder can be made in {str(folder)!r}. Delete old ones.")


def _spawn(folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])), "PYTHONUNBUFFERED": "1"}
    with open(folder / "log.txt", "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "soilcore.project.worker", str(folder)],
            stdin=subprocess.PIPE,  # the worker ends when this closes, however the server died
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def running_jobs():
    """Jobs of this server that are not over."""
    return [job for folder in tuple(_processes) if (folder / "spec.json").exists() and not (job := Job(folder)).status().is_over]


def jobs_in(folder, kind=None):
    """Jobs of a folder, the newest first; of one kind if named."""
    found = [Job(path.parent) for path in Path(folder).glob("*/spec.json")]
    found = [(job, spec) for job in found if (spec := _read(job.folder / "spec.json"))]
    found.sort(key=lambda pair: pair[1]["created"], reverse=True)
    return [job for job, spec in found if kind in (None, spec["kind"])]


def open_job(folder, identifier):
    """One job of a folder by its id; never by a path.

    Raises
    ------
    UnreadableError
        If there is none of that name.
    """
    job = Job(Path(folder).resolve() / identifier)
    if Path(identifier).name != identifier or identifier.startswith("."):
        raise UnreadableError(f"{identifier!r} is not the id of a job.")
    job.spec()
    return job


def stop_job(job, grace=GRACE_SECONDS):
    """Ask a job to stop; after `grace` seconds its whole process group is killed. Returns at once.

    Parameters
    ----------
    job : Job
    grace : float
        Seconds it has to leave in order.
    """
    if job.status().is_over:
        return
    (job.folder / "stop").touch()
    _signal(job.folder, getattr(signal, "SIGTERM", None))
    threading.Thread(target=_make_sure, args=(job, grace), daemon=True).start()


def stop_all(grace=3.0):
    """Stop every job of this server and wait for them; called when the server ends."""
    jobs = running_jobs()
    for job in jobs:
        with suppress(OSError):
            _processes[job.folder].stdin.close()  # the worker says that the app was closed, and goes
    for job in jobs:
        _make_sure(job, grace)


def _make_sure(job, grace):
    end = time.monotonic() + grace
    while not job.status().is_over and time.monotonic() < end:
        time.sleep(0.05)
    if process := _processes.get(job.folder):
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.5, end - time.monotonic()))
    if is_locked(job.folder / "alive.lock") or (process and process.poll() is None):
        _signal(job.folder, getattr(signal, "SIGKILL", None))
        if process:
            process.wait()
        _sweep(job)


def _signal(folder, number):
    """Reach the worker and all it started; the lock proves that the process number is still its own."""
    process = _processes.get(folder)
    identity = process.pid if process and process.poll() is None else None
    if identity is None and is_locked(folder / "alive.lock"):
        identity = (_read(folder / "process.json") or {}).get("pid")
    if identity is None:
        return
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(identity, number)
        elif process:
            process.terminate()


def _sweep(job):
    """Remove unfinished outputs of a killed job: temporary names that are younger than it. Tiles of a download stay, to be gone on with."""
    created = job.spec()["created"]
    for folder in _written_into(job.folder.parents[1]):
        for path in folder.glob(".*"):
            with suppress(OSError):
                if (was := _REPLACED.fullmatch(path.name)) and not path.with_name(was[1]).exists():
                    path.rename(path.with_name(was[1]))  # killed between putting the old aside and bringing in the new
                elif _TEMPORARY.fullmatch(path.name) and path.stat().st_mtime >= created and not is_being_written(path):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _written_into(root):
    """Folders that hold what jobs write: the project, its parts, and folders in these."""
    yield root
    for part in (*(root / name for name in PARTS if name != "jobs"), root / ".pictures"):
        if part.is_dir():
            yield part
            yield from (folder for folder in part.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _over(folder):
    if result := _read(folder / "result.json"):
        return JobStatus("finished", result=result["result"])
    if error := _read(folder / "error.json"):
        return JobStatus(error["state"], message=error["message"], findings=tuple(error.get("findings", ())))
    return None


def _ended(folder, last_seen):
    """When a job was over, seconds since 1970: the time of its last file, or of its last progress where it left none."""
    ends = [path.stat().st_mtime for path in (folder / "result.json", folder / "error.json") if path.exists()]
    return ends[0] if ends else last_seen


def _vanished(folder):
    if (folder / "stop").exists():
        return JobStatus("stopped", message="Stopped.")
    return JobStatus(
        "failed",
        message="The work ended without a word: it ran out of memory, was killed, or the computer was switched off. "
        "Try a smaller image or fewer trials; log.txt in the job's folder may say more.",
    )


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _last_line(path):
    try:
        with open(path, "rb") as stream:
            stream.seek(max(0, os.path.getsize(path) - 4096))
            lines = stream.read().split(b"\n")
    except OSError:
        return None
    return json.loads(lines[-2]) if len(lines) > 1 and lines[-2] else None  # the last line is whole once its newline is there


@contextmanager
def hold_alive(folder):
    """Hold the job's lock while the block runs; the system lets go of it however the process ends."""
    with open(folder / "alive.lock", "w", encoding="utf-8") as stream:
        lock(stream, wait=True)
        write_json(folder / "process.json", {"pid": os.getpid()})
        yield
