"""The index search: the family, its rules, and what chance is allowed to find."""

import itertools
import json
import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from soilcore.core.errors import SampleError, SettingsError, Stopped
from soilcore.core.files import plain
from soilcore.features.formula import parse_formula
from soilcore.features.indices import index_by_id, index_set
from soilcore.models.index_forms import FORMS, TRANSFORMS, index_family
from soilcore.models.index_search import HalfStandings, Standings, search_indices
from soilcore.models.search_blocks import Blocks, search_blocks, stand_ins

SIX = ("B", "G", "R", "N", "S1", "S2")
TEN = ("B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2")
COUNTS = {
    "single": (6, 10),
    "difference": (15, 45),
    "ratio": (30, 90),
    "normalised difference": (15, 45),
    "product": (15, 45),
    "2-norm": (15, 45),
    "product ratio": (60, 360),
    "sum ratio": (60, 360),
    "difference ratio": (60, 360),
    "slope ratio": (120, 720),
    "TRSI form": (120, 720),
    "SBCI form": (60, 360),
    "SAI form": (60, 360),
    "GOSI form": (60, 360),
}


def _spectra(n, roles, seed=0, scatter=0.15):
    """Bright and dark soils with a little colour: bands correlate as in nature."""
    generator = np.random.default_rng(seed)
    brightness = generator.uniform(0.06, 0.25, (n, 1)) * np.linspace(0.6, 1.5, len(roles))
    return pd.DataFrame(brightness * generator.lognormal(0, scatter, (n, len(roles))), columns=list(roles))


@pytest.mark.parametrize(("roles", "which", "total", "redundant"), [(SIX, 0, 696, 60), (TEN, 1, 3880, 360)])
def test_the_family_has_the_counts_of_the_specification(roles, which, total, redundant):
    family = index_family(roles)
    assert len(family) == total == len(set(family.formulas))
    assert {name: family.forms.count(name) for name in COUNTS} == {name: counts[which] for name, counts in COUNTS.items()}
    assert family.redundant.sum() == redundant
    assert [form.name for form in FORMS] == list(COUNTS)


@pytest.mark.parametrize("transforms", [("none",), tuple(TRANSFORMS)])
def test_values_equal_those_of_the_formula_as_text(transforms):
    bands = _spectra(20, SIX)
    family = index_family(SIX, transforms=transforms)
    values, _ = family.values(bands.to_numpy())
    assert len(family) == 696 * len(transforms)
    for formula, row in zip(family.formulas, values, strict=True):
        np.testing.assert_allclose(parse_formula(formula).evaluate(bands), row, rtol=1e-12, err_msg=formula)


def test_the_four_novel_indices_of_the_paper_are_in_the_family():
    bands = _spectra(40, SIX)
    values, _ = index_family(SIX).values(bands.to_numpy())
    for identifier in index_set("novel4_lan2025"):
        expected = index_by_id(identifier).parsed.evaluate(bands)
        assert np.isclose(values, expected, rtol=1e-10).all(axis=1).any(), identifier


def test_redundant_candidates_are_affine_copies_and_nothing_else_is():
    bands = _spectra(50, SIX).to_numpy()
    family = index_family(SIX)
    values, _ = family.values(bands)
    centred = values - values.mean(axis=1, keepdims=True)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    likeness = np.abs(centred @ centred.T)
    kept = np.flatnonzero(~family.redundant)
    for copy in np.flatnonzero(family.redundant):
        assert likeness[copy, kept].max() > 1 - 1e-9
    among_kept = likeness[np.ix_(kept, kept)] - np.eye(len(kept))
    assert among_kept.max() < 1 - 1e-6


def test_singular_and_gappy_candidates_are_rejected():
    bands = _spectra(100, ("a", "b", "c"))
    bands["c"] = bands["b"] + 0.01  # b - c never changes sign, a - b does
    bands.loc[:, "a"] = np.where(np.arange(100) % 2, bands["b"] - 0.01, bands["b"] + 0.02)
    family = index_family(bands.columns)
    _, chosen, _ = family.usable(bands.to_numpy())
    usable = {family.formulas[i] for i in chosen}
    assert "(a-b)/(b-c)" in usable
    assert "(c-a)/(a-b)" not in usable
    assert "b-c" not in usable  # constant
    for holes, expected in ((2, True), (3, False)):
        gappy = bands.to_numpy().copy()
        gappy[:holes, 0] = np.nan
        values, chosen, missing = family.usable(gappy)
        assert np.isfinite(values).all()
        named = {family.formulas[i]: count for i, count in zip(chosen, missing, strict=True)}
        assert ("a" in named) is expected
        assert not expected or named["a"] == 2


