"""What a check found: a stable code for programs, one sentence for people, and the fix."""

from dataclasses import dataclass

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One problem, or one thing worth knowing, in an input.

    Parameters
    ----------
    code : str
        Stable name, kebab-case, e.g. ``"ec-above-possible"``.
    severity : {"error", "warning", "note"}
        An error must be mended before a model runs; a warning may change the result; a note explains.
    message, fix : str
        What was found, and what to do. Plain sentences.
    row : int, optional
        Row as a spreadsheet counts it: the header is row 1, the first sample row 2.
    column, value : str, optional
        Where it stands, and what stands there.
    """

    code: str
    severity: str
    message: str
    fix: str
    row: int | None = None
    column: str | None = None
    value: str | None = None


def worst(findings):
    """The gravest severity among `findings`, or None when there are none."""
    present = {finding.severity for finding in findings}
    return next((severity for severity in SEVERITIES if severity in present), None)
