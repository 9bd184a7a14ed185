"""Tables of every kind and dialect give the same numbers; what is no table is refused in one sentence."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.data.tabular import read_table

TRUTH = pd.DataFrame({"id": ["a1", "b2", "c3"], "lon": [12.25, 12.5, 12.75], "EC": [0.5, 12.25, 3.125]})


def written(tmp_path, content, name="t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def text_of(delimiter=",", decimal=".", newline="\n"):
    rows = [
        ["id", "lon", "EC"],
        *[[one, f"{lon!r}".replace(".", decimal), f"{ec!r}".replace(".", decimal)] for one, lon, ec in TRUTH.itertuples(index=False)],
    ]
    return newline.join(delimiter.join(row) for row in rows) + newline


def same(table, columns=("id", "lon", "EC")):
    assert list(table.frame.columns) == list(columns)
    for name in columns:
        assert table.frame[name].tolist() == TRUTH[name].tolist()
    assert list(table.frame.index) == [2, 3, 4]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "   "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_delimiters_and_encodings_are_recognised(tmp_path, delimiter, encoding):
    same(read_table(written(tmp_path, text_of(delimiter).encode(encoding))))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_newline_is_understood(tmp_path, newline):
    same(read_table(written(tmp_path, text_of(newline=newline))))


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas_are_recognised_and_said(tmp_path, delimiter):
    table = read_table(written(tmp_path, text_of(delimiter, ",")))
    same(table)
    assert any("decimal sign: comma" in sentence for sentence in table.assumed)


def test_quoted_decimal_commas_in_a_comma_table_need_no_option(tmp_path):
    table = read_table(written(tmp_path, 'id,lon,EC\na1,"12,25","0,5"\nb2,"12,5","12,25"\nc3,"12,75","3,125"\n'))
    assert table.frame["lon"].tolist() == [12.25, 12.5, 12.75]


def test_a_stray_decimal_comma_is_read_and_named(tmp_path):
    table = read_table(written(tmp_path, 'id,EC\na,1.25\nb,"6,1"\nc,2.5\nd,3.5\n'))
    assert table.frame["EC"].tolist() == [1.25, 6.1, 2.5, 3.5]
    finding = next(finding for finding in table.findings if finding.code == "decimal-comma")
    assert (finding.row, finding.column, finding.value) == (3, "EC", "6,1")


def test_a_comma_that_can_be_both_is_decided_by_the_other_values_or_left_missing(tmp_path):
    near = read_table(written(tmp_path, 'id,EC\na,1150.5\nb,"1,234"\nc,1500.5\n'))
    assert near.frame["EC"].tolist() == [1150.5, 1234.0, 1500.5]
    unclear = read_table(written(tmp_path, 'id,EC\na,"1,234"\nb,"2,345"\nc,"3,456"\n'))
    assert unclear.frame["EC"].isna().all()
    assert {finding.code for finding in unclear.findings} == {"number-ambiguous"}
    told = read_table(written(tmp_path, 'id,EC\na,"1,234"\nb,"2,345"\nc,"3,456"\n'), decimal=",")
    assert told.frame["EC"].tolist() == [1.234, 2.345, 3.456]


@pytest.mark.parametrize(
    ("cell", "value", "code"),
    [
        ("<0.12", 0.06, "below-detection"),
        ("< 0,12", 0.06, "below-detection"),
        ("> 20", 20.0, "above-range"),
        ("3.2 dS/m", 3.2, "number-with-unit"),
        ("bdl", np.nan, "below-detection"),
        ("1 234.5", 1234.5, "thousands-separator"),
        ("1'234.5", 1234.5, "thousands-separator"),
        ("wet", np.nan, "text-in-number-column"),
        ("1.2.3", np.nan, "text-in-number-column"),
        ("\u22121.5", -1.5, None),
        ("1e-3", 0.001, None),
        ("NA", np.nan, None),
        ("n.a.", np.nan, None),
        ("-", np.nan, None),
        ("-9999", np.nan, "missing-code"),
    ],
)
def test_cells_that_are_not_plain_numbers(tmp_path, cell, value, code):
    table = read_table(written(tmp_path, f'id;EC\na;1.5\nb;"{cell}"\nc;2.5\nd;3.5\n'))
    np.testing.assert_array_equal(table.frame["EC"].to_numpy(), [1.5, value, 2.5, 3.5])
    assert {finding.code for finding in table.findings} == ({code} if code else set())
    if code:
        assert (table.findings[0].row, table.findings[0].column) == (3, "EC")


def test_units_and_detection_limits_are_kept_by_row(tmp_path):
    table = read_table(written(tmp_path, "id;EC\na;3.2 dS/m\nb;450 µS/cm\nc;<0.1\n"))
    assert table.units["EC"] == {2: "dS/m", 3: "µS/cm"}
    assert table.limits["EC"] == {4: 0.1}


def test_text_columns_stay_text(tmp_path):
    table = read_table(written(tmp_path, "profile,site,EC\n1-1,3 m north,1\n1-2,5 m south,2\n"))
    assert table.frame["profile"].tolist() == ["1-1", "1-2"]
    assert table.frame["site"].tolist() == ["3 m north", "5 m south"]


def test_quoted_newlines_and_blank_rows_keep_the_row_numbers_of_a_spreadsheet(tmp_path):
    table = read_table(written(tmp_path, 'id,note,EC\na,"two\nlines",1\n\nb,"x, y",2\n,,\nc,"he said ""hi""",3\n'))
    assert list(table.frame.index) == [2, 4, 6]
    assert table.frame["note"].tolist() == ["two\nlines", "x, y", 'he said "hi"']


