"""A farm for the page of fields: finished maps of several years written on the spot, four fields, samples, and results that were really computed."""

import json

import numpy as np

from soilcore.project.act_settings import AdviseTask, FieldsTask
from soilcore.project.folder import Project
from tests.app.field import finished_job
from tests.engine.mapping.finished_maps import VARIOGRAM, write_map

SHAPE = (40, 60)
YEARS = {"salt-2019": -3.0, "salt-2021": -1.5, "salt-2025": 0.0}
FIELDS = "regions/fields.gpkg"


def make_farm(workspace):
    """A project with maps of salinity that rises over the years, of another extract, of carbon, and of nothing but values."""
    project = Project.create(workspace, "Farm")
    value = np.repeat(np.linspace(1, 21, SHAPE[1])[None], SHAPE[0], axis=0)
    aoa = (np.indices(SHAPE)[1] < 50).astype(int)
    soc = np.full(SHAPE, 12.0)
    _map(project, "bare", value)
    _map(project, "carbon", soc, lower=soc - 3, upper=soc + 3, unit="g/kg", form="as-measured", column="soc_g_kg")
    _map(project, "extract", value / 8, lower=value / 16, upper=value / 4, form="as-measured", column="ec_1_5_dS_m")
    for name, change in YEARS.items():
        shown = np.maximum(value + change, 0.2)
        sure = {"lower": np.maximum(shown - 1.6, 0), "upper": shown + 1.6, "aoa": aoa, "di": 0.3, "variogram": VARIOGRAM}
        _map(project, name, shown, date=f"{name[-4:]}-03-17", **sure)
    _fields().to_crs(4326).to_file(project.folder / FIELDS, layer="fields")
    (project.part("samples") / "samples.csv").write_text("lon,lat,ece\n9.001,45.15,2.0\n9.003,45.151,9.0\n")
    project.remember(sample_file="samples.csv", target="ece", map="salt-2025")
    return project


def _map(project, name, value, date="2025-03-17", **more):
    folder = project.part("maps") / name
    folder.mkdir()
    write_map(folder / "map.tif", value, **more)
    (folder / "map.run.json").write_text(json.dumps({"result": {"date": date}, "steps": [{"task": "map", "settings": {"model_dir": "models/one"}}]}))


def _fields():
    """Three fields on the map and one off it; the first has a name that looks like markup, and the third is two pieces with a hole."""
    import geopandas
    from shapely.geometry import MultiPolygon, Polygon, box

    holed = Polygon(box(500450, 4999650, 500590, 4999900).exterior, [box(500500, 4999700, 500550, 4999750).exterior])
    shapes = [box(500000, 4999600, 500195, 4999900), box(500220, 4999650, 500430, 4999900)]
    shapes += [MultiPolygon([holed, box(500450, 4999610, 500500, 4999640)]), box(0, 0, 9, 9)]
    return geopandas.GeoDataFrame({"plot": ["<b>west*", "middle", "east", "away"], "owner": list("abcd")}, geometry=shapes, crs=32632)


def compute(project):
    """Fields with their trend, advice on three crops, a stock, and places of next samples."""
    here = "maps/salt-2025/map.tif"
    years = {"maps_of_years": ("maps/salt-2019/map.tif", "maps/salt-2021/map.tif"), "dates": ("2019-03-17", "2021-03-17")}
    finished_job(project, "fields", FieldsTask(here, FIELDS, "fields/fields-1/fields.gpkg", **years))
    advice = {"crops": ("wheat", "cotton", "bean"), "out": "fields/advice-1", "boundaries": FIELDS, "irrigation_ec": 1.5}
    finished_job(project, "advise", AdviseTask(here, **advice))
    stock = {"out": "fields/stock-1", "boundaries": FIELDS, "bulk_density": 1.4, "depth_cm": 20.0}
    finished_job(project, "advise", AdviseTask("maps/carbon/map.tif", **stock))
    places = {"out": "fields/places-1", "boundaries": FIELDS, "next_samples": 5, "only_places": True, "samples": "samples/samples.csv"}
    finished_job(project, "advise", AdviseTask(here, **places))
    return project
