"""Image windows mirrored and turned, so that a network does not learn which way north is."""

import numpy as np


class FlipsAndTurns:
    """Mirror windows and turn them by an angle of up to 90 degrees; what a turn brings in from beyond the border is reflected.

    Parameters
    ----------
    name : str
        Which input are windows, of shape (n, layers, size, size); the others stay.
    turned : float
        Part of the windows that are turned by an angle that is no multiple of 90 degrees; that blurs them a little.

    References
    ----------
    Flips and rotations of 0-90 degrees with reflect padding: Kakhani et al., SoilNet.
    """

    def __init__(self, name="image", turned=0.5):
        self.name = name
        self.turned = turned

    def __call__(self, batch, generator):
        """A batch with changed windows.

        Parameters
        ----------
        batch : dict of str to ndarray of float32
        generator : numpy.random.Generator

        Returns
        -------
        dict of str to ndarray
        """
        windows = batch[self.name]
        n = len(windows)
        mirrored, quarter = generator.random((n, 2)) < 0.5, generator.integers(0, 4, n)
        turned, angle = generator.random(n) < self.turned, generator.uniform(0.0, 90.0, n)
        changed = np.empty_like(windows)
        for number in range(n):
            window = windows[number]
            window = window[:, ::-1] if mirrored[number, 0] else window
            window = window[:, :, ::-1] if mirrored[number, 1] else window
            window = np.rot90(window, quarter[number], axes=(1, 2))
            changed[number] = turned_by(window, angle[number]) if turned[number] else window
        return {**batch, self.name: changed}


def turned_by(window, degrees):
    """One window of shape (layers, size, size) turned about its centre, bilinear, reflected at the border; same shape and type."""
    size = window.shape[-1]
    rows, columns, weights = _sources(size, degrees)
    flat = window.reshape(len(window), -1)
    turned = sum(flat[:, row * size + column] * weight for row, column, weight in zip(rows, columns, weights, strict=True))
    return turned.reshape(window.shape).astype(window.dtype)


def _sources(size, degrees):
    """Four cells, and their weights, that each cell of a turned window is made of; arrays of shape (size * size,)."""
    centre, angle = (size - 1) / 2, np.deg2rad(degrees)
    down, right = (axis.ravel() - centre for axis in np.meshgrid(np.arange(size), np.arange(size), indexing="ij"))
    row = np.cos(angle) * down - np.sin(angle) * right + centre
    column = np.sin(angle) * down + np.cos(angle) * right + centre
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    lower, along = (row - top).astype(np.float32), (column - left).astype(np.float32)
    rows, columns = [_reflected(top + step, size) for step in (0, 1)], [_reflected(left + step, size) for step in (0, 1)]
    weights = [(1 - lower) * (1 - along), (1 - lower) * along, lower * (1 - along), lower * along]
    return [rows[0], rows[0], rows[1], rows[1]], [columns[0], columns[1], columns[0], columns[1]], weights


def _reflected(position, size):
    """Cells beyond the border as those as far inside it; the border itself is not repeated."""
    period = max(2 * (size - 1), 1)
    position = np.abs(position) % period
    return np.where(position >= size, period - position, position)
