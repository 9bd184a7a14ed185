"""Compiled walks from background rows to a row through small networks. Importing this module needs numba.

A step changes one predictor, so the sums that enter the first layer change by one row of its weights; nothing else of that layer is computed again.
"""

from math import exp, tanh

import numpy as np

from soilcore.core.compiling import njit
from soilcore.explanation.sampled import AGAIN

RELU, TANH, LOGISTIC, IDENTITY = range(4)
_NO_NAN = {"reassoc", "contract", "nnan", "nsz"}  # sums may be taken in any order, many at a time; nothing missing comes here
ACTIVATIONS = {"relu": RELU, "tanh": TANH, "logistic": LOGISTIC, "identity": IDENTITY}


@njit(nogil=True, fastmath=_NO_NAN)
def walk(X, background, orders, count, entering, starts, first, second, activation, values, errors):
    """Attributions of rows to predictors, mean over pairs of walks, and their standard errors.

    Parameters
    ----------
    X, background : ndarray of float64, shape (n_rows, n_columns) and (n_walks, n_columns)
        Where walks begin.
    orders : ndarray of int64, shape (n_walks, n_columns)
        In which predictors change; the way back has them in reverse.
    count : int
        Walks that begin at different background rows, the first ones; see `soilcore.explanation.sampled.combined`.
    entering, starts : ndarray of float32, shape (n_walks, n_units) and ndarray of float64, shape (n_walks,)
        Sums that enter the first layer for the background rows, and their predictions.
    first : ndarray of float32, shape (n_columns, n_units)
        Weights of the first layer of all members side by side.
    second : (ndarray, ndarray, ndarray, float)
        Weights from the first layer, float32 of shape (n_members, next width, width), and constants (n_members, next width), to the second;
        weights from the last hidden layer to the prediction, (n_members, last width), 1 / n_members among them, and the sum of the constants.
        Next width 0 where there is one hidden layer only.
    activation : int
    values, errors : ndarray of float64, shape (n_rows, n_columns)
        Filled.
    """
    columns, walks = X.shape[1], len(orders)
    between, constants, last, constant = second
    deeper = np.empty(between.shape[1], np.float32)
    shallow, last_flat = activation == RELU and not between.shape[1], last.reshape(-1)
    sums, drawn = np.empty(first.shape[1], np.float32), np.empty((walks, columns))
    units = np.empty(first.shape[1], np.float32)
    for row in range(X.shape[0]):
        for w in range(walks):
            pair = drawn[w]
            for column in range(columns):  # copying by slices would take seconds more to compile
                pair[column] = 0.0
            for back in range(2):
                for k in range(sums.size):
                    sums[k] = entering[w, k]
                before = starts[w]
                for turn in range(columns):
                    column = orders[w, columns - 1 - turn if back else turn]
                    change, weights = np.float32(X[row, column] - background[w, column]), first[column]
                    if shallow:  # most of all calls: sums, activation and prediction in one go
                        total = np.float32(0)
                        for k in range(sums.size):
                            entered = sums[k] + change * weights[k]
                            sums[k] = entered
                            total += (entered if entered > np.float32(0) else np.float32(0)) * last_flat[k]
                        now = np.float64(total) + constant
                    else:
                        for k in range(sums.size):
                            sums[k] += change * weights[k]
                        now = _prediction(sums, units, deeper, between, constants, last, activation) + constant
                    pair[column] += 0.5 * (now - before)
                    before = now
        for column in range(columns):
            total, squares = 0.0, 0.0
            for w in range(count):
                total += drawn[w, column]
                squares += drawn[w, column] ** 2
            if walks > count:
                squares = 0.0
                for w in range(count, walks):
                    apart = drawn[w, column] - drawn[AGAIN * (w - count), column]
                    total += apart / 2
                    squares += apart * apart
                values[row, column] = total / count
                errors[row, column] = np.sqrt(squares / (walks - count) / 2 / count)
            else:
                mean = total / count
                values[row, column] = mean
                errors[row, column] = np.sqrt(max(squares / count - mean * mean, 0.0) / max(count - 1, 1))


@njit(nogil=True, fastmath=_NO_NAN)
def _prediction(sums, units, deeper, weights, constants, last, activation):
    """What the networks give for the sums that enter their first layer, but for the constant."""
    _activate(sums, units, activation)
    total = np.float32(0)
    if not weights.shape[1]:
        flat = last.reshape(-1)
        for k in range(units.size):
            total += units[k] * flat[k]
        return np.float64(total)
    members, next_width, width = weights.shape
    for member in range(members):
        for n in range(next_width):
            entered = np.float32(0)
            for k in range(width):
                entered += units[member * width + k] * weights[member, n, k]
            deeper[n] = entered + constants[member, n]
        _activate(deeper, deeper, activation)
        for n in range(next_width):
            total += deeper[n] * last[member, n]
    return np.float64(total)


@njit(nogil=True, fastmath=_NO_NAN)
def _activate(sums, units, activation):
    if activation == RELU:
        for k in range(sums.size):
            units[k] = sums[k] if sums[k] > np.float32(0) else np.float32(0)
    elif activation == TANH:
        for k in range(sums.size):
            units[k] = tanh(sums[k])
    elif activation == LOGISTIC:
        for k in range(sums.size):
            units[k] = 1.0 / (1.0 + exp(-sums[k]))
    else:
        for k in range(sums.size):
            units[k] = sums[k]
