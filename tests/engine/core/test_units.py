"""Units, conversions, textures, classes and carbon against reference numbers, and the properties that must hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from soilcore.core import units
from soilcore.core.errors import SampleError, SettingsError

RELATIVE = 1e-12


@pytest.fixture(scope="module")
def soil(oracle):
    return oracle("ec_soil")


@pytest.fixture(scope="module")
def x(soil):
    return np.array(soil["conversions"]["ec15_dS_m"])


def test_conductivity_units_become_ds_m(soil):
    for row in soil["units"]:
        assert_allclose(units.to_ds_m(row["value"], row["unit"]), row["dS_m"], rtol=RELATIVE)


@pytest.mark.parametrize(
    ("name", "unit", "extract"),
    [
        ("ec_uS_cm", "µS/cm", None),
        ("EC_dS_m", "dS/m", None),
        ("EC (µS/cm)", "µS/cm", None),
        ("EC (μS cm⁻¹)", "µS/cm", None),
        ("ec_1_5_dS_m", "dS/m", "1:5"),
        ("EC1:5 (mS/m)", "mS/m", "1:5"),
        ("ec_12pre", None, "1:2"),
        ("EC 1:2.5 [mS/cm]", "mS/cm", "1:2.5"),
        ("ec_2_5", None, None),
        ("EC1_2_5", None, "1:2.5"),
        ("ece_dS_m", "dS/m", "paste"),
        ("ECa_mS_m", "mS/m", "ECa"),
        ("EC(ms cm-1)", "mS/cm", None),
        ("SSC(g kg-1)", "g/kg", None),
        ("salt_g_kg", "g/kg", None),
        ("Clay %", "%", None),
        ("clay_pct", "%", None),
        ("EC_all", None, None),
        ("CE30", None, "ECa"),
        ("EC", None, None),
    ],
)
def test_unit_and_extract_are_read_from_a_column_name(name, unit, extract):
    assert units.find_unit(name) == unit
    assert units.find_extract(name) == extract


def test_an_unknown_unit_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match="dS/m"):
        units.to_ds_m([1.0], "bananas")
    with pytest.raises(SettingsError, match="not conductivity"):
        units.to_ds_m([1.0], "g/kg")


def test_texture_classes_agree_with_usda(soil):
    for row in soil["usda_texture"]:
        assert units.texture_class(row["sand"], row["silt"], row["clay"]) == row["usda"]


def test_the_texture_triangle_has_neither_gap_nor_overlap():
    from soilcore.core.texture import _rules

    sand, clay = np.meshgrid(np.arange(101.0), np.arange(101.0))
    inside = sand + clay <= 100
    sand, clay = sand[inside], clay[inside]
    hits = np.sum(_rules(sand, 100 - sand - clay, clay), axis=0)
    assert set(np.unique(hits)) == {0, 1}
    assert np.all(clay[hits == 0] >= 40)  # what no rule takes is clay


def test_texture_is_missing_where_a_part_is_missing_or_all_are_zero():
    classes = units.texture_class([np.nan, 0, 40], [40, 0, 40], [20, 0, 20])
    assert list(classes) == [None, None, "loam"]


def test_slavich_by_theta(soil, x):
    for theta, expected in soil["conversions"]["slavich_petterson_theta"].items():
        assert_allclose(units.convert_to_ece(x, "slavich_theta", theta=float(theta)).values, expected, rtol=RELATIVE)


def test_slavich_by_class(soil, x):
    for texture, expected in soil["conversions"]["slavich_petterson_class"].items():
        assert_allclose(units.convert_to_ece(x, "slavich_class", texture=texture).values, expected, rtol=RELATIVE)


def test_fao2006(soil, x):
    for name, expected in soil["conversions"]["fao2006"].items():
        texture, matter = name.split("|OM=")
        carbon = float(matter) * 10 / 1.724
        assert_allclose(units.convert_to_ece(x, "fao2006", texture=texture, organic_carbon_g_kg=carbon).values, expected, rtol=RELATIVE)


def test_fao2006_table_is_the_reference_table(soil):
    edges = [0.4, 0.75, 1.5, 3.0, 6.0, 10.0]
    for name, row in soil["fao2006_wc_table"]["g_per_100g"].items():
        for matter, expected in zip(edges, row, strict=True):
            water, _ = units.paste_water([name], matter * 10 / 1.724)
            assert water[0] == expected


def test_sonmez_kargas_he_and_korea(soil, x):
    reference = soil["conversions"]
    for group, texture in (("coarse", "sand"), ("medium", "loam"), ("fine", "clay")):
        assert_allclose(units.convert_to_ece(x, "sonmez2008", texture=texture).values, reference["sonmez2008"][group], rtol=RELATIVE, atol=1e-14)
    assert_allclose(units.convert_to_ece(x, "kargas2018").values, reference["kargas2018"], rtol=RELATIVE)
    assert_allclose(units.convert_to_ece(x, "he2013").values, reference["he2013_ln"], rtol=RELATIVE)
    for sand, factor in reference["korea_sand"].items():
        assert_allclose(units.convert_to_ece([1.0], "korea_sand", sand=float(sand)).values, factor, rtol=RELATIVE)


def test_thresholds_of_lucas_follow_from_the_factors(soil):
    for texture, threshold in soil["lucas_threshold_mS_m_for_ECe_2"].items():
        assert_allclose(units.convert_to_ece(units.to_ds_m([threshold], "mS/m"), "slavich_class", texture=texture).values, 2.0, rtol=RELATIVE)


def test_every_published_equation_is_there(shared_data):
    import csv

    with open(shared_data / "classes" / "ec_conversion_coefficients.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    alias = {"kargas": "kargas2018", "he": "he2013", "sonmez": "sonmez2008"}
    swapped = {"coarse": "fine", "fine": "coarse", "medium": "medium"}  # the order of the sonmez rows is reversed in that file
    for row in rows:
        method = alias.get(row["method"], row["method"].lower())
        texture = row["texture"]
        if texture != "all":
            method = "hogg_texture" if method == "hogg" else method
            texture = {"coarse": "sand", "medium": "loam", "fine": "clay"}[swapped[texture] if method == "sonmez2008" else texture]
        slope, intercept, value = float(row["slope"]), float(row["intercept"]), 2.0
        linear = slope * (np.log10(value) if "log10" in row["form"] else np.log(value) if "ln" in row["form"] else value) + intercept
        expected = 10**linear if "log10" in row["form"] else np.exp(linear) if "ln" in row["form"] else linear
        converted = units.convert_to_ece([value], method, extract=row["extract"], texture=None if texture == "all" else texture)
        assert_allclose(converted.values, expected, rtol=RELATIVE)
        assert method.split("_")[0] in converted.method_text


@given(
    st.sampled_from(["slavich_class", "fao2006", "sonmez2008", "kargas2018", "he2013", "korea_sand", "constant", "chi", "klaustermeier"]),
    st.lists(st.floats(0, 200), min_size=2, max_size=20),
)
def test_conversion_never_reverses_the_order_and_is_never_negative(method, values):
    ec = np.sort(np.array(values))
    converted = units.convert_to_ece(ec, method, texture=["loam"] * ec.size, sand=40.0).values
    assert np.all(np.diff(converted) >= -1e-9)
    assert np.all(converted >= 0)


def test_negative_and_missing_conductivity_become_missing():
    assert np.isnan(units.convert_to_ece([-1.0, np.nan], "constant", factor=6.4).values).all()


@pytest.mark.parametrize(("method", "named"), [("slavich_class", "--texture"), ("slavich_theta", "theta_sp"), ("korea_sand", "sand")])
def test_what_a_method_needs_is_named(method, named):
    with pytest.raises(SampleError, match=named):
        units.convert_to_ece([1.0], method)


def test_a_method_for_another_extract_is_refused_with_those_that_fit():
    with pytest.raises(SampleError, match="hogg"):
        units.convert_to_ece([1.0], "slavich_class", extract="1:2", texture="loam")


@pytest.mark.parametrize("text", ["ECx", "ECe:nobody", "ECe:constant=abc", "salt:1", "salt:a,b", "ECe:kargas2018=3", "salt:-1,0"])
def test_a_conversion_nobody_knows_is_refused(text):
    with pytest.raises(SettingsError):
        units.parse_conversion(text)


def test_conversions_are_parsed():
    assert units.parse_conversion("ECe") == units.Conversion("ECe")
    assert units.parse_conversion("ece:slavich_class") == units.Conversion("ECe", "slavich_class")
    assert units.parse_conversion("ECe:constant=6.5") == units.Conversion("ECe", "constant", (6.5,))
    assert units.parse_conversion("salt:2.7,0.4") == units.Conversion("salt", None, (2.7, 0.4))


def test_salts(soil):
    salts = soil["salts"]
    for row in salts["tds_mg_L"]:
        assert_allclose(units.dissolved_solids_mg_l(row["ec_dS_m"]), row["tds"], rtol=RELATIVE)
    for row in salts["salt_from_ec15_g_kg"]:
        assert_allclose(units.convert_to_salt([row["ec15_dS_m"]]).values, row["salt_g_kg"], rtol=RELATIVE)
    for row in salts["salt_from_ece_g_kg"]:
        assert_allclose(units.convert_to_salt([row["ece_dS_m"]], extract="paste", theta=row["theta_sp"]).values, row["salt_g_kg"], rtol=RELATIVE)
    with pytest.raises(SampleError, match="--texture"):
        units.convert_to_salt([1.0], extract="paste")


def test_carbon(soil):
    carbon = soil["soc"]
    for row in carbon["percent_to_g_kg"]:
        assert_allclose(units.organic_carbon_g_kg(row["percent"]), row["g_kg"], rtol=RELATIVE)
    for row in carbon["soc_to_som"]:
        assert_allclose(units.organic_matter_g_kg(row["soc_g_kg"]), row["som_g_kg"], rtol=RELATIVE)
    for row in carbon["stock"]:
        stock = units.carbon_stock_t_ha(row["soc_g_kg"], row["bd_g_cm3"], row["depth_cm"], row["coarse_volume_fraction"])
        assert_allclose([stock, stock / 10], [row["stock_Mg_ha"], row["stock_kg_m2"]], rtol=RELATIVE)
    with pytest.raises(SettingsError, match="between 0 and 1"):
        units.carbon_stock_t_ha(20, 1.3, 30, 10)


def test_classes_agree_with_the_reference(soil):
    reference = soil["classes"]
    for row in reference["test"]:
        assert units.class_scheme("usda").assign(row["value"]) == row["ussl"]
        assert units.class_scheme("fao").assign(row["value"]) == row["ussl"]
        assert units.class_scheme("fao2006").assign(row["value"]) == row["fao2006"]
        assert units.class_scheme("cn-coastal").assign(row["value"]) == row["china"]
    assert list(units.class_scheme("fao").labels) == reference["ussl_labels"]
    assert list(units.class_scheme("usda").labels) == reference["usda_nrcs_labels"]
    assert list(units.class_scheme("cn-coastal").labels) == reference["china_labels"]


@given(st.sampled_from(["usda", "fao", "fao2006", "cn-coastal"]), st.floats(0, 1e6))
def test_a_class_holds_its_lower_limit_and_not_its_upper(name, value):
    scheme = units.class_scheme(name)
    lower, upper = scheme.bounds[int(scheme.assign(value))]
    assert lower is None or value >= lower
    assert upper is None or value < upper


def test_every_scheme_has_a_label_and_a_colour_per_class():
    for scheme in units.class_schemes():
        assert len(scheme.labels) == len(scheme.colors) == len(set(scheme.colors)) == len(scheme.edges) + 1
        assert scheme.assign(np.array([np.nan, 0.0])).tolist() == [-1, 0]
        assert scheme.assign(np.array([np.nan, 0.0])).dtype == np.int8


def test_ece_classes_on_dilute_extracts_are_refused_with_the_conversion():
    scheme = units.class_scheme("usda")
    units.check_scheme_fits(scheme, "dS/m", "ECe")
    units.check_scheme_fits(scheme, "mS/cm", "ECe")
    with pytest.raises(SettingsError, match="--convert ECe"):
        units.check_scheme_fits(scheme, "dS/m", "as-measured")
    with pytest.raises(SettingsError, match="--convert ECe"):
        units.check_scheme_fits(scheme, "mS/m", "ECe")
    with pytest.raises(SettingsError, match="--convert salt"):
        units.check_scheme_fits(units.class_scheme("cn-coastal"), "dS/m", "ECe")


def test_texture_names_in_several_spellings():
    classes, loose, unknown = units.read_texture_names(
        ["SL", "Silty clay", "argile", "Clayey", "mud pie", None, "clay"], clay=[10, 45, 50, 50, 50, 50, 70]
    )
    assert list(classes) == ["sandy loam", "silty clay", "clay", "clay", None, None, "heavy clay"]
    assert loose == {"Clayey": "clay"}
    assert unknown == ("mud pie",)
