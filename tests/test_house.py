"""The house itself: imports go one way, the code is tidy, nothing is unpickled, the tree stays small, the engine stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UNPICKLERS = {"pickle", "cPickle", "_pickle", "joblib", "dill", "cloudpickle", "shelve"}
HEAVY = {"numpy", "pandas", "sklearn", "xgboost", "torch", "rasterio", "geopandas", "pyproj", "scipy", "optuna", "numba", "shap", "streamlit"}
SKIPPED = {".venv", "vendor", "workspace", "__pycache__", ".git"}
LIMIT_BYTES = 40 * 2**20


def sources(*folders):
    """Python files of the named folders."""
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py") if not SKIPPED & set(path.relative_to(ROOT).parts)]


def run(*command):
    """A tool's exit code and what it printed."""
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    return done.returncode, done.stdout + done.stderr


def modules_after(statement):
    """Top-level modules that are loaded after one statement in a fresh interpreter."""
    code, text = run("-c", f"import sys\n{statement}\nprint(' '.join({{name.partition('.')[0] for name in sys.modules}}))")
    assert code == 0, text
    return set(text.split())


def test_imports_go_one_way_only():
    code, text = run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache")
    assert code == 0, text
    assert "0 broken" in text


def test_ruff_finds_nothing():
    code, text = run("-m", "ruff", "check", "--output-format", "concise", ".")
    assert code == 0, text


def test_the_tree_stays_under_40_megabytes():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        files = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    else:  # an unpacked archive: everything that is not made at set-up
        files = [path for path in ROOT.rglob("*") if not SKIPPED & set(path.relative_to(ROOT).parts)]
    size = sum(path.stat().st_size for path in files if path.is_file())
    assert 0 < size < LIMIT_BYTES


def imported(node):
    """Modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


@pytest.mark.parametrize("folder", ["soilcore", "pages"])
def test_no_module_can_unpickle(folder):
    guilty = []
    for path in sources(folder):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            guilty += [f"{path.relative_to(ROOT)}:{node.lineno} {name}" for name in imported(node) if name.partition(".")[0] in UNPICKLERS]
    assert not guilty


def test_the_engine_knows_nothing_of_streamlit():
    guilty = [path.relative_to(ROOT) for path in sources("soilcore") if "import streamlit" in path.read_text(encoding="utf-8")]
    assert not guilty


def test_importing_soilcore_loads_nothing_heavy():
    assert not modules_after("import soilcore") & HEAVY


def test_the_command_line_starts_without_anything_heavy():
    assert not modules_after("import soilcore.project.cli") & HEAVY


def test_setting_up_needs_the_standard_library_only():
    foreign = modules_after("import soilcore.project.bootstrap") - set(sys.stdlib_module_names) - {"soilcore", "__main__"}
    at_start = modules_after("pass")  # what the interpreter's own start-up files load
    assert not foreign - at_start


def test_no_module_is_longer_than_600_lines():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources("soilcore", "pages")}
    assert max(lengths.values()) <= 600, lengths
