"""The samples page in every state: nothing yet, own tables, traps, broken files, and every form of the target."""

import io

import pytest

from pages.ui import session
from soilcore.project.folder import Project
from tests.app.field import charts, field, labels, make_field, shown, words
from tests.app.helpers import button

OWN = (
    "Probe;Rechtswert_32650;Hochwert_32650;EC15 (µS/cm);Ton (%);Bodenart\n"
    "a;620100;4189900;512,5;23,1;loam\nb;620300;4189700;1210,0;30,5;clay loam\nc;620500;4189500;88,4;11,0;sandy loam\nd;620700;4189300;2300,9;35,2;clay\n"
)
WITHOUT_PLACES = "site,ece_dS_m,clay_pct\n" + "".join(f"s{i},{1 + i * 0.7:.2f},{10 + i}\n" for i in range(12))
IMPOSSIBLE = "lon,lat,ece_dS_m\n118.37,37.80,2.1\n118.38,97.81,-4\n118.39,37.82,3.5\n118.40,37.83,5.5\n"


def upload(test, name, content, mime="text/csv"):
    test.file_uploader(key="samples.upload").upload(name, content, mime).run()
    assert not test.exception
    return test


def test_without_a_project_the_page_says_what_to_do(front_door):
    assert "demo or a project first" in front_door("samples").info[0].value


def test_a_project_without_a_table_asks_for_one(front_door, workspace):
    Project.create(workspace, "Field")
    test = front_door("samples", project="field")
    assert "No table yet" in words(test)
    assert not test.metric


def test_the_demos_table_shows_findings_classes_and_what_the_conversion_decides(front_door, workspace, demo):
    test = front_door("samples", project=make_field(workspace, demo).id)
    assert shown(test, "Samples") == "60"
    assert shown(test, "Target") == "ECe (dS/m)"
    said = words(test)
    for part in ("Coordinate reference system: WGS 84", "Assumed: ", "What was found", "Classes", "How much the conversion decides"):
        assert part in said
    assert {"What was found", "What to do", "Code"} <= set(test.table[0].value.columns)
    assert any("measured-with-target" in code for code in test.table[0].value["Code"])
    assert len(test.get("plotly_chart")) == 2
    assert {"Findings as CSV", "Methods as CSV"} <= set(labels(test, "download_button"))


def test_the_sensitivity_panel_lists_every_method_of_an_extract(front_door, workspace, demo):
    project = make_field(workspace, demo, settings={"target": "ec_1_5_dS_m"})
    methods = next(frame.value for frame in front_door("samples", project=project.id).dataframe if "share_above_4" in frame.value)
    assert len(methods) > 3
    assert methods["share_above_2"].nunique() > 1
    assert (methods["share_above_4"] <= methods["share_above_2"]).all()


def test_logarithmic_axes_draw_again(front_door, workspace, demo):
    test = front_door("samples", project=make_field(workspace, demo).id)
    test.toggle(key="samples.log").set_value(True).run()
    assert not test.exception
    assert "log10 of" in charts(test)[0]


def test_an_own_table_with_decimal_commas_and_microsiemens_is_recognised(front_door, workspace):
    Project.create(workspace, "Field")
    test = upload(front_door("samples", project="field"), "meine Proben.csv", OWN.encode("latin-1", "replace"))
    assert shown(test, "Samples") == "4"
    assert shown(test, "Coordinates") == "yes"
    assert field(test, "Its unit").options[0] == "µS/cm (recognised)"
    assert field(test, "Extract (for EC)").options[0] == "1:5 (recognised)"
    assert "UTM zone 50N" in words(test)


def test_the_target_is_converted_and_the_method_stands_beside_it(front_door, workspace):
    Project.create(workspace, "Field")
    test = upload(front_door("samples", project="field"), "own.csv", OWN.encode())
    field(test, "Column to predict").set_value("EC15 (µS/cm)")
    field(test, "Convert to").set_value("ECe")
    button(test, "Read it so").click().run()
    assert not test.exception
    assert shown(test, "Target") == "ECe (dS/m)"
    assert "Converted: " in words(test)
    assert "Classes" in words(test)
    settings = test.session_state[session.KEY].sample_settings
    assert (settings.target, settings.convert) == ("EC15 (µS/cm)", "ECe")
    field(test, "Convert to").select_index(0)
    button(test, "Read it so").click().run()
    assert shown(test, "Target") == "EC15 (µS/cm)"


def test_an_answer_that_cannot_be_is_refused_and_the_table_stays(front_door, workspace, demo):
    test = front_door("samples", project=make_field(workspace, demo, settings={"target": "soc_g_kg"}).id)
    field(test, "Convert to").set_value("ECe")
    button(test, "Read it so").click().run()
    assert not test.exception
    assert "no conductivity" in test.error[0].value
    assert "--" not in test.error[0].value
    assert test.session_state[session.KEY].sample_settings.convert is None
    assert shown(test, "Target") == "soc_g_kg (g/kg)"