def test_a_planted_index_is_found_and_survives_every_guard():
    bands = _spectra(95, SIX)
    signal = (bands.S1 - bands.N) / (bands.S1 + bands.N)
    y = np.exp(10 * signal + np.random.default_rng(1).normal(0, 0.4, 95))
    result = search_indices(bands, y)
    best = result.rows[0]
    assert result.candidates == 696
    assert result.tested + result.redundant + result.rejected == 696
    assert "(N-S1)/(N+S1)" in {best["formula"], *(row["formula"] for row in result.rows[:5] if row["same_order_as"] == best["formula"])}
    assert best["p_family"] == pytest.approx(1 / 1000)
    assert best["q"] < 1e-6
    assert best["selection"] == max(row["selection"] for row in result.rows) > 0.2
    assert result.half_split["test"] > 0.7
    assert 0.2 < result.null_95 < 0.5


def test_rows_carry_pearson_spearman_and_naive_p():
    bands = _spectra(60, SIX)
    y = np.exp(np.random.default_rng(2).normal(size=60) + 3 * bands.N)
    for statistic in ("spearman", "pearson"):
        result = search_indices(bands, y, permutations=99, halves=2, statistic=statistic, log_target=True)
        for row in (result.rows[0], result.rows[100], result.rows[-1]):
            value = parse_formula(row["formula"]).evaluate(bands)
            pearson, spearman = stats.pearsonr(value, np.log10(y)), stats.spearmanr(value, y)
            assert row["r"] == pytest.approx(pearson.statistic, abs=1e-10)
            assert row["rho"] == pytest.approx(spearman.statistic, abs=1e-10)
            assert row["p"] == pytest.approx((spearman if statistic == "spearman" else pearson).pvalue, rel=1e-6)
        strengths = [abs(row["rho" if statistic == "spearman" else "r"]) for row in result.rows]
        assert all(a >= b - 1e-8 for a, b in itertools.pairwise(strengths))
        p_family = [row["p_family"] for row in result.rows]
        assert p_family == sorted(p_family)
        assert all(row["p_family"] >= row["p"] - 0.05 for row in result.rows)


def test_step_down_max_t_equals_brute_force():
    bands = _spectra(14, ("a", "b"), scatter=0.5)
    y = np.random.default_rng(5).normal(size=14) + 8 * bands.a.to_numpy()
    result = search_indices(bands, y, permutations=99, seed=3, halves=1)
    family = index_family(bands.columns)
    values, chosen, _ = family.usable(bands.to_numpy())
    standings = Standings(values, y, "spearman")
    draw, _ = np.random.default_rng(3).spawn(2)
    positions = search_blocks(None, y).draw(99, draw)
    order = standings.order
    expected = []
    for place in range(len(order)):
        weaker = order[place:]
        largest = [max(abs(stats.spearmanr(values[i], y[row]).statistic) for i in weaker) for row in positions]
        expected.append((1 + np.sum(np.array(largest) >= standings.strengths[order[place]] - 1e-9)) / 100)
    expected = np.maximum.accumulate(expected)
    assert [row["formula"] for row in result.rows] == [family.formulas[chosen[i]] for i in order]
    np.testing.assert_allclose([row["p_family"] for row in result.rows], expected, atol=1e-12)


def test_chance_raises_a_false_alarm_in_about_one_search_of_twenty():
    bands = _spectra(60, ("B", "R", "N", "S1"))
    smallest = []
    for seed in range(120):
        y = np.random.default_rng(1000 + seed).lognormal(size=60)
        smallest.append(search_indices(bands, y, permutations=199, halves=1, seed=seed).rows[0]["p_family"])
    assert np.mean(np.array(smallest) <= 0.05) <= 0.11  # 0.05 + 3 standard errors
    assert stats.kstest(smallest, "uniform").pvalue > 0.01


