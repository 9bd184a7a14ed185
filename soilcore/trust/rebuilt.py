"""What a model folder holds of trust, put together again: a wrong part gives one clear sentence, not an error in the middle of a map."""

from contextlib import contextmanager

import numpy as np

from soilcore.core.errors import ModelError


@contextmanager
def put_together(what):
    """Context in which an object is made from stored values.

    Parameters
    ----------
    what : str
        Of the model, to follow "The model's".

    Raises
    ------
    ModelError
        If a value or an array is missing or is not what it should be.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ModelError(f"The model's {what} cannot be put together ({error}). Take an untouched copy of the folder, or train again.") from None


def numbers(array, shape, name):
    """A stored array as finite-or-infinite float64 of a known shape.

    Raises
    ------
    ValueError
        If it has another shape, or holds values that are no numbers.
    """
    array = np.asarray(array, float)
    if array.shape != shape or np.isnan(array).any():
        raise ValueError(f"{name} should hold numbers of shape {shape}, but has the shape {array.shape}")
    return array
