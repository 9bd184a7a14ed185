"""soilcore: from a field scientist's samples and imagery to soil maps with honest scores.

Importing the package imports nothing heavy; each stage is a subpackage:
``core``, ``data``, ``features``, ``evaluation``, ``models``, ``trust``, ``mapping``, ``explanation``, ``reporting``, ``project``.
"""

__version__ = "0.1.0"