def test_the_style_of_r_with_one_header_less(tmp_path):
    table = read_table(written(tmp_path, "x EC\n1 2.5 3.5\n2 4.5 5.5\n3 6.5 7.5\n", "t.txt"))
    assert list(table.frame.columns) == ["row_name", "x", "EC"]
    assert table.frame["EC"].tolist() == [3.5, 5.5, 7.5]
    assert "row-names" in {finding.code for finding in table.findings}


def test_rows_that_do_not_fit_are_named_and_never_shift_values(tmp_path):
    table = read_table(written(tmp_path, "id,x,EC\na,1,2\nb,1,5,2\nc,3\nd,4,5\n"))
    found = {finding.code: finding for finding in table.findings}
    assert found["row-too-long"].severity == "error"
    assert (found["row-too-long"].row, found["row-too-short"].row) == (3, 4)
    assert table.frame["EC"].isna().tolist() == [False, True, True, False]


def test_two_columns_of_one_name_stay_apart(tmp_path):
    table = read_table(written(tmp_path, "id,EC,EC,\na,1,2,\nb,4,5,\n"))
    assert list(table.frame.columns) == ["id", "EC", "EC_2"]
    assert {finding.code for finding in table.findings} == {"column-name-twice"}


def test_a_column_without_a_name_gets_one(tmp_path):
    table = read_table(written(tmp_path, ",EC,pH,\n1,2,7,3\n2,5,7,6\n"))
    assert list(table.frame.columns) == ["column_1", "EC", "pH", "column_4"]


def test_a_title_above_the_header_is_skipped_and_said(tmp_path):
    table = read_table(written(tmp_path, "Soil survey 2024,,\n,,\nid,lon,EC\na,1,2\nb,3,4\n"))
    assert list(table.frame.columns) == ["id", "lon", "EC"]
    assert list(table.frame.index) == [4, 5]
    assert "title-rows" in {finding.code for finding in table.findings}


def test_a_row_of_units_is_no_sample_and_its_units_are_kept(tmp_path):
    table = read_table(written(tmp_path, "id,EC,depth\n,µS/cm,cm\na,120,10\nb,150,20\n"))
    assert table.frame["EC"].tolist() == [120, 150]
    assert list(table.frame.index) == [3, 4]
    assert table.units["EC"] == {3: "µS/cm", 4: "µS/cm"}
    assert "unit-row" in {finding.code for finding in table.findings}


