"""The list of hashes of an archive, and whether the files in its folder still fit it."""

import re
from pathlib import Path

from soilcore.core import fingerprint
from soilcore.project.run_outputs import leads_out

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def sums_text(hashes):
    """Hashes by name as ``sha256sum -c`` reads them."""
    return "".join(f"{sha256}  {name}\n" for name, sha256 in hashes.items())


def listed_sums(folder):
    """Hashes by name, as the list in a folder has them.

    Returns
    -------
    dict of str to str or None
        None where there is no list, or a line of it is none of a list: it was changed then.
    """
    path = Path(folder) / SUMS
    if not path.is_file():
        return None
    found = [_LINE.fullmatch(line) for line in path.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n")]
    if not found or None in found or any(leads_out(match[2]) for match in found):
        return None
    return {match[2]: match[1] for match in found}


def files_that_changed(folder, listed, known=()):
    """Which files do not fit the list, and which are not there.

    Parameters
    ----------
    folder : path
    listed : dict of str to str
    known : set of str
        Files that fit, as somebody has found already.

    Returns
    -------
    changed, missing : list of str
    """
    changed, missing = [], []
    for name, sha256 in listed.items():
        path = Path(folder) / name
        if not path.is_file():
            missing.append(name)
        elif name not in known and fingerprint.of_file(path) != sha256:
            changed.append(name)
    return changed, missing
