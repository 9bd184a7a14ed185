"""Locks on open files: the system lets go of them however a process ends."""

import os


def lock(stream, shared=False, wait=False):
    """Lock a file until it is closed.

    Parameters
    ----------
    stream : file
    shared : bool
        Whether others may hold a shared lock too; Windows knows none.
    wait : bool
        Whether to wait until nobody else holds it.

    Raises
    ------
    OSError
        If another process holds it, and this one does not wait.
    """
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))


def is_locked(path):
    """Whether a process holds the lock of a file."""
    if not path.exists():
        return False
    with open(path, "r+", encoding="utf-8") as stream:
        try:
            lock(stream, shared=True)
            if os.name == "nt":
                import msvcrt

                msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)
        except OSError:
            return True
    return False
