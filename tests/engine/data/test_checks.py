"""Each check finds what it is for, names row, column, value and fix, and stays quiet on a clean table."""

import time

import numpy as np
import pandas as pd
import pytest
from affine import Affine
from pyproj import CRS

from soilcore.core.findings import SEVERITIES
from soilcore.core.grids import Grid
from soilcore.core.tables import load_table
from soilcore.data.checks import check_samples
from soilcore.data.remarks import LISTED_PER_CODE, capped, remark
from soilcore.data.samples import SampleSettings, read_samples


def clean(n=40, seed=0):
    """A table without any fault: places, dates, depths, texture, reflectance, target."""
    rng = np.random.default_rng(seed)
    clay, sand = rng.uniform(10, 40, n).round(1), rng.uniform(20, 50, n).round(1)
    return (
        pd.DataFrame(
            {
                "id": [f"s{k}" for k in range(n)],
                "x_32636": (500000 + rng.uniform(0, 5000, n)).round(1),
                "y_32636": (5180000 + rng.uniform(0, 5000, n)).round(1),
                "date": "2024-03-17",
                "depth_top": 0,
                "depth_bottom": rng.choice([20, 25], n),
                "ec_1_5_dS_m": np.exp(rng.normal(-1, 0.8, n)).round(3),
                "elevation": rng.uniform(0, 30, n).round(2),
                "slope": rng.uniform(0, 3, n).round(3),
            }
        ),
        clay,
        sand,
    )


class Scene:
    """As much of a scene as the checks need: 5 km at 33 E, taken on 20 March 2024."""

    grid = Grid(500, 500, Affine(10, 0, 500000, 0, -10, 5185000), CRS.from_epsg(32636))
    paths = ("S2_20240320.tif",)


def findings_of(tmp_path, frame, scene=None, **said):
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    said = {"target": "ec_1_5_dS_m", **said}
    return check_samples(read_samples(path, SampleSettings(**said)), scene)


def one(findings, code):
    found = [finding for finding in findings if finding.code == code]
    assert found, (code, [finding.code for finding in findings])
    assert found[0].fix
    return found[0]


def test_a_clean_table_has_no_warning(tmp_path):
    frame, *_ = clean()
    assert not [finding for finding in findings_of(tmp_path, frame) if finding.severity != "note"]


@pytest.mark.parametrize(
    ("column", "value", "code", "severity"),
    [
        ("ec_1_5_dS_m", -1, "value-negative", "error"),
        ("ec_1_5_dS_m", 500, "value-impossible", "error"),
        ("ec_1_5_dS_m", 40, "value-outlier", "warning"),
        ("ec_1_5_dS_m", 0, "zeros-in-target", "warning"),
        ("ec_1_5_dS_m", "", "target-missing", "warning"),
        ("ec_1_5_dS_m", "<0.02", "below-detection", "warning"),
        ("ec_1_5_dS_m", "wet", "text-in-number-column", "warning"),
        ("ec_1_5_dS_m", -9999, "missing-code", "warning"),
        ("depth_bottom", -5, "depth-negative", "warning"),
        ("depth_top", 30, "depth-inverted", "warning"),
        ("depth_top", 20.0, "depth-zero-thick", "note"),
        ("date", "yesterday", "date-unparsable", "warning"),
        ("date", "2924-03-17", "date-future", "warning"),
        ("id", "s2", "duplicate-id", "warning"),
        ("elevation", "", "values-missing", "warning"),
        ("x_32636", "", "coordinate-missing", "warning"),
    ],
)
def test_one_bad_cell_is_found_where_it_stands(tmp_path, column, value, code, severity):
    frame, *_ = clean()
    frame = frame.astype({column: object, "depth_bottom": object})
    frame.loc[:, "depth_bottom"] = 20
    frame.loc[5, column] = value
    finding = one(findings_of(tmp_path, frame), code)
    assert (finding.severity, finding.row, finding.column) == (severity, 7, column if code != "depth-negative" else "depth_top")


def test_a_unit_that_cannot_be_is_named_with_the_likely_one(tmp_path):
    frame, *_ = clean()
    frame["ec_1_5_dS_m"] *= 100
    finding = one(findings_of(tmp_path, frame), "unit-looks-wrong")
    assert finding.severity == "error"
    assert "mS/m" in finding.message
    assert "--unit mS/m" in finding.fix
    assert not {"unit-looks-wrong"} & {each.code for each in findings_of(tmp_path, frame, unit="mS/m")}