def test_the_null_of_the_specification_is_met():
    bands = _spectra(95, SIX, scatter=0.2)
    y = np.random.default_rng(3).lognormal(0, 1.2, 95)
    quantiles = {}
    for name, options in {"spearman": {}, "pearson": {"statistic": "pearson"}, "log": {"statistic": "pearson", "log_target": True}}.items():
        quantiles[name] = search_indices(bands, y, permutations=499, halves=1, **options).null_95
    assert 0.28 < quantiles["spearman"] < 0.42
    assert 0.28 < quantiles["log"] < 0.42
    assert quantiles["pearson"] > quantiles["log"]


def _fields(places, reach, count, generator):
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    return np.linalg.cholesky(np.exp(-3 * distance / reach) + 1e-6 * np.eye(len(places))) @ generator.normal(size=(len(places), count))


def test_blocks_keep_neighbours_from_passing_for_evidence():
    alarms = {"single": 0, "blocks": 0}
    for seed in range(40):
        generator = np.random.default_rng(seed)
        places = generator.uniform(0, 20_000, (95, 2))
        fields = _fields(places, 6000, 5, generator)
        bands = pd.DataFrame(0.2 * np.exp(0.25 * fields[:, :4]), columns=["B", "R", "N", "S1"])
        for name, coordinates in (("single", None), ("blocks", places)):
            result = search_indices(bands, np.exp(fields[:, 4]), permutations=99, halves=1, seed=seed, coordinates=coordinates)
            alarms[name] += result.rows[0]["p_family"] <= 0.05
    assert alarms["single"] >= 10
    assert alarms["blocks"] <= 7


def test_blocks_do_not_hide_a_true_index():
    generator = np.random.default_rng(0)
    places = generator.uniform(0, 20_000, (95, 2))
    fields = _fields(places, 6000, 6, generator)
    bands = pd.DataFrame(0.2 * np.exp(0.25 * fields), columns=list(SIX))
    y = np.exp(6 * (bands.S1 / bands.N) + generator.normal(0, 0.5, 95))
    result = search_indices(bands, y, coordinates=places, permutations=199, halves=10)
    assert result.rows[0]["p_family"] <= 0.01
    assert "blocks of" in result.blocks


def test_blocks_change_places_whole():
    corners = np.array([(i, j) for i in range(3) for j in range(3)]) * 10_000.0
    inside = np.array([(0, 0), (0, 1), (1, 0), (1, 1)]) * 1000.0
    places, labels = (corners[:, None] + inside[None]).reshape(-1, 2), np.repeat(np.arange(9), 4)
    blocks = Blocks(labels, stand_ins(places, labels), "")
    for row in blocks.draw(50, np.random.default_rng(0)):
        assert sorted(row) == list(range(36))
        assert (row % 4 == np.tile(np.arange(4), 9)).all()  # the corner of a block receives the same corner of another
        assert (row.reshape(9, 4) // 4 == row.reshape(9, 4)[:, :1] // 4).all()
    assert set(np.bincount(labels[blocks.half(np.random.default_rng(0))])) <= {0, 4}


def test_blocks_are_as_wide_as_the_range_and_say_when_they_cannot_be():
    generator = np.random.default_rng(0)
    places = generator.uniform(0, 20_000, (200, 2))
    short = search_blocks(places, _fields(places, 3000, 1, generator)[:, 0])
    assert 15 < short.labels.max() + 1 < 120
    assert "range of the variogram" in short.text
    trend = search_blocks(places, places[:, 0] / 1000)
    assert 6 <= trend.labels.max() + 1 <= 25


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (None, "there are no coordinates"),
        (np.full((20, 2), 5.0), "all have the same coordinates"),
        (np.r_[np.full((1, 2), np.nan), np.random.default_rng(0).uniform(0, 9e3, (19, 2))], "1 have no coordinates"),
    ],
)
def test_without_places_samples_are_permuted_one_by_one_and_that_is_said(places, said):
    blocks = search_blocks(places, np.arange(20.0))
    assert said in blocks.text
    rows = blocks.draw(30, np.random.default_rng(0))
    assert all(sorted(row) == list(range(20)) for row in rows)
    assert blocks.half(np.random.default_rng(0)).sum() == 10


