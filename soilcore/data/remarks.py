"""What checks say: every code with its severity and its fix stands in ``soilcore/tables/findings.json``; here it becomes a Finding."""

from collections import defaultdict

from soilcore.core.findings import SEVERITIES, Finding
from soilcore.core.tables import load_table

LISTED_PER_CODE = 20


def remark(code, message, *, row=None, column=None, value=None, severity=None, **words):
    """A finding with the severity and the fix its code has.

    Parameters
    ----------
    code : str
        A key of ``soilcore/tables/findings.json``.
    message : str
        What was found, one or two sentences.
    row : int, optional
        Row as a spreadsheet counts it.
    column, value : optional
        Where it stands and what stands there.
    severity : str, optional
        Where this case is graver or lighter than its code usually is.
    **words
        What the fix names, for example ``column="EC"``.

    Returns
    -------
    Finding
    """
    entry = load_table("findings")["codes"][code]
    words = {"row": row, "column": column, "value": value, **words}
    fix = entry["fix"].format_map(defaultdict(str, {key: "" if word is None else word for key, word in words.items()}))
    shown = None if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return Finding(
        code, severity or entry["severity"], message, fix, None if row is None else int(row), None if column is None else str(column), shown
    )


def capped(findings, listed=LISTED_PER_CODE):
    """The findings ordered by gravity; of one code in one column at most `listed` are kept, the rest become one that counts them."""
    groups = defaultdict(list)
    for finding in dict.fromkeys(findings):
        groups[finding.code, finding.column if finding.row is not None else finding].append(finding)
    kept = []
    for group in groups.values():
        kept += group[:listed]
        if len(group) > listed:
            first = group[0]
            more = f"{len(group) - listed} more rows like row {first.row}: {len(group)} in all."
            kept.append(Finding(first.code, first.severity, more, first.fix, None, first.column, None))
    return tuple(sorted(kept, key=lambda finding: SEVERITIES.index(finding.severity)))


def some(values, number=6):
    """The first few values as words: ``"3, 7, 9 and 12 more"``."""
    values = [str(value) for value in values]
    shown = ", ".join(values[:number])
    return shown if len(values) <= number else f"{shown} and {len(values) - number} more"
