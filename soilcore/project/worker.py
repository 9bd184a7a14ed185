"""The process behind a job: ``python -m soilcore.project.worker JOBDIR``.

It reads what was asked, runs the task in the project's folder (paths in a project are relative to it), and leaves a result or an
error. It ends when it is told to, and when the server that started it is gone, which it sees by the end of its standard input.
"""

import json
import logging
import os
import secrets
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from soilcore.core.errors import SoilcoreError, Stopped
from soilcore.core.files import plain, write_json
from soilcore.core.threads import wait_quietly
from soilcore.project.jobs import hold_alive

_SECONDS_BETWEEN_LINES = 0.2
_ORPHAN_SECONDS = 2.0
_NICENESS = 5  # the pages stay quick while this computes
_CLOSED = "The app was closed while this was running. Start it again."
_log = logging.getLogger("soilcore.worker")


@dataclass
class Listener:
    """Writes progress into the job's folder, and raises `Stopped` in the engine once somebody asked for it."""

    folder: Path
    wanted: threading.Event = field(default_factory=threading.Event)
    last: float = 0.0

    def __call__(self, done, total, message):
        """Note how far the task is; a `Report`."""
        if self.wanted.is_set():
            raise Stopped
        now = time.monotonic()
        if now - self.last < _SECONDS_BETWEEN_LINES and done < total:
            return
        self.last = now
        share = min(1.0, done / total) if total else 1.0
        line = json.dumps({"share": round(share, 4), "message": message, "time": time.time()}, ensure_ascii=False)
        with open(self.folder / "progress.jsonl", "a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def row(self, row):
        """Keep one row of a table that grows, see `soilcore.core.progress.tell`."""
        with open(self.folder / "rows.jsonl", "a", encoding="utf-8") as stream:
            stream.write(json.dumps(plain(row), ensure_ascii=False) + "\n")


def main(arguments):
    """Do one job and return the process's exit code."""
    folder = Path(arguments[0]).resolve()
    os.chdir(folder.parents[1])
    listener = Listener(folder)
    wait_quietly()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s", stream=sys.stdout)
    signal.signal(signal.SIGTERM, lambda *_: listener.wanted.set())
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    with hold_alive(folder):
        threading.Thread(target=_watch_parent, args=(folder, listener), daemon=True).start()
        return _work(folder, listener)


def _work(folder, listener):
    spec = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
    try:
        listener(0, 1, "starting")
        from soilcore.project.tasks import run_task

        result = run_task(spec["kind"], spec["settings"], listener)
    except Stopped:
        _end_badly(folder, "stopped" if (folder / "stop").exists() else "failed", "Stopped." if (folder / "stop").exists() else _CLOSED)
        return 0
    except SoilcoreError as error:
        _log.info("%s: %s", type(error).__name__, error.message)
        _end_badly(folder, "failed", error.message, [vars(finding) for finding in error.findings])
        return error.exit_code
    except MemoryError:
        _end_badly(folder, "failed", "There is not enough memory for this. Use a smaller window, fewer predictors, or a smaller image.")
        return 1
    except BaseException:
        reference = secrets.token_hex(4)
        _log.exception("reference %s", reference)
        where = "log.txt in the job's folder has the details; please report it."
        _end_badly(folder, "failed", f"Something went wrong inside soilcore (reference {reference}). {where}")
        raise
    write_json(folder / "result.json", {"result": result})
    return 0


def _end_badly(folder, state, message, findings=()):
    write_json(folder / "error.json", {"state": state, "message": message, "findings": list(findings)})


def _watch_parent(folder, listener):
    """Leave when the server is gone: in order if the engine asks in time, at once otherwise."""
    with suppress(OSError, ValueError):
        while os.read(sys.stdin.fileno(), 4096):  # past the buffer: its lock, held by this thread, would abort the interpreter as it ends
            pass
    listener.wanted.set()
    time.sleep(_ORPHAN_SECONDS)
    if not (folder / "result.json").exists() and not (folder / "error.json").exists():
        _end_badly(folder, "failed", _CLOSED)
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
