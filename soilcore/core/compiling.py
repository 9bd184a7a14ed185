"""Compiling of kernels. Decorating one needs numba; importing this module does not.

By default every process compiles what it uses, in 1 to 10 s. Where the environment names a folder in ``NUMBA_CACHE_DIR``, machine code is kept
there, and later processes of the same version load it in a fraction of that. It is not kept unasked: numba stores it as pickled files, so
whoever may write to that folder may run code.
"""

import os
import sys
from functools import cache
from pathlib import Path

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
    import numba

    def compiled(function):
        dispatcher = numba.njit(**options)(function)
        if named := os.environ.get(_VARIABLE):
            _keep(dispatcher, Path(named) / _version(Path(function.__code__.co_filename).parent))
        return dispatcher

    return compiled


def is_compiled(module, kernel):
    """Whether this process has called a kernel before, so that the next call does not wait for the compiler.

    Parameters
    ----------
    module, kernel : str
        Where it is, and its name; neither is imported.
    """
    loaded = sys.modules.get(module)
    return loaded is not None and bool(getattr(loaded, kernel).signatures)


def _keep(dispatcher, folder):
    """Look for the machine code in `folder` before compiling; numba reads the folder from its settings at this moment only."""
    import numba

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