def test_a_workbook_with_two_sheets_asks_which(front_door, workspace):
    openpyxl = pytest.importorskip("openpyxl")
    Project.create(workspace, "Field")
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    book.active.append(["what", "who"])
    book.active.append(["drying", "lab"])
    sheet = book.create_sheet("Lab")
    for row in (["lon", "lat", "EC_dS_m"], [118.37, 37.8, 2.1], [118.38, 37.81, 3.3], [118.39, 37.82, 4.1]):
        sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    test = upload(front_door("samples", project="field"), "lab.xlsx", stream.getvalue(), "application/vnd.openxmlformats")
    assert "2 sheets" in words(test)
    field(test, "Sheet").set_value("Lab").run()
    assert not test.exception
    assert shown(test, "Samples") == "3"
    assert shown(test, "Coordinates") == "yes"


def test_a_table_without_coordinates_says_what_it_cannot_do(front_door, workspace, demo):
    test = front_door("samples", project=make_field(workspace, demo, table=WITHOUT_PLACES, scene=False).id)
    assert shown(test, "Coordinates") == "none"
    assert "maps and spatial folds do not" in words(test)


def test_impossible_values_are_errors_with_their_row(front_door, workspace, demo):
    test = front_door("samples", project=make_field(workspace, demo, table=IMPOSSIBLE, scene=False).id)
    table = test.table[0].value
    errors = table[["error" in kind for kind in table.index]]
    assert any("row 3" in where for where in errors["Where"])
    assert "must be mended" in next(metric.delta for metric in test.metric if metric.label == "Findings")


BROKEN = {
    "nothing.csv": b"",
    "picture.csv": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "lab.xlsx": b"PK\3\4 but then nothing",
    "places.gpkg": b"SQLite format 3\0" + bytes(50),
    "points.geojson": b'{"type": "FeatureCollection", "features": [',
    "table.parquet": b"PAR1 and no more",
    "shape.zip": b"PK\5\6" + bytes(18),
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_broken_file_gets_one_sentence_and_the_table_before_stays(front_door, workspace, demo, name):
    project = make_field(workspace, demo)
    test = upload(front_door("samples", project=project.id), name, BROKEN[name])
    assert len(test.error) == 1
    assert name in test.error[0].value.replace("\\", "")
    assert shown(test, "Samples") == "60"
    assert project.items("samples") == ["samples.csv"]
    test.run()
    assert not test.error


def test_a_broken_file_of_the_same_name_does_not_replace_the_good_one(front_door, workspace, demo):
    project = make_field(workspace, demo)
    before = (project.part("samples") / "samples.csv").read_bytes()
    test = upload(front_door("samples", project=project.id), "samples.csv", b"\x00\x01\x02" * 90)
    assert len(test.error) == 1
    assert (project.part("samples") / "samples.csv").read_bytes() == before
    assert [path.name for path in project.part("samples").iterdir()] == ["samples.csv"]


def test_a_table_that_no_longer_fits_its_answers_can_be_read_afresh(front_door, workspace, demo):
    test = front_door("samples", project=make_field(workspace, demo, settings={"target": "gone"}).id)
    assert "gone" in test.error[0].value
    test.button(key="samples.afresh").click().run()
    assert not test.exception
    assert not test.error
    assert shown(test, "Samples") == "60"


def test_a_table_of_one_column_asks_for_its_delimiter(front_door, workspace, demo):
    Project.create(workspace, "Field")
    test = upload(front_door("samples", project="field"), "odd.csv", b"lon~lat~EC_dS_m\n118.1~37.1~2.5\n118.2~37.2~3.5\n")
    assert "Delimiter" in test.error[0].value
    field(test, "Delimiter").set_value(",")
    button(test, "Read it so").click().run()
    assert not test.exception
    assert test.error


def test_coordinates_of_an_unknown_system_are_drawn_and_said(front_door, workspace, demo):
    table = "x,y,ece_dS_m\n" + "".join(f"{1000 + 10 * i},{90 + i},{1 + i}\n" for i in range(9))
    project = make_field(workspace, demo, table=table)
    test = front_door("samples", project=project.id)
    assert "Coordinate reference system: not known" in words(test)
    assert "system not known" in charts(test)[1]
    test.switch_page("imagery.py").run()
    assert not test.exception
    assert "reference system of the samples is not known" in words(test)


def test_hot_and_cold_spots_are_shown_when_asked_for(front_door, workspace, demo):
    test = front_door("samples", project=make_field(workspace, demo).id)
    before = len(charts(test))
    test.toggle(key="samples.hot").set_value(True).run()
    assert not test.exception
    assert not test.error
    assert len(charts(test)) == before + 1
    assert "lie where high values gather" in words(test)
    assert "triangle-up" in " ".join(charts(test)) or "not significant (60)" in " ".join(charts(test))
    assert "no model may use it" in words(test)


def test_another_table_is_chosen_and_its_answers_are_its_own(front_door, workspace, demo):
    project = make_field(workspace, demo)
    (project.part("samples") / "other.csv").write_text(WITHOUT_PLACES)
    test = front_door("samples", project=project.id)
    field(test, "Table to work with").set_value("other.csv").run()
    assert not test.exception
    assert shown(test, "Samples") == "12"
    assert field(test, "Column to predict").options[0] == "ece_dS_m (recognised)"
