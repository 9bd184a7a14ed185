"""The commands that help to act on a map: statistics per field, crops and leaching, the crop table."""

from soilcore.project.options import words
from soilcore.project.running import command, do


def add_act_commands(commands):
    """Commands for land managers."""
    for add in (_fields, _advise, _crops):
        add(commands)


def _fields(commands):
    parser = command(commands, "fields", "compute what every field has on average, ranked, with interval and classes", _run_fields)
    parser.add_argument("map", metavar="MAP")
    _add_boundaries(parser, required=True)
    parser.add_argument("--out", required=True, metavar="GPKG", help="fields with their numbers; a CSV table lies beside it")
    parser.add_argument("--classes", choices=("usda", "fao", "fao2006", "cn-coastal"))
    parser.add_argument("--year-map", action="append", default=[], metavar="MAP", help="map of another year, for the trend; once per year")
    parser.add_argument("--dates", metavar="D,D,...", help="dates of the --year-map's, in their order, where the maps do not tell")
    _add_map_facts(parser)


def _run_fields(args):
    from soilcore.project.act_settings import FieldsTask

    task = FieldsTask(
        args.map,
        args.boundaries,
        args.out,
        args.layer,
        args.id,
        args.classes,
        tuple(args.year_map),
        words(args.dates),
        args.date,
        args.model,
        args.seed,
        args.overwrite,
    )
    return do("fields", task, args)


def _advise(commands):
    parser = command(commands, "advise", "say which crops stand the salt, how much water keeps it away, and where to sample next", _run_advise)
    parser.add_argument("map", metavar="MAP")
    parser.add_argument("--crop", action="append", default=[], metavar="NAME", help="crop to map (`crops` lists them); none: all are ranked")
    parser.add_argument("--least-yield", type=float, default=90.0, metavar="P", help="percent of the full yield that counts as good (default 90)")
    parser.add_argument("--irrigation-ec", type=float, metavar="DS_M", help="conductivity of the irrigation water, dS/m")
    parser.add_argument("--soil", choices=("sandy loam", "clay loam", "peat"), default="clay loam", help="for the water that washes salt out")
    parser.add_argument("--out", metavar="DIR", help="folder for maps, tables and points")
    _add_boundaries(parser)
    group = parser.add_argument_group("next samples")
    group.add_argument("--next-samples", type=int, default=0, metavar="K", help="where K samples would help most")
    group.add_argument("--only-places", action="store_true", help="nothing on crops or carbon; then the map may show anything")
    group.add_argument("--access", metavar="FILE", help="roads (vector file) or metres to them (raster)")
    group.add_argument("--access-distance", type=float, default=500.0, metavar="M", help="metres at which a place counts half (default 500)")
    group.add_argument("--mask", metavar="FILE", help="raster whose pixels above 0 may be sampled; FILE:40,30 for codes")
    group.add_argument("--samples", metavar="FILE", help="places that have been sampled already: vector file, or table with lon and lat")
    group = parser.add_argument_group("carbon")
    group.add_argument("--bulk-density", type=float, metavar="G_CM3")
    group.add_argument("--depth", type=float, metavar="CM", help="thickness of the layer the map is for")
    group.add_argument("--coarse", type=float, default=0.0, metavar="F", help="coarse fragments by volume, 0-1")
    parser.add_argument("--window", type=int, default=512)
    _add_map_facts(parser)


def _run_advise(args):
    from soilcore.project.act_settings import AdviseTask

    task = AdviseTask(
        args.map,
        tuple(args.crop),
        args.out,
        args.boundaries,
        args.layer,
        args.id,
        args.irrigation_ec,
        args.soil,
        args.next_samples,
        args.access,
        args.access_distance,
        args.mask,
        args.samples,
        args.bulk_density,
        args.depth,
        args.coarse,
        args.least_yield,
        args.date,
        args.model,
        args.seed,
        args.window,
        args.overwrite,
        args.only_places,
    )
    return do("advise", task, args)


def _crops(commands):
    command(commands, "crops", "list the crops whose salt tolerance is known", _run_crops)


def _run_crops(args):
    from soilcore.project.act_settings import CropsTask

    return do("crops", CropsTask(), args)


def _add_boundaries(parser, required=False):
    group = parser.add_argument_group("fields")
    group.add_argument("--boundaries", required=required, metavar="FILE", help="outlines of fields: GeoPackage, GeoJSON, (zipped) shapefile, KML")
    group.add_argument("--layer", help="of a file with several")
    group.add_argument("--id", metavar="COL", help="column that names the fields")


def _add_map_facts(parser):
    group = parser.add_argument_group("about the map")
    group.add_argument("--date", metavar="D", help="of the map, where it does not tell")
    group.add_argument("--model", metavar="MODEL_DIR", help="its model, for how errors hang together, where the map does not tell")