def test_copies_and_companions_of_the_target_are_named(tmp_path):
    frame, clay, _ = clean()
    frame = frame.rename(columns={"ec_1_5_dS_m": "EC"}).assign(
        EC_bin=lambda t: (t.EC > 0.4) * 1, logEC=lambda t: np.log(t.EC), pH=clay / 5, radar=lambda t: t.EC**2
    )
    found = findings_of(tmp_path, frame, target="EC")
    assert {each.column for each in found if each.code == "copy-of-target"} == {"EC_bin", "logEC", "radar"}
    assert {each.column for each in found if each.code == "measured-with-target"} == {"pH"}


def test_zero_texture_and_texture_that_does_not_sum_are_named(tmp_path):
    frame, clay, sand = clean()
    frame = frame.assign(sand=sand, silt=100 - sand - clay, clay=clay)
    frame.loc[3, ["sand", "silt", "clay"]] = 0
    frame.loc[4, "sand"] = 99
    found = findings_of(tmp_path, frame)
    assert one(found, "zero-as-missing").row == 5
    assert one(found, "texture-sum").row == 6


def test_repeated_rows_and_contradicting_replicates_are_named(tmp_path):
    frame, *_ = clean()
    frame = pd.concat([frame, frame.iloc[[4]], frame.iloc[[7]].assign(id="again", ec_1_5_dS_m=9.9)])
    found = findings_of(tmp_path, frame)
    assert (one(found, "duplicate-row").row, one(found, "duplicate-row").value) == (42, "row 6")
    assert one(found, "same-place-different-value").row == 43
    assert one(found, "same-place").severity == "warning"


def test_groups_that_share_covariates_are_suggested_for_the_folds(tmp_path):
    rng = np.random.default_rng(1)
    profile = np.repeat(np.arange(15), 4)
    terrain = rng.normal(size=(15, 4))[profile]
    frame = pd.DataFrame(terrain, columns=["elevation", "slope", "twi", "rain"]).assign(
        pedon=[f"P{k}" for k in profile], top=np.tile([0, 20, 40, 60], 15), EC=rng.lognormal(size=60)
    )
    finding = one(findings_of(tmp_path, frame, target="EC"), "shared-covariates")
    assert finding.fix.endswith("--cv group:pedon.")


def test_overlapping_layers_of_a_profile_are_named(tmp_path):
    frame = pd.DataFrame({"profile": ["a", "a", "b", "b"], "top": [0, 15, 0, 20], "bottom": [20, 40, 20, 40], "EC": [1, 2, 3, 4.0]})
    found = [each for each in findings_of(tmp_path, frame, target="EC") if each.code == "depth-overlap"]
    assert [each.row for each in found] == [3]


def test_samples_of_the_same_layer_at_a_site_do_not_overlap(tmp_path):
    frame = pd.DataFrame({"site": ["a", "a", "b", "b"], "top": [0, 0, 0, 20], "bottom": [20, 20, 20, 40], "EC": [1, 2, 3, 4.0]})
    assert "depth-overlap" not in {each.code for each in findings_of(tmp_path, frame, target="EC")}


def test_columns_with_one_value_are_named_unless_they_have_a_part(tmp_path):
    frame, *_ = clean()
    found = [each for each in findings_of(tmp_path, frame.assign(lab="north", gain=1.0)) if each.code == "constant-column"]
    assert [(each.column, each.value) for each in found] == [("lab", "north"), ("gain", "1")]


def test_dates_far_from_the_imagery_are_named(tmp_path):
    frame, *_ = clean()
    frame.loc[2, "date"] = "2019-07-01"
    found = [each.row for each in findings_of(tmp_path, frame, Scene) if each.code == "date-far-from-scene"]
    assert found == [4]


def test_dates_of_unknown_order_are_said(tmp_path):
    frame, *_ = clean()
    frame["date"] = "03/04/2024"
    assert one(findings_of(tmp_path, frame), "date-ambiguous").column == "date"
    frame.loc[0, "date"] = "03/24/2024"
    assert "date-ambiguous" not in {each.code for each in findings_of(tmp_path, frame)}


