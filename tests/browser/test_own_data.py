"""A person's own table and scene, from upload to a value on the map; and broken files on the way."""

import csv
import io
import re
import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS
from tests.browser.steps import click_middle, go, save, settled, start_project, the_map, until_finished, upload


def own_table(demo, path):
    """The demo's samples as a laboratory in Europe would write them: semicolons, decimal commas, µS/cm, German names."""
    rows = list(csv.DictReader(io.StringIO((demo / "samples.csv").read_text(encoding="utf-8"))))
    lines = ["Probe;Länge;Breite;Leitfähigkeit 1:5;Ton %"]
    for row in rows:
        values = (row["lon"], row["lat"], f"{float(row['ec_1_5_dS_m']) * 1000:.1f}", row["clay_pct"])
        lines.append(";".join([row["id"], *(value.replace(".", ",") for value in values)]))
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")
    return path


def pick(page, label, option):
    """Choose one option of a selectbox by what it says; a long list shows it once its first words are typed."""
    box = page.get_by_test_id("stSelectbox").filter(has_text=label).get_by_role("combobox")
    box.click()
    box.press_sequentially(option[:12])
    page.get_by_role("option", name=option, exact=True).click()


@pytest.fixture
def own(page, server, demo, tmp_path):
    """A new project, the window on it, and the files to upload."""
    start_project(page, server, "North field")
    return own_table(demo, tmp_path / "Proben 2025.csv"), demo / "scene.tif"


