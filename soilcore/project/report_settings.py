"""What the tasks that tell and hand on results are asked, as frozen dataclasses."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReportTask:
    """Tell a project's model, map and results on one page.

    Parameters
    ----------
    project : str
        Its folder.
    out : str
        ``.html`` (one file that needs nothing else), ``.pdf``, or ``.json`` (the facts alone).
    model, map : str, optional
        Names of their folders in the project; those last chosen or made if not given.
    """

    project: str
    out: str
    model: str | None = None
    map: str | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class BundleTask:
    """Put a project's results with all that re-creates them into one archive.

    Parameters
    ----------
    project : str
        Its folder.
    out : str
        ``.zip``.
    model, map : str, optional
        What the report and the web map in it tell; all maps and the models behind them are packed.
    inputs : bool
        Whether the files that models and maps were made of go with them; else their hashes do.
    """

    project: str
    out: str
    model: str | None = None
    map: str | None = None
    inputs: bool = True
    overwrite: bool = False


REPORT_TASKS = {"report": ReportTask, "bundle": BundleTask}
