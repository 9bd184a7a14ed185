"""The registry against 60-digit arithmetic, its own algebra, and another catalogue."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.core.tables import load_table
from soilcore.features import arithmetic
from soilcore.features.formula import parse_formula, parse_named_formula
from soilcore.features.indices import (
    all_indices,
    available_indices,
    check_bands,
    compute_indices,
    dependency_groups,
    index_by_id,
    index_set,
    index_sets,
    missing_bands,
    temporal_max,
)

ROLES = ("B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2")
LANDSAT = ("B", "G", "R", "N", "S1", "S2")
IDS = tuple(index.id for index in all_indices())
reflectances = st.fixed_dictionaries({role: st.floats(0.005, 1.2) for role in ROLES})


def _one_pixel(bands, dtype=np.float64):
    return {role: np.array([value], dtype) for role, value in bands.items()}


def _cases(oracle, kind):
    return {case["name"]: case for case in oracle("indices")[kind]}


@pytest.mark.parametrize("kind", ["vectors", "edge_cases"])
@pytest.mark.parametrize("identifier", IDS)
def test_every_index_equals_60_digit_arithmetic(oracle, kind, identifier):
    for name, case in _cases(oracle, kind).items():
        made = compute_indices(_one_pixel(case["bands"]), [identifier], valid_range=None)[identifier][0]
        expected = case["values"][identifier]
        np.testing.assert_allclose(made, np.nan if expected is None else expected, rtol=1e-12, atol=1e-13, err_msg=name)


def test_single_precision_is_within_a_ten_thousandth(oracle):
    for kind in ("vectors", "edge_cases"):
        for name, case in _cases(oracle, kind).items():
            made = compute_indices(_one_pixel(case["bands"], np.float32), IDS, valid_range=None)
            for identifier, value in made.items():
                expected = case["values"][identifier]
                assert value.dtype == np.float32
                np.testing.assert_allclose(value[0], np.nan if expected is None else expected, rtol=1e-4, atol=1e-7, err_msg=f"{name} {identifier}")


def test_the_oracle_has_12_vectors_of_54_indices(oracle):
    assert len(oracle("indices")["vectors"]) == 12
    assert all(set(case["values"]) == set(IDS) for case in oracle("indices")["vectors"])
    assert len(IDS) == 54


def test_the_sets_have_their_sizes_and_know_their_members():
    sizes = {name: len(index_set(name)) for name in index_sets()}
    assert sizes == {
        "existing17_lan2025": 17,
        "existing17_literature": 17,
        "novel4_lan2025": 4,
        "salinity19": 19,
        "vegetation16": 16,
        "water2": 2,
        "extra": 6,
    }
    for name in index_sets():
        assert len(set(index_set(name))) == sizes[name]
    for index in all_indices():
        assert index.sets == () or all(index.id in index_set(name) for name in index.sets if name in sizes)
        assert set(index.parsed.names) == set(index.bands)
        assert index.citation


def test_the_two_variants_differ_in_five_members():
    lan, literature = set(index_set("lan2025")), set(index_set("literature"))
    assert lan - literature == {"SI1", "SSSI1_LAN", "SSSI2_LAN", "NDSI_LAN", "SRSI"}
    assert literature - lan == {"SI_KHAN", "SSSI1", "SSSI2", "NDSI_KHAN", "SRSI_KHAN"}
    bands = {role: np.array([0.2]) for role in LANDSAT}
    assert tuple(compute_indices(bands, variant="lan2025")) == index_set("existing17_lan2025")
    assert tuple(compute_indices(bands)) == index_set("existing17_literature")


def test_no_id_equals_a_band_or_another_id_in_another_case():
    assert not set(IDS) & set(load_table("indices")["bands"])
    assert len({identifier.casefold() for identifier in IDS}) == len(IDS)


@given(reflectances)
@settings(max_examples=100, deadline=None)
def test_exact_dependencies_hold(bands):
    values = {name: array[0] for name, array in compute_indices(_one_pixel(bands), IDS).items()} | bands
    for relation in load_table("indices")["dependencies"]:
        formula = parse_formula(relation["equals"])
        operands = {name: np.array([values[name]]) for name in formula.names}
        if any(np.isnan(operands[name][0]) for name in formula.names) or np.isnan(values[relation["id"]]):
            continue
        expected = formula.evaluate(operands)[0]
        if np.isfinite(expected):
            # (1 + NDVI)/(1 - NDVI) loses digits where NDVI is near 1
            np.testing.assert_allclose(values[relation["id"]], expected, rtol=1e-8, atol=1e-9, err_msg=str(relation))


@given(reflectances, st.floats(0.3, 1.2))
@settings(max_examples=100, deadline=None)
def test_scaling_all_bands_scales_an_index_by_its_degree(bands, factor):
    values = compute_indices(_one_pixel(bands), IDS, valid_range=None)
    scaled = compute_indices(_one_pixel({role: value * factor for role, value in bands.items()}), IDS, valid_range=None)
    for index in all_indices():
        if index.homogeneity_degree is None or index.id == "TRSI":
            continue
        before, after = values[index.id][0], scaled[index.id][0]
        if np.isfinite(before) and np.isfinite(after):
            reference = max(abs(before), 1e-2)
            np.testing.assert_allclose(after, before * factor**index.homogeneity_degree, rtol=1e-7, atol=1e-7 * reference, err_msg=index.id)


def test_indices_without_a_degree_do_depend_on_the_scale():
    bands = _one_pixel({"B": 0.1, "G": 0.14, "R": 0.17, "RE1": 0.2, "RE2": 0.22, "RE3": 0.23, "N": 0.25, "N2": 0.26, "S1": 0.33, "S2": 0.29})
    free = [index.id for index in all_indices() if index.homogeneity_degree is None]
    values = compute_indices(bands, free)
    halved = compute_indices({role: value / 2 for role, value in bands.items()}, free)
    ratios = {identifier: float(halved[identifier][0] / values[identifier][0]) for identifier in free}
    assert all(not np.isclose(ratio, 2.0**-degree, rtol=1e-3) for ratio in ratios.values() for degree in (0, 1)), ratios


SAME_NAME = ("NDVI", "EVI", "EVI2", "MSAVI", "OSAVI", "GDVI", "GNDVI", "NDREI", "CIRE", "DVI", "TVI", "IRECI", "LSWI", "NDWI", "MNDWI")
SHARED = dict(zip(SAME_NAME, SAME_NAME, strict=True)) | {
    "RVI": "SR",  # spyndex's RVI is RE2/R
    "ENDVI_BG": "ENDVI",
    "SI_ASTER": "NBR2",
    "NDSI_LAN": "NDMI",
    "NDSI_KHAN": "RNDVI",
    "SI4": "MSI",
    "SI4_IDNP": "STI",
    "ARVI": "IAVI",  # not its ARVI, whose gamma has the other sign
}


def test_shared_indices_agree_with_spyndex():
    spyndex = pytest.importorskip("spyndex", reason="spyndex comes with tests/requirements.txt")
    generator = np.random.default_rng(0)
    bands = {role: generator.uniform(0.02, 0.6, 500) for role in ROLES}
    parameters = bands | {"L": 1.0, "g": 2.5, "C1": 6.0, "C2": 7.5, "nexp": 2.0, "gamma": 1.0}
    ours = compute_indices(bands, (*SHARED, "SAVI"))
    with np.errstate(invalid="ignore"):
        theirs = {ours_id: spyndex.computeIndex([their_id], parameters) for ours_id, their_id in SHARED.items()}
    theirs["SAVI"] = spyndex.computeIndex(["SAVI"], bands | {"L": 0.5})
    for identifier, values in theirs.items():
        np.testing.assert_allclose(ours[identifier], values, rtol=1e-11, atol=1e-14, err_msg=identifier)


def test_an_invalid_band_makes_every_index_that_uses_it_nan_and_no_other():
    good = {role: 0.1 + 0.03 * i for i, role in enumerate(ROLES)}
    for bad in (np.nan, 0.0, -0.001, 1.5001, np.inf, -np.inf):
        for role in ROLES:
            values = compute_indices(_one_pixel(good | {role: bad}), IDS)
            for index in all_indices():
                assert np.isnan(values[index.id][0]) == (role in index.bands or np.isnan(compute_indices(_one_pixel(good), [index.id])[index.id][0]))


def test_the_limits_of_validity_are_above_0_and_up_to_1_5_and_can_be_moved():
    values = np.array([-0.1, 0.0, 1e-5, 0.9, 1.5, 1.6, np.nan, np.inf])
    np.testing.assert_array_equal(np.isfinite(check_bands({"N": values})["N"]), [False, False, True, True, True, False, False, False])
    np.testing.assert_array_equal(np.isfinite(check_bands({"N": values}, (-0.2, 2.0))["N"]), [True] * 6 + [False] * 2)
    assert values[0] == -0.1
    clean = np.array([0.1, 0.2], np.float32)
    assert check_bands({"N": clean})["N"] is clean
    assert check_bands({"N": np.array([0.1, 2.0], np.float32)})["N"].dtype == np.float32
    assert check_bands({"N": np.array([1, 2])})["N"].dtype == np.float64


def _naive(bands, identifier):
    """The same rules written the slow way, operation by operation, on whole arrays."""

    def value(expression):
        kind, *parts = expression
        if kind == "name":
            band = bands[parts[0]]
            return np.where((band > 0) & (band <= 1.5), band, np.nan)
        if kind == "number":
            return parts[0]
        operands = [value(part) for part in parts]
        if kind == "div":
            return np.where(np.abs(operands[1]) < 1e-6, np.nan, operands[0] / operands[1])
        return {"add": np.add, "sub": np.subtract, "mul": np.multiply, "neg": np.negative, "sqrt": np.sqrt, "power": np.power}[kind](*operands)

    with np.errstate(all="ignore"):
        result = value(index_by_id(identifier).parsed.expression)
        return np.where(np.isfinite(result), result, np.nan)


@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_threads_and_shared_parts_change_no_bit(threads, monkeypatch):
    monkeypatch.setattr(arithmetic, "BLOCK", 4096)
    arithmetic._scratch.__dict__.clear()
    generator = np.random.default_rng(1)
    bands = {role: generator.uniform(-0.02, 0.5, (101, 103)) for role in ROLES}
    bands["B"][:5] = 0.2  # one stretch without a flaw, one dark one
    bands["N"][50:52] = 2e-4
    bands["R"][60:62] = bands["S1"][60:62] = 5e-7
    together = compute_indices(bands, IDS, threads=threads)
    for identifier in IDS:
        np.testing.assert_array_equal(together[identifier], _naive(bands, identifier), err_msg=identifier)
        np.testing.assert_array_equal(together[identifier], compute_indices(bands, [identifier])[identifier])
    arithmetic._scratch.__dict__.clear()


def test_no_denominator_is_trusted_that_could_vanish():
    steps = arithmetic.program((parse_formula("N/(R-G)+1/(N*R)+N/(N+R)").expression,))
    bands = {"N": [0.2, 2e-3, 0.3], "R": [0.1, 4e-4, 0.3], "G": [0.1, 0.2, 0.2]}
    out = np.empty(3)
    steps.run([np.array(bands[name]) for name in steps.names], [out], (0.0, 1.5))
    assert np.isnan(out[0])
    assert np.isnan(out[1])  # N R = 8e-7
    assert np.isfinite(out[2])


def test_memory_given_is_used_again():
    bands = {role: np.full((4, 5), 0.2, np.float32) for role in ROLES}
    room = np.empty((2, 4, 5), np.float32)
    made = compute_indices(bands, ["NDVI", "SI"], out=room)
    assert np.shares_memory(made["SI"], room)
    with pytest.raises(FeatureError, match="float32 of shape"):
        compute_indices(bands, ["NDVI"], out=room)


def test_formulas_are_computed_beside_indices_under_the_same_rules():
    bands = {"N": np.array([0.3, -0.1]), "R": np.array([0.1, 0.1])}
    made = compute_indices(bands, ["NDVI"], formulas=[parse_named_formula("MINE=N/R")])
    np.testing.assert_allclose(made["MINE"], [3.0, np.nan])
    assert list(made) == ["NDVI", "MINE"]


def test_landsat_has_no_red_edge_and_that_is_said():
    assert len(available_indices(ROLES)) == 54
    lacking = missing_bands(LANDSAT)
    assert lacking == {"NDREI": ("RE1",), "CIRE": ("RE1",), "IRECI": ("RE1", "RE2", "RE3")}
    assert set(available_indices(LANDSAT)) == set(IDS) - set(lacking)
    with pytest.raises(FeatureError, match=r"IRECI .* needs the band RE3"):
        compute_indices({role: np.array([0.1]) for role in LANDSAT}, ["IRECI"])


@pytest.mark.parametrize(
    ("identifier", "said"),
    [
        ("ndvi", "Did you mean NDVI = .*case-sensitive"),
        ("S1", r"is a band .* papers call S1 is S_1 = B/R"),
        ("S2", "S_2"),
        ("CReSI", "CRSI"),
        ("NDMI", "LSWI"),
        ("NDSI", "NDSI_LAN = .* or NDSI_KHAN"),
        ("NDVII", "Did you mean NDVI"),
        ("N", "near infrared"),
        ("nothing of the kind", "Known: SI, SI1"),
    ],
)
def test_an_unknown_index_is_met_with_what_was_meant(identifier, said):
    with pytest.raises(SettingsError, match=said):
        index_by_id(identifier)


def test_an_unknown_set_or_variant_is_met_with_those_there_are():
    with pytest.raises(SettingsError, match="Did you mean vegetation16"):
        index_set("vegetation")
    with pytest.raises(SettingsError, match="lan2025, literature"):
        compute_indices({}, variant="lan")


def test_dependent_indices_are_grouped_and_independent_ones_are_not():
    groups = dependency_groups(["SI", "NDVI", "TRSI", "NDSI_KHAN", "S_2", "RVI", "S_1", "LSWI"])
    assert groups == [("NDVI", "NDSI_KHAN", "RVI"), ("S_2", "S_1")]
    assert dependency_groups(["SI", "TRSI", "LSWI"]) == []
    assert dependency_groups(["LSWI", "NDSI_LAN"]) == [("LSWI", "NDSI_LAN")]


def test_the_largest_value_over_dates_needs_enough_valid_dates():
    stack = np.array([[0.1, 0.5, np.nan], [0.3, np.nan, np.nan], [0.2, np.nan, 0.4], [np.nan, 0.6, 0.1]])
    np.testing.assert_array_equal(temporal_max(stack, 3), [0.3, np.nan, np.nan])
    np.testing.assert_array_equal(temporal_max(stack, 1), [0.3, 0.6, 0.4])
