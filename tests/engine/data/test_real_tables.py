"""Every real table is read and checked; each trap that its README names is found, by its code, where it stands."""

import pytest

from soilcore.core.findings import worst
from soilcore.data.checks import check_samples
from soilcore.data.samples import SampleSettings, read_samples

# (file, what the user says, [(code, column, row)]): the traps that must be found. None stands for any.
TRAPS = [
    (
        "ec_odisha/soil_data_raw.csv",
        {"target": "EC"},
        [
            ("encoding-assumed", None, 11),  # Latin-1, byte 0xB5
            ("values-missing", "Blue", 59),  # seven rows without bands
            ("duplicate-marked", "Observations", 12),  # six rows called duplicates
            ("duplicate-predictors", None, 11),
            ("shared-covariates", "Grid_Cell_ID", None),
            ("scale-not-stated", "Blue", None),  # Landsat Collection 2 digital numbers
            ("measured-with-target", "pH", None),
            ("extract-not-stated", "EC", None),
            ("no-coordinates", None, None),  # X is no coordinate
        ],
    ),
    (
        "ec_odisha/soil_data_reflectance.csv",
        {"target": "EC"},
        [
            ("index-not-as-named", "NDVI", None),  # (R-G)/(R+G)
            ("copy-of-target", "EC_all", None),
            ("copy-of-target", "EC_bin", None),
            ("copy-of-target", "EC_cat", None),
            ("unit-not-stated", "EC", None),
            ("column-unnamed", "column_1", 1),
        ],
    ),
    (
        "ec_ucrb/cop_ncss17_ec12_2D_covarsc.txt",
        {"target": "ec_12pre"},
        [
            ("shared-covariates", "Pedon_key", None),
            ("same-place", "LONG_dec", None),
            ("depth-inverted", "depth_t", None),
            ("depth-overlap", "depth_t", None),
            ("duplicate-id", "Sample_ID", None),
            ("same-place-different-value", "ec_12pre", None),
            ("coordinates-ambiguous", "LONG_dec", None),
            ("crs-assumed", "LONG_dec", None),
            ("unit-not-stated", "ec_12pre", None),
        ],
    ),
    (
        "ec_xinjiang/xinjiang_ions_ec.xlsx",
        {"target": "EC(ms cm-1)"},
        [
            ("decimal-comma", "EC(ms cm-1)", 111),
            ("ions-in-solution", "K(mg L-1)", None),
            ("ec-against-ions", "EC(ms cm-1)", None),
            ("copy-of-target", "SSC(g kg-1)", None),
            ("target-missing", "EC(ms cm-1)", 206),
            ("measured-with-target", "Na(mg L-1)", None),
            ("no-coordinates", None, None),
        ],
    ),
    ("eca_pampas/paar_wheat_ECa.csv.gz", {"target": "CE30"}, [("crs-missing", "x", None), ("measured-with-target", "CE90", None)]),
    (
        "s2_points/kakhovka_s2_landcover.tsv",
        {},
        [("offset-in-bands", "B2", None), ("duplicate-row", None, None), ("same-place", "Longitude", None)],
    ),
    (
        "limesoda/B.204.csv",
        {"target": "SOC_target"},
        [
            ("index-not-as-named", "NDVI", None),
            ("scale-not-stated", "B02", None),
            ("measured-with-target", "pH_target", None),
            ("zeros-in-target", None, None),
        ],
    ),
    ("limesoda/G.150.csv", {"target": "Clay_target"}, [("index-not-as-named", "NDVI", None), ("scale-not-stated", "B02", None)]),
    ("limesoda/BB.250.csv", {"target": "SOC_target"}, [("index-not-as-named", "NDVI", None), ("scale-not-stated", "B02", None)]),
    ("limesoda/BB.72.csv", {"target": "SOC_target"}, [("index-not-as-named", "NDVI", None), ("scale-not-stated", "B02", None)]),
    ("limesoda/MWP.36.csv", {"target": "SOC_target"}, [("scale-not-stated", "B02", None)]),
    ("limesoda/W.50.csv", {"target": "SOC_target"}, [("no-coordinates", None, None)]),
    ("limesoda/NRW.62.csv", {"target": "SOC_target"}, [("spectra-table", "wn_3799", None), ("no-coordinates", None, None)]),
    ("limesoda/O.32.csv", {"target": "SOC_target"}, [("spectra-table", "wn_3800", None), ("no-coordinates", None, None)]),
    ("limesoda/SC.93.csv", {"target": "SOC_target"}, [("spectra-table", "wl_355", None)]),
    ("limesoda/overview.csv", {}, [("lookup-table", None, None)]),
    ("limesoda/published_results.csv", {}, [("lookup-table", None, None)]),
    (
        "macedonia/SOC_RegMatrix.csv",
        {"target": "OCS"},
        [
            ("measured-with-target", "SOC", None),
            ("measured-with-target", "BLD", None),
            ("measured-with-target", "CRF", None),
            ("copy-of-target", "OCSlog", None),
            ("crs-assumed", "X", None),
        ],
    ),
    ("macedonia/dat_train.csv", {"target": "OCS"}, [("copy-of-target", "OCSlog", None), ("measured-with-target", "SOC", None)]),
    ("macedonia/dat_test.csv", {"target": "OCS"}, [("copy-of-target", "OCSlog", None), ("measured-with-target", "SOC", None)]),
    ("phenology/phenofit_MOD13A1.csv", {}, [("index-scaled", "NDVI", None), ("same-place", "lon", None), ("values-missing", "DayOfYear", 421)]),
    ("phenology/phenofit_CA_NS6.csv", {}, [("constant-column", "site", None), ("no-coordinates", None, None)]),
    (
        "spectra/NIRsoil.parquet",
        {"target": "Ciso"},
        [("spectra-table", "1100", None), ("target-missing", "Ciso", None), ("measured-with-target", "Nt", None)],
    ),
    ("spectra/mirzai_kssl_mir_exK.parquet", {"target": "exK"}, [("zeros-in-target", "exK", None), ("spectra-table", "3999", None)]),
    ("spectra/ossl_samples/sample_mir_data.csv", {}, [("spectra-table", "4001.656", None)]),
    ("spectra/ossl_samples/sample_visnir_data.csv", {}, [("spectra-table", "350", None)]),
    ("spectra/ossl_samples/sample_neospectra_data.csv", {}, [("spectra-table", None, None)]),
    ("classes/Table_2.2_salt_classes.csv", {}, [("lookup-table", None, None)]),
    ("classes/ec_conversion_coefficients.csv", {}, [("lookup-table", None, None)]),
]
# Tables without a trap: no error, no warning but those named.
CLEAN = [
    ("limesoda/SM.40.csv", {"target": "Clay_target"}, {"measured-with-target"}),
    ("series/netherlands_ndvi/samples/samples.gpkg", {}, set()),
    ("eca_pampas/paar_wheat_ECa.csv.gz", {"target": "CE30", "crs": "EPSG:32720", "unit": "mS/m"}, {"measured-with-target"}),
]
WITH_ERRORS = {"eca_pampas/paar_wheat_ECa.csv.gz": {"crs-missing"}}