@pytest.mark.parametrize("statistic", ["spearman", "pearson"])
def test_correlations_on_part_of_the_samples_equal_scipy_with_and_without_ties(statistic):
    generator = np.random.default_rng(0)
    values = generator.normal(size=(5, 30))
    values[3] = values[3].round()
    target = generator.normal(size=30).round(1)
    part = generator.random(30) < 0.5
    made = HalfStandings(values, target, statistic).correlations(part)
    reference = {"spearman": stats.spearmanr, "pearson": stats.pearsonr}[statistic]
    np.testing.assert_allclose(made, [reference(row[part], target[part]).statistic for row in values], atol=1e-12)
    assert HalfStandings(values, target, statistic).one(2, part) == pytest.approx(made[2])


def test_a_formula_chosen_from_noise_fails_on_the_other_half():
    bands = _spectra(60, SIX)
    result = search_indices(bands, np.random.default_rng(4).normal(size=60), permutations=99)
    assert result.half_split["train"] > 0.35
    assert abs(result.half_split["test"]) < 0.25
    assert result.half_split["splits"] == 100
    assert sum(row["selection"] for row in result.rows) == pytest.approx(1)


def test_the_banner_stands_unless_the_family_was_fixed_before():
    bands, y = _spectra(30, SIX), np.random.default_rng(0).normal(size=30)
    banner = search_indices(bands, y, permutations=99, halves=4).banner
    assert "hypothesis" in banner
    assert search_indices(bands, y, permutations=99, halves=4, fixed_before=True).banner is None


def test_the_result_as_json_has_the_keys_of_the_contract_and_stops_at_top():
    facts = plain(search_indices(_spectra(30, SIX), np.arange(30.0), permutations=99, halves=4).to_json(top=7))
    assert {"n", "candidates", "rows", "null_95", "half_split", "banner"} <= set(facts)
    assert len(facts["rows"]) == 7
    assert {"formula", "r", "rho", "p", "q", "p_family", "selection"} <= set(facts["rows"][0])
    assert {"train", "test"} <= set(facts["half_split"])
    json.dumps(facts, allow_nan=False)


def test_the_same_seed_gives_the_same_result_and_another_one_does_not():
    bands, y = _spectra(40, SIX), np.random.default_rng(0).normal(size=40)
    first, again, other = (search_indices(bands, y, permutations=99, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.half_split != other.half_split


def test_samples_without_target_or_bands_are_left_out():
    bands, y = _spectra(40, SIX), np.random.default_rng(0).normal(size=40)
    more = pd.concat([bands, bands[:2] * np.nan, bands[:1]], ignore_index=True)
    result = search_indices(more, np.r_[y, 1.0, 2.0, np.nan], permutations=99, halves=4)
    assert result.n == 40
    assert result == search_indices(bands, y, permutations=99, halves=4)


def test_what_cannot_be_searched_is_refused():
    bands, y = _spectra(40, SIX), np.random.default_rng(0).normal(size=40)
    with pytest.raises(SampleError, match="reflectance lies above 0"):
        search_indices(bands * 10_000, y)
    with pytest.raises(SampleError, match="at least 12"):
        search_indices(bands[:11], y[:11])
    with pytest.raises(SampleError, match="same target value"):
        search_indices(bands, np.ones(40))
    with pytest.raises(SampleError, match="have no logarithm"):
        search_indices(bands, y, log_target=True)
    with pytest.raises(SettingsError, match="at least two different bands"):
        search_indices(bands[["B"]], y)
    with pytest.raises(SettingsError, match="permutations must be"):
        search_indices(bands, y, permutations=10)
    with pytest.raises(SettingsError, match="spearman or pearson"):
        search_indices(bands, y, statistic="kendall")
    with pytest.raises(SettingsError, match="no form 'cubic'"):
        search_indices(bands, y, forms=["cubic"])
    with pytest.raises(SettingsError, match="no band transform"):
        search_indices(bands, y, transforms=["log"])


def test_a_search_can_be_stopped():
    def stop(done, total, message):
        if message == "permutations":
            raise Stopped

    with pytest.raises(Stopped):
        search_indices(_spectra(40, SIX), np.arange(40.0), report=stop)


def test_the_whole_family_of_ten_bands_takes_seconds():
    bands, y = _spectra(95, TEN), np.random.default_rng(0).lognormal(size=95)
    start = time.perf_counter()
    result = search_indices(bands, y, permutations=999, coordinates=np.random.default_rng(0).uniform(0, 2e4, (95, 2)))
    assert result.candidates == 3880
    assert time.perf_counter() - start < 30
