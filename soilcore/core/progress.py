"""Progress: long functions call ``report(done, total, message)`` and know nothing of who listens.

The listener may raise `soilcore.core.errors.Stopped`; nobody in the engine catches it. A listener with a method ``row(dict)`` also hears what
grows while something is computed, such as the losses of a network epoch by epoch.
"""

from collections.abc import Callable

Report = Callable[[float, float, str], None]


def silent(done, total, message):
    """Listen to nothing."""


def part(report, start, share):
    """Give a step its share of a longer bar.

    Parameters
    ----------
    report : Report
        The listener of the whole.
    start, share : float
        Where the step begins and how much of the whole it is, both within 0-1.

    Returns
    -------
    Report
        A listener whose 0-100 % fills ``start`` to ``start + share`` of the whole.
    """

    def report_part(done, total, message):
        report(start + share * (done / total if total else 1.0), 1.0, message)

    if hasattr(report, "row"):
        report_part.row = report.row
    return report_part


def labelled(report, label):
    """Say before every message which of many fits it is about.

    Parameters
    ----------
    report : Report
    label : str
        As ``"rf: fold 2 of 5"``; rows carry it as ``fit``.

    Returns
    -------
    Report
    """
    if report is silent:
        return report

    def report_labelled(done, total, message):
        known = not message or message.startswith(label)
        report(done, total, (message or label) if known else f"{label}: {message[0].lower()}{message[1:]}")

    if hasattr(report, "row"):
        report_labelled.row = lambda row: report.row({**row, "fit": label})
    return report_labelled


def tell(report, row):
    """Give a listener one row of a table that grows, if it listens to such.

    Parameters
    ----------
    report : Report
    row : dict
        JSON values; ``kind`` says what it is about: "epoch" of a network's training.
    """
    if hasattr(report, "row"):
        report.row(row)
