"""Commands as their tests ask them, and the keys of their contract."""

import json

import pytest

from soilcore.project.cli import main

SCORE_KEYS = {"name", "r2", "rmse", "mae", "me", "ccc", "rpd", "rpiq", "r2_folds", "r2_log10", "coverage_90", "width_90", "aoa_share", "seconds"}
COMPARE_KEYS = {"target", "unit", "transform", "n", "cv", "fold_sizes", "features", "seed", "device", "assumed", "leakage", "models"}


@pytest.fixture
def hear(capsys):
    """Run a command with --json; give its exit code, its one document, and what it said on standard error."""

    def run(*arguments):
        code = main([*map(str, arguments), "--json"])
        captured = capsys.readouterr()
        return code, json.loads(captured.out), captured.err

    return run


@pytest.fixture
def ask(hear):
    """Run a command with --json and no progress; give its exit code and its one document."""
    return lambda *arguments: hear(*arguments, "--quiet")[:2]