@pytest.mark.parametrize(
    ("text", "codec"),
    [("проба,проводимость\nодин,1.5\nдва,2.5\n", "cp1251"), ("样点,电导率\n甲,1.5\n乙,2.5\n", "gb18030"), ("Größe;Süd\nä;1\nö;2\n", "cp1252")],
)
def test_old_encodings_are_recognised(tmp_path, text, codec):
    table = read_table(written(tmp_path, text.encode(codec)))
    assert list(table.frame.columns) == text.splitlines()[0].replace(";", ",").split(",")
    assert "encoding-assumed" in {finding.code for finding in table.findings}
    same_again = read_table(written(tmp_path, text.encode(codec)), encoding=codec)
    assert list(same_again.frame.columns) == list(table.frame.columns)


def test_gzip_and_zip_are_opened(tmp_path):
    same(read_table(written(tmp_path, gzip.compress(text_of().encode()), "t.csv.gz")))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside/t.csv", text_of())
    same(read_table(written(tmp_path, packed.getvalue(), "t.zip")))


def test_workbooks_keep_row_numbers_and_say_which_sheet(tmp_path):
    path = tmp_path / "t.xlsx"
    with pd.ExcelWriter(path) as writer:
        TRUTH.to_excel(writer, sheet_name="samples", index=False)
        TRUTH.assign(EC=0.0).to_excel(writer, sheet_name="other", index=False)
    table = read_table(path)
    same(table)
    assert "sheets-several" in {finding.code for finding in table.findings}
    assert read_table(path, sheet="other").frame["EC"].tolist() == [0, 0, 0]
    assert read_table(path, sheet="2").frame["EC"].tolist() == [0, 0, 0]
    with pytest.raises(SettingsError, match="samples, other"):
        read_table(path, sheet="third")


def test_the_content_decides_not_the_name(tmp_path):
    path = tmp_path / "t.xlsx"
    TRUTH.to_excel(path, index=False)
    same(read_table(written(tmp_path, path.read_bytes(), "really.csv")))


def test_parquet_and_vector_files_hold_the_same(tmp_path):
    import geopandas as gpd

    TRUTH.to_parquet(tmp_path / "t.parquet")
    same(read_table(tmp_path / "t.parquet"))
    points = gpd.GeoDataFrame(TRUTH, geometry=gpd.points_from_xy([1000.0, 2000.0, 3000.0], [5.0, 6.0, 7.0]), crs="EPSG:32633")
    points.to_file(tmp_path / "t.gpkg", layer="points")
    points.to_parquet(tmp_path / "geo.parquet")
    points.to_crs(4326).to_file(tmp_path / "t.geojson", driver="GeoJSON")
    (tmp_path / "shp").mkdir()
    points.to_file(tmp_path / "shp" / "t.shp")
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        for part in (tmp_path / "shp").iterdir():
            archive.write(part, f"folder/{part.name}")
    for name in ("t.gpkg", "geo.parquet", "t.zip"):
        table = read_table(tmp_path / name)
        same(table)
        assert table.crs.to_epsg() == 32633
        np.testing.assert_allclose(table.x, [1000, 2000, 3000])
    table = read_table(tmp_path / "t.geojson")
    assert table.crs.to_epsg() == 4326
    points.iloc[:1].to_file(tmp_path / "t.gpkg", layer="second")
    assert "layers-several" in {finding.code for finding in read_table(tmp_path / "t.gpkg").findings}
    assert len(read_table(tmp_path / "t.gpkg", layer="second").frame) == 1
    with pytest.raises(SettingsError, match="points"):
        read_table(tmp_path / "t.gpkg", layer="third")


