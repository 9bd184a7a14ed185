"""Nearest rows: the brute-force answer, whatever the dimensions, the duplicates and the size of blocks."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from soilcore.trust.nearest import NearestRows, pair_distances


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (7, 3), (400, 1), (1500, 2), (1500, 40)])
@pytest.mark.parametrize("rank", [3, 100])
def test_nearest_and_counts_are_those_of_brute_force(n, columns, rank):
    rng = np.random.default_rng(n + columns)
    mix = rng.normal(size=(min(rank, columns), columns))
    rows = rng.normal(size=(n, len(mix))) @ mix
    new = np.vstack([rng.normal(size=(300, len(mix))) @ mix, rows[:5], rows[:5] + 1e-9, 100 * rng.normal(size=(20, columns))])
    expected = cdist(new, rows)
    radius = float(np.median(expected.min(axis=1))) * 2
    distance, number, count = NearestRows(rows).query(new, radius)
    scale = expected.mean()
    np.testing.assert_allclose(distance, expected.min(axis=1), atol=1e-9 * scale)
    np.testing.assert_allclose(expected[np.arange(len(new)), number], distance, atol=1e-9 * scale)
    np.testing.assert_array_equal(count, (expected < radius).sum(axis=1))


def test_rows_beside_it_never_change_an_answer():
    rng = np.random.default_rng(0)
    rows, new = rng.normal(size=(900, 12)), rng.normal(size=(500, 12)).astype(np.float32).astype(float)
    nearest = NearestRows(rows)
    whole = nearest.query(new, 3.0)
    parts = [nearest.query(new[start : start + 37], 3.0) for start in range(0, 500, 37)]
    for together, apart in zip(whole, zip(*parts, strict=True), strict=True):
        np.testing.assert_array_equal(together, np.concatenate(apart))


def test_many_rows_alike_are_one_place():
    rows = np.repeat([[0.0, 0.0], [5.0, 5.0]], 300, axis=0)
    distance, _, count = NearestRows(rows).query(np.array([[0.0, 1.0], [5.0, 5.0]]), 2.0)
    assert distance == pytest.approx([1, 0])
    assert count.tolist() == [300, 300]


def test_a_close_neighbour_far_from_the_middle_is_found_exactly():
    """A product of large numbers rounds away the small difference between two of them."""
    rows = np.array([[0.0, 0.0], [1e4, 1e4], [1e4 + 1e-3, 1e4]])
    distance, number, _ = NearestRows(rows).query(np.array([[1e4 + 1.1e-3, 1e4]]))
    assert number.tolist() == [2]
    assert distance[0] == pytest.approx(1e-4, rel=1e-6)


def test_pair_distances_are_euclidean():
    rng = np.random.default_rng(2)
    rows, others = rng.normal(size=(40, 7)), rng.normal(size=(30, 7))
    np.testing.assert_allclose(pair_distances(rows, others), cdist(rows, others), atol=1e-7)