def test_own_table_and_scene_become_a_model_a_map_with_values_an_explanation_and_an_archive(page, server, own, tmp_path):
    table, scene = own
    go(page, "Samples")
    expect(page.get_by_text("No table yet")).to_be_visible()
    upload(page, "Upload a table", table)
    expect(page.get_by_test_id("stMetric").filter(has_text="Samples")).to_contain_text("60", timeout=PATIENCE_MS)
    settled(page)
    pick(page, "Column to predict", "Leitfähigkeit 1:5")
    pick(page, "Its unit", "µS/cm")
    pick(page, "Extract (for EC)", "1:5")
    page.get_by_role("button", name="Read it so").click()
    expect(page.get_by_test_id("stMetric").filter(has_text="Target")).to_contain_text("µS/cm", timeout=PATIENCE_MS)
    expect(page.get_by_text("How much the conversion decides")).to_be_visible()
    pick(page, "Convert to", "ECe, the usual method for this extract")
    page.get_by_role("button", name="Read it so").click()
    expect(page.get_by_test_id("stMetric").filter(has_text="Target")).to_contain_text("ECe (dS/m)", timeout=PATIENCE_MS)
    expect(page.get_by_text("Converted:")).to_be_visible()
    expect(page.get_by_role("heading", name="Classes")).to_be_visible()

    go(page, "Imagery")
    upload(page, "Upload an image", scene)
    expect(page.get_by_text("60 of 60").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Reflectance = stored value × 0.0001 − 0.1")).to_be_visible()

    go(page, "Indices")
    expect(page.get_by_text("60 samples, target")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("figure", name="The 20 strongest correlations with intervals")).to_be_visible()

    go(page, "Model")
    page.get_by_role("radio", name="Train and keep one").click()
    settled(page)
    pick(page, "One to train and keep", "Partial least squares regression")
    folds = page.get_by_label("Number of folds")
    folds.fill("3")
    folds.press("Enter")
    settled(page)
    project = server.workspace / re.search("project=([^&]+)", page.url)[1]
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("was stopped after")).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    assert list((project / "models").iterdir()) == []
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=PATIENCE_MS)
    page.reload()  # in the middle: the job goes on, and the page finds it again
    until_finished(page, "Training")
    expect(page.get_by_role("heading", name="Trained models")).to_be_visible()

    go(page, "Map")
    page.get_by_role("button", name="Make the map").click()
    until_finished(page, "Mapping")
    inside = the_map(page)
    click_middle(page, inside)
    expect(inside.locator(".leaflet-popup-content")).to_contain_text("dS/m", timeout=PATIENCE_MS)
    expect(inside.locator(".leaflet-popup-content")).to_contain_text("90 % interval")

    go(page, "Explain")
    page.get_by_text("What it needs, too").click()  # fits every fold again; switched off, the explanation alone is made
    settled(page)
    page.get_by_role("button", name="Explain the model").click()
    until_finished(page, "Explaining")
    expect(page.get_by_role("figure").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stMetric").filter(has_text="Samples explained")).to_contain_text("60")

    go(page, "Report")
    page.get_by_role("button", name="Archive of everything").click()
    until_finished(page, "Packing the archive")
    archive = save(page, re.compile(r"\.zip$"), tmp_path / "archive.zip")
    with zipfile.ZipFile(archive) as packed:
        assert packed.testzip() is None
        names = {name.rpartition("/")[2] for name in packed.namelist()}
    assert {"run.json", "map.tif", "map.qml", "map.html", "report.html", "model.json"} <= names

    page.reload()
    expect(page.get_by_role("heading", name="Report", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    go(page, "Samples")
    expect(page.get_by_test_id("stMetric").filter(has_text="Target")).to_contain_text("ECe (dS/m)", timeout=PATIENCE_MS)


def test_broken_files_get_one_sentence_and_the_pages_stay_usable(page, server, own, tmp_path):
    table, scene = own
    (tmp_path / "broken.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(300))
    (tmp_path / "broken.tif").write_bytes(scene.read_bytes()[:9000])
    go(page, "Samples")
    upload(page, "Upload a table", tmp_path / "broken.csv")
    expect(page.get_by_role("alert").filter(has_text="broken.csv")).to_have_count(1, timeout=PATIENCE_MS)
    expect(page.get_by_text("No table yet")).to_be_visible()
    upload(page, "Upload a table", table)
    expect(page.get_by_test_id("stMetric").filter(has_text="Samples")).to_contain_text("60", timeout=PATIENCE_MS)
    expect(page.get_by_role("alert").filter(has_text="broken.csv")).to_have_count(0)
    go(page, "Imagery")
    upload(page, "Upload an image", tmp_path / "broken.tif")
    expect(page.get_by_role("alert").filter(has_text="broken.tif")).to_have_count(1, timeout=PATIENCE_MS)
    expect(page.get_by_text("No image yet")).to_be_visible()
    upload(page, "Upload an image", scene)
    expect(page.get_by_test_id("stMetric").filter(has_text="Size")).to_contain_text("96 × 96", timeout=PATIENCE_MS)


def test_a_click_on_a_bar_shows_that_index_against_the_target(page, server):
    page.goto(server.url)
    page.get_by_role("button", name="Open the demo").click()
    expect(page.get_by_text("The demo is")).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    go(page, "Indices")
    chart = page.get_by_role("figure", name=re.compile("strongest correlations"))
    expect(chart.locator("g.point path").first).to_be_visible(timeout=PATIENCE_MS)
    names = chart.locator(".ytick text").all_text_contents()
    bar = chart.locator("g.point path").nth(2)
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    expect(chart.locator(".hoverlayer .hovertext")).to_be_visible()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    expect(page.get_by_role("figure", name=f"{names[2]} against ece_dS_m (dS/m)")).to_be_visible(timeout=PATIENCE_MS)


def test_a_narrow_window_needs_no_sideways_scrolling(page, server):
    page.goto(server.url)
    page.get_by_role("button", name="Open the demo").click()
    expect(page.get_by_text("The demo is")).to_be_visible(timeout=PATIENCE_MS)
    project = page.url.partition("?")[2]
    page.set_viewport_size({"width": 420, "height": 850})
    for name in ("samples", "imagery", "indices", "model"):
        page.goto(f"{server.url}/{name}?{project}")
        expect(page.get_by_role("heading", name=name.title(), exact=True)).to_be_visible(timeout=PATIENCE_MS)
        settled(page)
        assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
