"""How far can it be believed: intervals, area of applicability, leakage."""