def zip_of(**members):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def zip_bomb():
    """A member that says it unpacks to 4 GB."""
    content = bytearray(zip_of(**{"t.csv": b"a,b\n1,2\n"}))
    place = content.find(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", 2**32 - 2)
    return bytes(content)


REFUSED = {
    "empty": (b"", "empty"),
    "blank": (b"\n\n  \n", "no cells"),
    "only a header": (b"id,EC\n", "no rows"),
    "binary": (bytes(range(256)) * 20, "binary"),
    "random words of bytes": (b"\x00\x01\x02\x03" * 500, "binary"),
    "html": (b"<!DOCTYPE html><html><body>Please log in</body></html>", "web page"),
    "pdf": (b"%PDF-1.7 ...", "PDF"),
    "tiff": (b"II*\x00aaaaaaaa", "--scene"),
    "old office": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, ".xlsx"),
    "protected workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100 + "EncryptedPackage".encode("utf-16-le"), "password"),
    "damaged gzip": (b"\x1f\x8b\x08\x00broken", "gzip"),
    "damaged zip": (b"PK\x03\x04broken", "zip"),
    "zip with a path": (zip_of(**{"../../t.csv": "a,b\n1,2\n"}), "outside itself"),
    "zip with nothing": (zip_of(**{"readme.md": "hello"}), "zip"),
    "zip bomb": (zip_bomb(), "unpacks|damaged"),
    "shapefile without its parts": (zip_of(**{"t.shp": b"x"}), ".shx"),
    "workbook that is none": (zip_of(**{"xl/workbook.xml": b"<broken"}), "workbook"),
    "parquet that is none": (b"PAR1 broken PAR1", "parquet"),
    "geopackage that is none": (b"SQLite format 3\x00" + b"\0" * 100, "vector"),
    "geojson that is none": (b'{"type": "FeatureCollection", "features": [', "vector|JSON"),
    "no header": (b"1,2,3\n4,5,6\n7,8,9\n", "no header"),
    "one column of prose": (b"This is a letter.\nIt has lines.\nNo table.\n", "single column|no table"),
    "a quote never closed": (b'id,EC\na,"1\n' + b"b,2\n" * 400_000, "quotation"),
}


@pytest.mark.parametrize(("content", "words"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("name", ["t.csv", "t.xlsx"])
def test_what_is_no_table_is_refused_in_words(tmp_path, content, words, name):
    with pytest.raises(UnreadableError, match=words) as caught:
        read_table(written(tmp_path, content, name))
    assert len(str(caught.value)) < 400
    assert "Traceback" not in str(caught.value)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(UnreadableError, match="does not exist"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(UnreadableError, match="folder"):
        read_table(tmp_path)


def test_options_that_are_wrong_in_themselves_are_refused(tmp_path):
    path = written(tmp_path, text_of())
    for wrong in ({"encoding": "klingon"}, {"delimiter": "ab"}, {"decimal": "x"}):
        with pytest.raises(SettingsError):
            read_table(path, **wrong)


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 6)), min_size=3, max_size=12),
    words=st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=8), min_size=12, max_size=12
    ),
    dialect=st.sampled_from([(",", "."), (";", ","), ("\t", "."), (";", "."), ("\t", ",")]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_table_survives_being_written_in_any_dialect(tmp_path_factory, numbers, words, dialect, encoding):
    delimiter, decimal = dialect
    path = tmp_path_factory.mktemp("dialect") / "t.csv"
    frame = pd.DataFrame({"key": [f"s{k} {word}" for k, word in zip(range(len(numbers)), words)], "lon": 1.25, "value": numbers})  # noqa: B905
    frame.to_csv(path, sep=delimiter, decimal=decimal, encoding=encoding, index=False)
    table = read_table(path)
    np.testing.assert_allclose(table.frame["value"].to_numpy(dtype=float), numbers, rtol=1e-15)
    assert table.frame["lon"].tolist() == [1.25] * len(numbers)
    assert len(table.frame) == len(numbers)
