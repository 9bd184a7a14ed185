"""The indices page in every state: what is missing, correlations, spectra, the guarded search, rasters."""

import pytest
import rasterio

from soilcore.data.samples import SampleSettings
from soilcore.project.folder import Project
from soilcore.project.settings import IndicesTask, SearchTask
from tests.app.field import charts, finished_job, labels, make_field, shown, words, work_of
from tests.app.helpers import button, when_over

IMPOSSIBLE = "lon,lat,ece_dS_m\n118.37,37.80,2.1\n118.38,97.81,-4\n118.39,37.82,3.5\n118.40,37.83,5.5\n"


@pytest.fixture
def project(workspace, demo):
    return make_field(workspace, demo)


def look_at(front_door, project, view):
    test = front_door("indices", project=project.id)
    test.button_group(key="indices.view.4").set_value(view).run()
    assert not test.exception
    return test


def test_each_missing_step_is_named(front_door, workspace, demo):
    assert "demo or a project first" in front_door("indices").info[0].value
    Project.create(workspace, "Empty")
    assert "table of samples first" in front_door("indices", project="empty").info[0].value
    project = make_field(workspace, demo, scene=False)
    assert "image first" in front_door("indices", project=project.id).info[0].value


def test_a_table_without_target_sends_people_to_the_samples(front_door, workspace, demo):
    table = "lon,lat,a,b\n118.37,37.80,1,2\n118.38,37.81,2,3\n118.39,37.82,3,1\n"
    test = front_door("indices", project=make_field(workspace, demo, table=table, settings={}).id)
    assert "Choose the column to predict" in words(test)


def test_errors_in_the_samples_are_shown_before_anything_is_computed(front_door, workspace, demo):
    test = front_door("indices", project=make_field(workspace, demo, table=IMPOSSIBLE).id)
    assert "must be mended" in test.error[0].value
    assert not test.get("plotly_chart")


def test_a_table_without_coordinates_is_answered_in_words(front_door, workspace, demo):
    table = "site,ece_dS_m\n" + "".join(f"s{i},{1 + i * 0.7:.2f}\n" for i in range(12))
    test = front_door("indices", project=make_field(workspace, demo, table=table).id)
    assert test.error
    assert "--" not in test.error[0].value


def test_every_band_and_index_is_ranked_with_its_interval(front_door, project):
    test = front_door("indices", project=project.id)
    table = test.dataframe[0].value
    assert {"spearman", "spearman_low", "spearman_high", "q", "n", "n_invalid"} <= set(table.columns)
    assert table["spearman"].abs().is_monotonic_decreasing
    assert len(table) > 60
    bars, scatter = charts(test)
    assert "Spearman correlation with the target" in bars
    assert "ece_dS_m (dS/m)" in scatter
    assert "false-discovery rate" in words(test)
    assert "Assumed: " in words(test)


def test_variants_statistic_logarithm_and_own_formulas_change_the_table(front_door, project):
    test = front_door("indices", project=project.id)
    test.selectbox(key="indices.variant").select("lan2025")
    test.button_group(key="indices.statistic").set_value("pearson")
    test.toggle(key="indices.log").set_value(True)
    test.text_input(key="indices.formulas").set_value("MINE=(N-R)/(N+R+B); OTHER=S1/G").run()
    assert not test.exception
    table = test.dataframe[0].value
    assert {"MINE", "OTHER"} <= set(table["name"])
    assert len(table) < 60
    assert table["pearson"].abs().is_monotonic_decreasing
    assert "decimal logarithm" in words(test)


def test_a_formula_that_is_none_is_refused_in_words(front_door, project):
    test = front_door("indices", project=project.id)
    test.text_input(key="indices.formulas").set_value("EVIL=__import__('os')").run()
    assert not test.exception
    assert len(test.error) == 1
    test.text_input(key="indices.formulas").set_value("").run()
    assert not test.error
    assert test.get("plotly_chart")


def test_one_index_is_shown_with_formula_and_source(front_door, project):
    test = front_door("indices", project=project.id)
    test.selectbox(key="indices.picked").select("SI").run()
    assert not test.exception
    assert "SI = (G*R)\\*\\*0.5" in words(test).replace("`", "") or "SI = (G*R)**0.5" in words(test)
    assert "Douaoui" in words(test)


