"""Compiling of kernels. Importing this module needs numba.

By default every process compiles what it uses, in 1 to 10 s. Where the environment names a folder in ``NUMBA_CACHE_DIR``, machine code is kept
there, and later processes of the same version load it in a fraction of that. It is not kept unasked: numba stores it as pickled files, so
whoever may write to that folder may run code.
"""

import os
from functools import cache
from pathlib import Path

import numba

from soilcore.core.fingerprint import of_settings

_VARIABLE = "NUMBA_CACHE_DIR"


def njit(**options):
    """`numba.njit`, which keeps its machine code where the environment asks for that.

    Parameters
    ----------
    **options
        Of `numba.njit`.

    Returns
    -------
    callable
        Decorator of a function.
    """

    def compiled(function):
        dispatcher = numba.njit(**options)(function)
        if named := os.environ.get(_VARIABLE):
            _keep(dispatcher, Path(named) / _version(Path(function.__code__.co_filename).parent))
        return dispatcher

    return compiled


def _keep(dispatcher, folder):
    """Look for the machine code in `folder` before compiling; numba reads the folder from its settings at this moment only."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(folder)
    try:
        dispatcher.enable_caching()
    finally:
        numba.config.CACHE_DIR = before


@cache
def _version(folder):
    """Of all modules beside a kernel: numba itself looks at the kernel's file only, and would go on with old numbers imported from another."""
    return of_settings([(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.py"))])[:16]
