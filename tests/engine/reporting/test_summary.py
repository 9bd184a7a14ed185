"""The facts of a report, and the pages that are rendered from them."""

from html.parser import HTMLParser

import pytest

from soilcore.project.report import tell, write_report
from soilcore.project.results import look_through
from soilcore.reporting.methods import methods_of
from soilcore.reporting.render import render_html
from soilcore.reporting.results import results_of

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Outline(HTMLParser):
    """Text of a page, and whether every element that was opened is closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.words, self.addresses = [], [], []

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def read(page):
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert not outline.open
    return outline


@pytest.fixture(scope="module")
def told(small_project):
    return tell(look_through(small_project))


def test_scores_are_those_of_the_model_and_the_spatial_ones_come_first(told, small_project):
    import json

    scores = json.loads((small_project / "models/line/model.json").read_text())["scores"]
    summary = told["summary"]
    assert {row["key"]: row["value"] for row in summary["scores"]["rows"]}["rmse"] == scores["rmse"]
    assert summary["scores"]["is_spatial"]
    assert summary["scores"]["r2_random"] == scores["r2_random"] != summary["scores"]["r2"]
    assert f"{scores['r2']:.2f}" in summary["headline"][0]


def test_the_map_speaks_of_its_date_its_classes_and_its_trust(told):
    drawn = told["summary"]["map"]
    assert drawn["date"] == "2025-03-17"
    assert sum(row["share"] for row in drawn["classes"]) == pytest.approx(1)
    assert drawn["area_ha"] == pytest.approx(sum(row["area_ha"] for row in drawn["classes"]))
    assert told["summary"]["applicability"]["share_of_map"] == drawn["aoa_share"]
    assert told["summary"]["place"]["cell"] == 20


def test_limits_name_what_is_wrong(told):
    limits = " ".join(told["summary"]["limits"])
    assert "60 samples are few" in limits
    assert "Not checked for leakage" in limits
    assert "unlike all samples" in limits
    assert "other years" not in limits, "the map has a date"


def test_the_protocol_leaves_open_what_only_a_person_knows_and_fills_in_the_rest(told):
    protocol = {row["element"]: row["value"] for row in told["summary"]["protocol"]}
    assert protocol["Authorship and contact"] is None
    assert "dS/m" in protocol["Measured values"]
    assert protocol["Resolution"] == "20 m"
    assert "scene.tif (sha256" in protocol["Files"]
    assert {row["section"] for row in told["summary"]["protocol"]} == {"Overview", "Data", "Model", "Assessment", "Prediction"}


def test_the_methods_cite_what_was_done(told):
    methods = told["summary"]["methods"]
    cited = [work["id"] for work in methods["references"]]
    assert {"roberts2017", "meyer2021", "vovk2005", "zurell2020"} <= set(cited)
    assert "linnenbrink2024" not in cited, "no nearest-neighbour folds were used"
    assert "60 samples" in methods["paragraph"]


def test_the_methods_cite_the_limit_on_false_changes_only_where_there_was_one(told):
    for share, expected in ((0.1, True), (None, False)):
        results = results_of([{"kind": "change", "id": "years", "settings": {}, "result": {"rule": "A change is a change.", "false_changes": share}}])
        methods = methods_of({**told["summary"], "results": results})
        cited = [work["id"] for work in methods["references"]]
        assert "zou2007" in cited
        assert ("benjamini1995" in cited) is expected


def test_a_page_is_whole_and_holds_everything_itself(told):
    outline = read(render_html(told["summary"], told["pictures"], told["result_pictures"]))
    assert outline.addresses
    assert all(address.startswith("data:image/png;base64,") for address in outline.addresses)
    words = " ".join(outline.words)
    for expected in ("Limits", "Leakage report", "Methods, to paste", "Modelling protocol", "strongly saline", told["summary"]["headline"][0]):
        assert expected in words


def test_words_of_a_user_cannot_become_markup(told):
    summary = {**told["summary"], "title": "<script>alert(1)</script>", "assumed": ["<img src=http://elsewhere/x.png>"]}
    page = render_html(summary)
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_a_summary_of_the_same_things_is_the_same_and_a_pdf_to_the_last_byte(told, small_project, tmp_path):
    again = tell(look_through(small_project))
    assert again["summary"] == told["summary"]
    for number, facts in enumerate((told, again)):
        write_report(facts, tmp_path / f"{number}.pdf")
    first, second = ((tmp_path / f"{number}.pdf").read_bytes() for number in (0, 1))
    assert first == second
    assert first.startswith(b"%PDF-")
    assert first.count(b"/Type /Page\n") >= 5


def test_any_result_is_told_by_its_sentences_numbers_and_tables():
    facts = {
        "sentence": "It changed.",
        "share_changed": 0.25,
        "rows": [{"id": 1, "mean": 2.0, "deep": {"x": 1}}] * 30,
        "layers": {"a": "b"},
        "out": "x",
    }
    [told] = results_of([{"kind": "change", "id": "two-years", "settings": {}, "result": facts}])
    assert told["title"] == "Change between maps: two-years"
    assert told["sentences"] == ["It changed."]
    assert told["numbers"] == [{"name": "share changed", "value": "25.0 %"}]
    [table] = told["tables"]
    assert table["columns"] == ["id", "mean"]
    assert len(table["rows"]) == 25
    assert table["more"] == 5


def test_letters_of_other_scripts_are_written_where_the_font_has_them_and_named_where_not(told, tmp_path):
    from soilcore.project import assets
    from soilcore.reporting.pdf import render_pdf

    summary = {**told["summary"], "title": "Солоні ґрунти, αλάτι, 盐, µS/cm, ≥ 4"}
    lost = render_pdf(summary, tmp_path / "latin.pdf")
    assert {"盐", "С"} <= set(lost)
    assert "µ" not in lost
    if assets.are_present():
        assert render_pdf(summary, tmp_path / "wide.pdf", fonts=assets.VENDOR) == "盐"
