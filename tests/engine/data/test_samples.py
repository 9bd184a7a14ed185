"""The target: its unit, extract and conversion, said or recognised, by table or by row; what is needed and missing is named."""

import numpy as np
import pytest

from soilcore.core.errors import SampleError, SettingsError
from soilcore.data.checks import check_samples, sensitivity
from soilcore.data.samples import SampleSettings, read_samples


def table(tmp_path, text, **said):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_samples(path, SampleSettings(**said))


def codes(samples):
    return {finding.code for finding in check_samples(samples)}


EC = "id,{name},texture,clay\na,0.1,loam,20\nb,0.5,clay,65\nc,1.0,SL,8\n"


@pytest.mark.parametrize(
    ("name", "unit", "extract", "form"),
    [
        ("EC_uS_cm", "µS/cm", None, "as-measured"),
        ("EC1:5 (mS/m)", "mS/m", "1:5", "as-measured"),
        ("ec_1_5_dS_m", "dS/m", "1:5", "as-measured"),
        ("ece_dS_m", "dS/m", "paste", "ECe"),
        ("salt_g_kg", "g/kg", None, "salt"),
        ("电导率(mS/cm)", "mS/cm", None, "as-measured"),
        ("SOC", None, None, "as-measured"),
    ],
)
def test_unit_extract_and_form_are_recognised_from_the_name(tmp_path, name, unit, extract, form):
    target = table(tmp_path, EC.format(name=name), target=name).target
    assert (target.unit, target.extract, target.form) == (unit, extract, form)


def test_what_is_inferred_is_said(tmp_path):
    samples = table(tmp_path, EC.format(name="EC_1_5_uS_cm"))
    assert samples.target.column == "EC_1_5_uS_cm"
    assert all(any(word in sentence for sentence in samples.assumed) for word in ("target", "unit", "extract"))


def test_an_option_wins_over_the_name_and_the_contradiction_is_said(tmp_path):
    samples = table(tmp_path, EC.format(name="EC_dS_m"), target="EC_dS_m", unit="mS/m", extract="1:5")
    assert (samples.target.unit, samples.target.extract) == ("mS/m", "1:5")
    assert "unit-contradicted" in codes(samples)


def test_units_of_rows_are_brought_to_one(tmp_path):
    text = "id,EC,unit\na,1.5,dS/m\nb,1500,µS/cm\nc,150,mS/m\nd,2,parsec\n"
    samples = table(tmp_path, text, target="EC")
    np.testing.assert_array_equal(samples.target.values, [1.5, 1.5, 1.5, np.nan])
    assert samples.target.unit == "dS/m"
    assert codes(samples) >= {"units-mixed", "unit-unreadable"}
    in_cells = table(tmp_path, "id,EC\na,1.5 dS/m\nb,1500 uS/cm\nc,150 mS/m\n", target="EC")
    np.testing.assert_array_equal(in_cells.target.values, [1.5, 1.5, 1.5])


def test_extracts_of_rows_are_converted_each_by_its_own(tmp_path):
    text = "id,EC_dS_m,extract\na,2,1:5\nb,2,paste\nc,2,1:1\n"
    samples = table(tmp_path, text, target="EC_dS_m")
    assert "extracts-mixed" in codes(samples)
    converted = table(tmp_path, text, target="EC_dS_m", convert="ECe:kargas2018")
    np.testing.assert_allclose(converted.target.values, [6.53 * 2 - 0.108, 2, 1.83 * 2 + 0.117])
    assert "extracts-mixed" not in codes(converted)


def test_conversion_by_texture_keeps_its_method(tmp_path):
    target = table(tmp_path, EC.format(name="ec_1_5_dS_m"), target="ec_1_5_dS_m", convert="ECe").target
    np.testing.assert_allclose(target.values, [0.95, 2.9, 13.8])  # 65 % clay is heavy clay
    assert (target.form, target.unit, target.extract) == ("ECe", "dS/m", "paste")
    assert "slavich_class" in target.method
    assert target.measured.values.tolist() == [0.1, 0.5, 1.0]


def test_without_texture_the_constant_is_taken_and_said(tmp_path):
    samples = table(tmp_path, "id,ec_1_5_mS_m\na,10\nb,50\nc,100\n", target="ec_1_5_mS_m", convert="ECe")
    np.testing.assert_allclose(samples.target.values, [0.64, 3.2, 6.4])
    assert "constant=6.4" in samples.target.method
    assert any("constant" in sentence for sentence in samples.assumed)
    other = table(tmp_path, "id,ec_1_5_mS_m\na,10\nb,50\n", target="ec_1_5_mS_m", convert="ECe:constant=7")
    np.testing.assert_allclose(other.target.values, [0.7, 3.5])


def test_salt_by_the_general_rule_and_by_a_calibration(tmp_path):
    text = "id,ec_1_5_dS_m\na,0.5\nb,2\n"
    assert table(tmp_path, text, convert="salt").target.values.tolist() == [1.6, 6.4]
    target = table(tmp_path, text, convert="salt:2.5,0.5").target
    assert (target.values.tolist(), target.unit, target.form) == ([1.75, 5.5], "g/kg", "salt")