def test_the_choice_survives_a_change_of_page(front_door, project):
    test = front_door("indices", project=project.id)
    test.selectbox(key="indices.picked").select("NDVI").run()
    test.switch_page("samples.py").run()
    test.switch_page("indices.py").run()
    assert test.selectbox(key="indices.picked").value == "NDVI"


def test_the_heat_map_comes_with_its_table(front_door, project):
    test = front_door("indices", project=project.id)
    test.toggle(key="indices.likeness").set_value(True).run()
    assert not test.exception
    assert len(test.get("plotly_chart")) == 3
    assert test.dataframe[-1].value.shape == (20, 20)


@pytest.mark.parametrize("view", ["mean", "reciprocal", "square", "square_root"])
def test_mean_spectra_are_drawn_in_every_view(front_door, project, view):
    test = look_at(front_door, project, "Spectra by level")
    test.button_group(key="indices.spectra.view").set_value(view).run()
    assert not test.exception
    assert "wavelength (nm)" in charts(test)[0]
    assert "dS/m" in charts(test)[0]
    assert "Spectra as CSV" in labels(test, "download_button")


def test_a_target_without_classes_gets_quarters(front_door, workspace, demo):
    test = look_at(front_door, make_field(workspace, demo, settings={"target": "soc_g_kg"}), "Spectra by level")
    assert test.selectbox[0].options == ["Quarters of the samples"]


def test_a_search_shows_its_banner_and_guards(front_door, workspace, project):
    inputs = work_of(workspace, project).inputs()
    facts = finished_job(project, "search", SearchTask(inputs, permutations=199, roles=("B", "G", "R", "N")))
    test = look_at(front_door, project, "Search for new indices")
    assert shown(test, "Formulas tested") == f"{facts['tested']:,}"
    assert any("picked from" in warning.value for warning in test.warning)
    assert {"p_family", "q", "selection"} <= set(test.dataframe[0].value.columns)


def test_a_search_is_started_as_a_job(front_door, project):
    test = look_at(front_door, project, "Search for new indices")
    assert "No search yet" in words(test)
    test.select_slider(key="search.shuffles").set_value(199)
    button(test, "Search").click().run()
    assert not test.exception
    assert button(test, "Search").disabled
    when_over(test)
    assert "is finished" in words(test)
    assert "The last search" in words(test)


def test_index_rasters_are_written_shown_and_downloaded(front_door, workspace, project):
    test = look_at(front_door, project, "Index rasters")
    assert "Nothing written yet" in words(test)
    from soilcore.features.recipe import FeatureSettings

    inputs = work_of(workspace, project).inputs(features=FeatureSettings(indices=("SI", "NDVI")), with_samples=False)
    finished_job(project, "indices", IndicesTask(inputs, "reports/indices-abc.tif"))
    test.run()
    assert not test.exception
    assert any("SI, NDVI" in label for label in labels(test, "download_button"))
    with rasterio.open(project.part("reports") / "indices-abc.tif") as raster:
        assert raster.descriptions == ("SI", "NDVI")


def test_the_page_reads_what_the_project_remembers(workspace, project):
    work = work_of(workspace, project)
    assert work.sample_settings == SampleSettings(target="ece_dS_m")


def test_bands_in_the_table_make_indices_once_their_sensor_is_named(front_door, workspace, demo):
    rows = "".join(f"{i % 5},{1 + i % 7},{900 + 31 * i},{1200 + 17 * (i % 6)},{1500 + 13 * i},{2500 - 11 * i},{2100 + 7 * i}\n" for i in range(30))
    table = "field,ece_dS_m,Blue,Green,Red,NIR,SWIR1\n" + rows
    test = front_door("indices", project=make_field(workspace, demo, table=table, scene=False).id)
    assert "Choose an image first" in words(test)
    test.selectbox[0].set_value("sentinel-2-l2a-harmonized").run()
    assert not test.exception
    assert {"SI", "NDVI", "B"} <= set(test.dataframe[0].value["name"])
    test.switch_page("model.py").run()
    assert not test.exception
    assert test.button_group(key="model.sources.bands+indices+table columns").value == ["bands", "indices"]
    assert not any("Spatial blocks" in option for option in test.radio[0].options)
