"""States of fits on disk, so that work that was killed goes on where it was. Nothing heavy is imported before a state is read or written."""

import json
import os
import re
import shutil
import time
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from soilcore.core.errors import ModelError
from soilcore.core.files import written_whole
from soilcore.core.locks import lock as lock_file

_FILE = "state.safetensors"
_KEY = re.compile(r"[0-9A-Za-z_-]{1,100}")
_MOST_AT_ONCE = 100  # tasks with the same settings
_folder: ContextVar = ContextVar("checkpoints", default=None)


class Checkpoint:
    """The state of one fit in a folder of its own: one safetensors file whose header carries the facts as JSON.

    Parameters
    ----------
    folder : path
        Made when the first state is written.
    every_s : float
        Seconds between two states while a fit goes on.
    """

    def __init__(self, folder, every_s=60.0):
        self.folder = Path(folder)
        self.every_s = every_s
        self._written = time.monotonic()

    @property
    def path(self):
        """The file of the state."""
        return self.folder / _FILE

    def is_due(self):
        """Whether the last state is old enough for another."""
        return time.monotonic() - self._written >= self.every_s

    def write(self, tensors, facts):
        """Write a state, whole or not at all; the one before stays until then.

        Parameters
        ----------
        tensors : dict of str to torch.Tensor
            On the CPU.
        facts : dict
            JSON values.
        """
        from safetensors.torch import save_file

        self.folder.mkdir(parents=True, exist_ok=True)
        with written_whole(self.path) as temporary:
            save_file({name: value.contiguous() for name, value in tensors.items()}, temporary, {"facts": json.dumps(facts)})
        self._written = time.monotonic()

    def read(self):
        """The state that was written last.

        Returns
        -------
        tensors : dict of str to torch.Tensor
        facts : dict or None
            None if nothing was written.

        Raises
        ------
        ModelError
            If the file is no whole state.
        """
        from safetensors import SafetensorError, safe_open

        self._remove_unfinished()
        if not self.path.is_file():
            return {}, None
        try:
            with safe_open(self.path, "pt") as stored:
                facts = json.loads((stored.metadata() or {})["facts"])
                return {name: stored.get_tensor(name).clone() for name in stored.keys()}, facts  # noqa: SIM118 the reader is no dict
        except (SafetensorError, ValueError, KeyError, OSError) as error:
            raise ModelError(f"The checkpoint {str(self.path)!r} cannot be read: {error}. Remove it to begin anew.") from None

    def _remove_unfinished(self):
        """Remove what a killed process was writing."""
        if self.folder.is_dir():
            for left in self.folder.glob(f".{self.path.stem}.*{self.path.suffix}"):
                left.unlink(missing_ok=True)


@contextmanager
def keeping_checkpoints(folder, resume=False, every_s=60.0):
    """Let the fits inside the block keep their states in `folder`.

    Parameters
    ----------
    folder : path
        Only for checkpoints: it is emptied first unless `resume`, and removed when the block ends well.
    resume : bool
        Go on from what is there. Fits that were finished are taken as they are.
    every_s : float
        Seconds between two states of a fit.

    Notes
    -----
    When the block ends with an error or is stopped, the folder stays, for the next attempt. Threads started inside the block do not see it.
    Of tasks that keep their states in the same folder at once, as two browsers can begin, each gets a folder of its own: the second one `folder`
    with ``-2`` at its end, and so on. A resumed task takes the first that was left behind and that nobody uses.
    """
    with _own_folder(Path(folder), resume) as folder:
        if not resume and folder.is_dir():
            shutil.rmtree(folder)
        before = _folder.set((folder, every_s))
        try:
            yield
        finally:
            _folder.reset(before)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _own_folder(folder, resume):
    """One of the folders for the same states that no other task uses, held while the block runs."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    choices = [folder, *(folder.with_name(f"{folder.name}-{number}") for number in range(2, _MOST_AT_ONCE + 1))]
    if resume:
        choices.sort(key=lambda choice: not choice.is_dir())
    with ExitStack() as stack:
        for choice in choices:
            lock = choice.with_name(f"{choice.name}.lock")
            stream = stack.enter_context(open(lock, "w", encoding="utf-8"))
            if _locked(stream) and _is_there(stream, lock):
                stack.callback(_removed, lock)
                break
            stream.close()
        yield choice


def _locked(stream):
    """Lock a file for this task; False where another holds it."""
    with suppress(OSError):
        lock_file(stream)
        return True
    return False


def _is_there(stream, path):
    """Whether an open file still has its name: the task that held it before may have removed it meanwhile."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    return False


def _removed(path):
    with suppress(OSError):  # Windows keeps what is open: an empty file stays
        path.unlink(missing_ok=True)


def checkpoint_for(key):
    """The checkpoint of one fit, or None outside `keeping_checkpoints`.

    Parameters
    ----------
    key : str
        The same for the same learner, data and seed: letters, digits, ``_`` and ``-`` only.
    """
    kept = _folder.get()
    if kept is None:
        return None
    if not _KEY.fullmatch(key):
        raise ValueError(f"A checkpoint's key has letters, digits, _ and - only, at most 100; got {key!r}.")
    folder, every_s = kept
    return Checkpoint(folder / key, every_s)