@pytest.mark.parametrize(
    ("text", "said", "named"),
    [
        ("id,EC\na,1\nb,2\n", {"convert": "ECe"}, "--unit"),
        ("id,EC\na,1\nb,2\n", {"convert": "ECe", "unit": "dS/m"}, "--extract"),
        ("id,EC\na,1\nb,2\n", {"convert": "ECe", "unit": "dS/m", "extract": "1:2"}, "--convert ECe:METHOD"),
        ("id,EC\na,1\nb,2\n", {"convert": "ECe:slavich_class", "unit": "dS/m", "extract": "1:5"}, "--texture"),
        ("id,EC\na,1\nb,2\n", {"convert": "ECe", "unit": "dS/m", "extract": "ECa"}, "apparent"),
        ("id,EC\na,1\nb,2\n", {"convert": "salt", "unit": "dS/m", "extract": "paste"}, "--texture"),
        ("id,SOC_pct\na,1\nb,2\n", {"target": "SOC_pct", "convert": "ECe"}, "no conductivity"),
    ],
)
def test_what_a_conversion_needs_is_named(tmp_path, text, said, named):
    with pytest.raises(SampleError, match=named):
        table(tmp_path, text, **{"target": "EC", **said})


@pytest.mark.parametrize(
    "said", [{"target": "nothing"}, {"unit": "bananas"}, {"extract": "1:7"}, {"convert": "gold"}, {"id": "nothing"}, {"detection_limit": -1.0}]
)
def test_wrong_options_are_refused(tmp_path, said):
    with pytest.raises(SettingsError):
        table(tmp_path, EC.format(name="EC"), **{"target": "EC", **said})


def test_a_target_that_is_text_or_empty_or_constant_is_an_error(tmp_path):
    assert "target-text" in codes(table(tmp_path, "id,kind,EC\na,x,1\nb,y,2\n", target="kind"))
    assert "target-empty" in codes(table(tmp_path, "id,EC,pH\na,,1\nb,,2\n", target="EC"))
    assert "target-constant" in codes(table(tmp_path, "id,EC\na,2\nb,2\n", target="EC"))


def test_values_below_the_detection_limit_become_half_of_it(tmp_path):
    samples = table(tmp_path, "id,EC\na,0.02\nb,0.5\nc,0\n", target="EC", detection_limit=0.1)
    assert samples.target.values.tolist() == [0.05, 0.5, 0.05]
    assert {finding.row for finding in samples.findings if finding.code == "below-detection"} == {2, 4}


def test_a_choice_of_settings_changes_the_fingerprint_and_nothing_else_does(tmp_path):
    first, again = (table(tmp_path, EC.format(name="EC"), target="EC") for _ in range(2))
    other = table(tmp_path, EC.format(name="EC"), target="EC", unit="dS/m")
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_depth_ranges_and_dates_are_recognised(tmp_path):
    samples = table(tmp_path, "id,Tiefe,Datum,EC\na,0-20,17.03.2024,1\nb,20-40,17.03.2024,2\n")
    assert samples.table["depth_top"].tolist() == [0, 20]
    assert samples.table["depth_bottom"].tolist() == [20, 40]
    assert samples.columns["date"] == "Datum"


def test_the_panel_shows_what_the_method_decides(tmp_path):
    samples = table(tmp_path, EC.format(name="ec_1_5_dS_m"), target="ec_1_5_dS_m")
    panel = sensitivity(samples).set_index("method")
    assert len(panel) >= 8
    assert panel.loc["slavich_class", "share_above_2"] == pytest.approx(2 / 3)
    assert panel.loc["constant=6.4", "share_above_4"] == pytest.approx(1 / 3)
    assert "viscounti" not in panel.index
    bare = sensitivity(table(tmp_path, "id,ec_1_5_dS_m\na,0.1\nb,0.5\n"))
    assert {"slavich_class, if loam", "kargas2018"} <= set(bare["method"])
    with pytest.raises(SampleError, match="--extract"):
        sensitivity(table(tmp_path, "id,EC_dS_m\na,0.1\nb,0.5\n", target="EC_dS_m"))


def test_the_panel_of_lucas_reproduces_the_shares_of_the_specification(tmp_path):
    values = np.exp(np.random.default_rng(0).normal(np.log(0.17), 0.76, 20000))
    samples = table(tmp_path, "id,ec_1_5_dS_m\n" + "\n".join(f"{k},{value}" for k, value in enumerate(values)))
    panel = sensitivity(samples).set_index("method")["share_above_2"]
    assert panel["kargas2018"] == pytest.approx(0.205, abs=0.015)
    assert panel["slavich_class, if loam"] == pytest.approx(0.39, abs=0.015)
    assert panel["slavich_class, if sandy loam"] == pytest.approx(0.58, abs=0.015)
