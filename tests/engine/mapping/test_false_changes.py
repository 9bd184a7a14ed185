"""The limit on differences that holds down false changes: what is shown is mostly true, and where nothing changed next to nothing is shown."""

import math

import numpy as np
import pytest

from soilcore.core.errors import SettingsError
from soilcore.core.grids import Window
from soilcore.mapping.change import ChangeSettings, change_maps
from soilcore.mapping.false_changes import ChangeLimit, check_false_changes, limit_in_words, limit_of_ratios, mean_ratio, stands_out, with_neighbours
from tests.engine.mapping.test_change import SHAPE, read, write_map

SIDE, PATCH, HALF = 160, 8, 1.0
HEAVY, EVEN = "errors larger in some places than in others", "errors alike everywhere"


def simulated(seed, kind, share=0.0, size=0.0):
    """Two predictions with bounds of a land, and where the second changed: whole patches by `size` joint intervals, up or down."""
    rng = np.random.default_rng(seed)
    patches = (SIDE // PATCH, SIDE // PATCH)

    def of_patches(values):
        return np.kron(values, np.ones((PATCH, PATCH)))

    spread = of_patches(np.sqrt(rng.exponential(1, patches))) if kind == HEAVY else np.ones((SIDE, SIDE))
    error = 0.5 * of_patches(rng.standard_normal(patches)) + math.sqrt(0.75) * rng.standard_normal((SIDE, SIDE))
    changed = of_patches(rng.random(patches) < share) > 0
    difference = spread * error * HALF / 1.645 + changed * size * HALF * of_patches(rng.choice((-1.0, 1.0), patches))
    base, width = rng.normal(3, 1, (SIDE, SIDE)), HALF / math.sqrt(2)  # of which two, with errors that do not correlate, make the joint interval
    return *((value, value - width, value + width) for value in (base, base + difference)), changed


def shown(before, after, false_changes):
    limit = ChangeLimit(0.0, limit_of_ratios(mean_ratio(before, after, 0.0), false_changes))
    return stands_out(before, after, limit), limit.times


@pytest.mark.parametrize("kind", [HEAVY, EVEN])
def test_where_nothing_changed_next_to_nothing_is_shown(kind):
    found = [shown(*simulated(seed, kind)[:2], 0.2)[0].mean() for seed in range(10)]
    before, after, _ = simulated(0, kind)
    assert np.mean(np.abs(after[0] - before[0]) > HALF) > 0.08  # by the joint interval alone
    assert np.mean(found) < 0.001
    assert max(found) < 0.01


@pytest.mark.parametrize("kind", [HEAVY, EVEN])
@pytest.mark.parametrize(("share", "size"), [(0.03, 3.0), (0.1, 2.0), (0.25, 3.0)])
def test_of_what_is_shown_few_did_not_change_and_changes_are_found(kind, share, size):
    false, hits = [], []
    for seed in range(6):
        before, after, changed = simulated(seed, kind, share, size)
        found, times = shown(before, after, 0.2)
        assert times >= 1
        false.append((found & ~changed).sum() / max(1, found.sum()))
        hits.append(found[changed].mean())
    assert np.mean(false) < 0.2
    assert np.mean(hits) > 0.3


def test_the_limit_rises_when_fewer_may_be_false():
    before, after, _ = simulated(1, HEAVY, 0.1, 3.0)
    ratios = mean_ratio(before, after, 0.0)
    strict, usual, loose = (limit_of_ratios(ratios, share) for share in (0.02, 0.1, 0.4))
    assert strict > usual > loose >= 1
    median = np.median(np.abs(ratios))
    beyond = np.mean(np.abs(ratios) > usual)
    assert 2 ** (-usual / median) / beyond == pytest.approx(0.1, rel=0.01)  # expected by chance, of what is there


def test_equal_predictions_and_too_few_pixels_leave_the_joint_interval_as_the_limit():
    assert limit_of_ratios(np.zeros(1000), 0.1) == 1
    assert limit_of_ratios(np.full(20, 9.0), 0.1) == 1
    assert limit_of_ratios(np.full(1000, np.nan), 0.1) == 1
    before, _, _ = simulated(0, EVEN)
    assert not shown(before, before, 0.5)[0].any()


def test_a_change_back_is_shown_where_the_change_was():
    before, after, _ = simulated(2, HEAVY, 0.1, 3.0)
    there, back = shown(before, after, 0.2), shown(after, before, 0.2)
    np.testing.assert_array_equal(there[0], back[0])
    assert there[0].any()
    assert there[1] == pytest.approx(back[1])


def test_what_is_missing_or_has_no_interval_is_neither_shown_nor_counted():
    before, after, _ = simulated(3, EVEN, 1.0, 5.0)
    for layer, value in ((0, np.nan), (1, -np.inf), (2, np.inf)):
        after[layer][10 * layer : 10 * layer + 3, 5] = value
    after[0][40, 5], after[1][40, 5], after[2][40, 5] = (before[0][40, 5] + 5,) * 3  # no width
    before[1][40, 5] = before[2][40, 5] = before[0][40, 5]
    ratios = mean_ratio(before, after, 0.0)
    gone = [(row, 5) for row in (0, 1, 2, 40)]
    assert all(np.isnan(ratios[place]) for place in gone)
    assert np.isfinite(ratios[:, 4]).all()  # neighbours stay
    assert not any(shown(before, after, 0.5)[0][place] for place in gone)


def test_windows_see_the_pixels_around_them(tmp_path):
    values = np.arange(48.0).reshape(6, 8)
    grid = type("Grid", (), {"height": 6, "width": 8})
    for window in (Window(0, 0, 2, 3), Window(2, 3, 3, 4), Window(4, 5, 2, 3), Window(0, 0, 6, 8)):
        around, inner = with_neighbours(lambda wide: values[wide.slices], grid, window)
        np.testing.assert_array_equal(around[inner], values[window.slices])
        rows, cols = (slice(max(0, one.start - 1), one.stop + 1) for one in window.slices)
        np.testing.assert_array_equal(around, values[rows, cols])


def test_on_maps_it_finds_more_than_the_careful_rule_and_is_wrong_less_than_what_the_maps_tell(tmp_path):
    rng, paths, patch = np.random.default_rng(0), [], np.ones((5, 5))
    noise = np.kron(np.sqrt(rng.exponential(1, (12, 18))), patch) * 0.06
    changed = np.zeros(SHAPE, bool)
    changed[10:25, 20:55] = True
    for year in (2019, 2020):
        error = 0.7 * np.kron(rng.standard_normal((12, 18)), patch) + 0.7 * rng.standard_normal(SHAPE)
        log = 1.5 + noise * error + 0.4 * changed * (year == 2020)
        paths.append(write_map(tmp_path / f"{year}.tif", np.expm1(log)))
    rates, facts = {}, {}
    for name, rule in {"careful": (0.0, None), "told": ("maps", None), "few": ("maps", 0.1)}.items():
        facts[name] = change_maps(paths, ChangeSettings(str(tmp_path / name), correlation=rule[0], false_changes=rule[1]))
        found = read(facts[name], "change") == 1
        rates[name] = found[changed].mean(), np.mean(read(facts[name], "change")[~changed] != 0)
    assert rates["careful"][0] < 0.05 < 0.3 < rates["few"][0]
    assert rates["few"][1] < 0.01 < 0.05 < rates["told"][1]
    few = facts["few"]
    assert few["correlation"] == facts["told"]["correlation"]
    assert few["false_changes"] == 0.1
    assert few["threshold"] == few["difference"]["threshold"] == few["steps"][0]["threshold"] > 1
    assert f"{few['threshold']:.3g} times the joint interval" in few["rule"]
    assert "At most about 10 %" in few["rule"]
    assert (facts["told"]["threshold"], facts["told"]["false_changes"]) == (1.0, None)


def test_without_a_limit_the_rule_says_that_nothing_stands_out():
    assert limit_in_words(ChangeLimit(0.9, math.inf), 0.9, 0.1).startswith("No change can be told from error")


def test_a_share_of_false_changes_lies_between_nothing_and_a_half():
    assert check_false_changes(None) is None
    assert check_false_changes(0.5) == 0.5
    for wrong in (0, -0.1, 0.6, True, "0.1", math.nan):
        with pytest.raises(SettingsError, match=r"above 0 and up to 0\.5"):
            check_false_changes(wrong)
