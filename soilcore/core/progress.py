"""Progress: long functions call ``report(done, total, message)`` and know nothing of who listens.

The listener may raise `soilcore.core.errors.Stopped`; nobody in the engine catches it.
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

    return report_part