def bands(n=60, offset=0, seed=2):
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.02, 0.5, n)
    names = {"B2": 0.4, "B3": 0.6, "B4": 0.8, "B8": 1.2, "B11": 1.4}
    return pd.DataFrame({name: (level * slope * rng.uniform(0.9, 1.1, n) * 10000 + offset).round() for name, slope in names.items()}), rng.lognormal(
        size=n
    )


def test_an_offset_left_in_the_bands_is_found_and_a_scale_is_asked_for(tmp_path):
    table, ec = bands(offset=1000)
    assert one(findings_of(tmp_path, table.assign(EC=ec), target="EC"), "offset-in-bands").severity == "warning"
    table, ec = bands(offset=0)
    found = findings_of(tmp_path, table.assign(EC=ec), target="EC")
    assert "B2=B" in one(found, "scale-not-stated").fix
    assert "offset-in-bands" not in {each.code for each in found}
    table, ec = bands()
    assert not {"offset-in-bands", "scale-not-stated"} & {each.code for each in findings_of(tmp_path, (table / 10000).assign(EC=ec), target="EC")}


def test_an_index_that_is_another_is_found(tmp_path):
    table, ec = bands()
    right = table.assign(NDVI=(table.B8 - table.B4) / (table.B8 + table.B4), EC=ec)
    assert "index-not-as-named" not in {each.code for each in findings_of(tmp_path, right, target="EC")}
    scaled = right.assign(NDVI=((right.B8 - right.B4) / (right.B8 + right.B4) * 10000).round())
    assert {"index-scaled"} == {each.code for each in findings_of(tmp_path, scaled, target="EC")} & {"index-scaled", "index-not-as-named"}
    wrong = table.assign(NDVI=(table.B4 - table.B3) / (table.B4 + table.B3), EC=ec)
    assert "(B4 - B3)" in one(findings_of(tmp_path, wrong, target="EC"), "index-not-as-named").message


def test_conductivity_that_disagrees_with_its_ions_is_found(tmp_path):
    rng = np.random.default_rng(3)
    sodium = rng.uniform(100, 3000, 30)
    frame = pd.DataFrame({"EC (dS/m)": sodium / 22.99 / 10 * 1.3, "Na (mg/L)": sodium, "Ca (mg/L)": sodium * 0.2, "Mg (mg/L)": sodium * 0.05})
    frame.loc[4, "EC (dS/m)"] *= 100
    found = findings_of(tmp_path, frame, target="EC (dS/m)")
    assert one(found, "ec-against-ions").row == 6
    assert one(found, "ions-in-solution").severity == "note"


def test_repeated_findings_are_capped_and_counted():
    found = capped([remark("target-missing", f"Row {row} has no value.", row=row, column="EC") for row in range(2, 102)])
    assert len(found) == LISTED_PER_CODE + 1
    assert "100 in all" in found[-1].message
    assert found[-1].row is None


def test_findings_come_gravest_first(tmp_path):
    frame, *_ = clean()
    frame.loc[5, "ec_1_5_dS_m"] = -1
    order = [SEVERITIES.index(finding.severity) for finding in findings_of(tmp_path, frame)]
    assert order == sorted(order)


def test_every_code_said_by_the_engine_stands_in_the_table_and_the_other_way_round():
    import re
    from pathlib import Path

    import soilcore.data

    source = "".join(path.read_text(encoding="utf-8") for path in Path(soilcore.data.__path__[0]).glob("*.py"))
    said = set(re.findall(r'"([a-z]+(?:-[a-z0-9]+)+)"', source))
    codes = load_table("findings")["codes"]
    unused = set(codes) - said
    assert not unused, unused
    for code, entry in codes.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
        assert entry["severity"] in SEVERITIES
        assert entry["fix"]


def test_ten_thousand_rows_are_read_and_checked_in_seconds(tmp_path):
    frame, *_ = clean(10000, seed=4)
    for k in range(30):
        frame[f"c{k}"] = np.random.default_rng(k).normal(size=len(frame)).round(4)
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    start = time.process_time()
    check_samples(read_samples(path, SampleSettings(target="ec_1_5_dS_m")))
    assert time.process_time() - start < 6  # about 1 s on an idle core
