"""How threads of linear algebra and networks wait for each other."""

import os


def wait_quietly():
    """Let threads that wait for others sleep instead of spinning; call before NumPy, PyTorch or XGBoost are imported.

    A thread that spins takes the core its partner needs. On a machine that does anything else beside, a network with two threads then takes
    several times the processor time; on an idle one the difference is small. What the user has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
