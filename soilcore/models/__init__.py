"""Learners behind the scikit-learn contract, their tuning, the guarded index search, and the model folder."""