@pytest.mark.parametrize(("file", "said", "traps"), TRAPS, ids=[row[0] for row in TRAPS])
def test_every_trap_of_a_real_table_is_found_and_named(shared_data, file, said, traps):
    findings = check_samples(read_samples(shared_data / file, SampleSettings(**said)))
    found = [(finding.code, finding.column, finding.row) for finding in findings]
    for code, column, row in traps:
        assert any(one[0] == code and column in (None, one[1]) and row in (None, one[2]) for one in found), (code, column, row, found)
    assert all(finding.message and finding.fix for finding in findings)
    assert {finding.code for finding in findings if finding.severity == "error"} == WITH_ERRORS.get(file, set())


@pytest.mark.parametrize(("file", "said", "allowed"), CLEAN, ids=[row[0] for row in CLEAN])
def test_a_real_table_without_a_trap_passes(shared_data, file, said, allowed):
    findings = check_samples(read_samples(shared_data / file, SampleSettings(**said)))
    assert worst(findings) != "error"
    assert {finding.code for finding in findings if finding.severity == "warning"} <= allowed


def test_no_real_table_is_forgotten(shared_data):
    suffixes = (".csv", ".tsv", ".txt", ".xlsx", ".gpkg", ".parquet", ".csv.gz")
    tables = {str(path.relative_to(shared_data)) for path in shared_data.rglob("*") if path.name.endswith(suffixes)}
    assert tables == {row[0] for row in TRAPS} | {row[0] for row in CLEAN}


def test_the_unit_of_odisha_is_read_from_its_remarks(shared_data):
    samples = read_samples(shared_data / "ec_odisha" / "soil_data_raw.csv", SampleSettings(target="EC"))
    assert samples.target.unit == "µS/cm"
    assert any("µS/cm" in sentence for sentence in samples.assumed)
    assert len(samples) == 113
    assert not samples.has_places


def test_coordinates_and_extract_of_the_colorado_table(shared_data):
    samples = read_samples(shared_data / "ec_ucrb" / "cop_ncss17_ec12_2D_covarsc.txt", SampleSettings(target="ec_12pre"))
    assert (samples.columns["x"], samples.columns["y"], samples.crs.to_epsg()) == ("LONG_dec", "LAT_dec", 4326)
    assert samples.target.extract == "1:2"


def test_the_reference_system_in_a_column_name_is_used(shared_data):
    samples = read_samples(shared_data / "limesoda" / "B.204.csv", SampleSettings(target="SOC_target"))
    assert samples.crs.to_epsg() == 32723


def test_predictors_of_limesoda_are_its_sensors(shared_data):
    from soilcore.data.columns import predictor_columns

    samples = read_samples(shared_data / "limesoda" / "B.204.csv", SampleSettings(target="SOC_target"))
    bands = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
    assert predictor_columns(samples, "all") == ["Altitude", "Slope", *bands, "NDVI", "GNDVI"]


def test_predictors_of_macedonia_leave_out_what_was_measured_with_the_stock(shared_data):
    from soilcore.data.columns import predictor_choice

    samples = read_samples(shared_data / "macedonia" / "SOC_RegMatrix.csv", SampleSettings(target="OCS"))
    columns, left_out = predictor_choice(samples, "all")
    assert not {"SOC", "OCSlog", "BLD", "CRF", "id", "X", "Y", "soil", "OCS"} & set(columns)
    assert left_out["soil"] == "text"
    assert "B04CHE3" in columns
