"""skops, without what importing it would drag in.

skops lists every estimator of scikit-learn when it is imported, and that walk imports each package scikit-learn can work with: where torch
and dask are installed they cost seconds and 200 MiB, and nothing of ours needs them. For the time of that one import, in this thread only,
they are declared absent, which is what the walk is prepared for.
"""

import sys
import threading
from contextlib import contextmanager
from importlib import import_module

_NOT_NEEDED = ("torch", "dask", "cupy", "jax")


def skops_io():
    """The module ``skops.io``."""
    if "skops.io" in sys.modules:
        return sys.modules["skops.io"]
    with _declared_absent(name for name in _NOT_NEEDED if name not in sys.modules):
        return import_module("skops.io")


@contextmanager
def _declared_absent(names):
    finder = _Absent(frozenset(names), threading.get_ident())
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Absent:
    """A finder that finds nothing, loudly, for some packages."""

    def __init__(self, names, thread):
        self.names, self.thread = names, thread

    def find_spec(self, name, path=None, target=None):
        if name in self.names and threading.get_ident() == self.thread:
            raise ModuleNotFoundError(f"{name} is not needed here", name=name)
        return None
