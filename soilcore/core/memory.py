"""How much memory this process has used at most."""

import sys
from pathlib import Path


def peak_memory_mb():
    """Largest resident memory of this process so far, in mebibytes; None where the system does not say.

    On Linux the kernel's own mark of the process is read, because `resource` also counts what its parent held before it was started.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
