"""Machine code of kernels: kept only where a folder is named, found again, and made anew when a module beside the kernel changed."""

import importlib.util
import sys

import numpy as np
import pytest

from soilcore.core import compiling

SOURCE = """
from soilcore.core.compiling import njit
from factor_of_test_compiling import FACTOR

@njit(nogil=True)
def scaled(values):
    total = 0.0
    for k in range(values.size):
        total += FACTOR * values[k]
    return total
"""
VALUES = np.arange(5.0)


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Import a kernel anew, as a new process does, beside a module with that number: ``kernel(2.0)``."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "kernel.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(factor):
        (folder / "factor_of_test_compiling.py").write_text(f"FACTOR = {factor}\n")
        monkeypatch.delitem(sys.modules, "factor_of_test_compiling", raising=False)
        importlib.invalidate_caches()
        compiling._version.cache_clear()
        spec = importlib.util.spec_from_file_location("kernel_of_test_compiling", folder / "kernel.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.scaled

    yield load
    compiling._version.cache_clear()


def test_without_a_folder_nothing_is_kept(kernel, tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert kernel(2.0)(VALUES) == 20
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["factor_of_test_compiling.py", "kernel.py"]


def test_machine_code_is_found_again_and_made_anew_for_another_number_beside_it(kernel, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    hits = []
    for factor in (2.0, 2.0, 3.0):
        compiled = kernel(factor)
        assert compiled(VALUES) == factor * VALUES.sum()
        hits.append(sum(compiled.stats.cache_hits.values()))
    assert hits == [0, 1, 0]
