"""The commands that bring imagery and covariates into shape: search and fetch, composite, terrain, distance, phenology."""

from soilcore.core.errors import SettingsError
from soilcore.project import options
from soilcore.project.running import command, do


def add_imagery_commands(commands):
    """Commands that make rasters from rasters, and get imagery."""
    for add in (_terrain, _distance, _phenology, _composite, _fetch):
        add(commands)


def _terrain(commands):
    parser = command(commands, "terrain", "slope, aspect, curvatures and wetness of an elevation model", _run_terrain)
    parser.add_argument("--dem", required=True, metavar="F", help="elevation in metres, any projection")
    parser.add_argument("--out", required=True, metavar="TIF")
    parser.add_argument("--attributes", metavar="A,B", help="only these bands (default: all)")
    options.add_terrain(parser)
    parser.add_argument("--flat", choices=("zero", "nan"), default="zero", help="curvature where there is no slope")
    parser.add_argument("--tpi-radius", type=float, metavar="M", help="radius of the topographic position index")
    parser.add_argument("--cell", type=float, metavar="M", help="pixel side (default: that of the elevation model)")
    parser.add_argument("--like", metavar="F", help="lay the result onto the pixels of this raster")
    parser.add_argument("--window", type=int, default=512)


def _run_terrain(args):
    from soilcore.project.imagery_settings import TerrainTask

    task = TerrainTask(
        args.dem,
        args.out,
        options.words(args.attributes),
        args.slope,
        args.convention,
        args.smooth,
        args.flat,
        args.tpi_radius,
        args.cell,
        args.like,
        args.window,
        args.overwrite,
        trusted=True,
    )
    return do("terrain", task, args)


def _distance(commands):
    parser = command(commands, "distance", "metres to the nearest canal, coast or other feature of a vector file", _run_distance)
    parser.add_argument("--vector", required=True, metavar="F", help="GeoPackage, GeoJSON or zipped shapefile")
    parser.add_argument("--like", required=True, metavar="F", help="raster whose pixels the result has")
    parser.add_argument("--out", required=True, metavar="TIF")


def _run_distance(args):
    from soilcore.project.imagery_settings import DistanceTask

    return do("distance", DistanceTask(args.vector, args.like, args.out, args.overwrite, trusted=True), args)


def _phenology(commands):
    parser = command(commands, "phenology", "season start, start of peak and green-up speed of a vegetation series", _run_phenology)
    parser.add_argument("--series", required=True, metavar="DIR|FILE", help="dated rasters or scenes, a stack of dates, NetCDF, or a table")
    parser.add_argument("--out", required=True, metavar="TIF|CSV", help="a table gives a CSV, rasters a GeoTIFF")
    parser.add_argument("--index", default="NDVI", help="index computed where the series holds scenes (default NDVI)")
    parser.add_argument("--season-start", metavar="DAY|auto", help="day of the year from which a season is looked for (default auto)")
    parser.add_argument("--sos", choices=("10", "20", "50", "derivative", "zhang"), default="20", help="start of season, %% of the amplitude or rule")
    parser.add_argument("--sdps", choices=("90", "zhang", "gu"), default="90", help="start of the peak stage")
    parser.add_argument("--gus", choices=("mean", "max"), default="mean", help="green-up speed")
    parser.add_argument("--min-dates", type=int, default=8)
    parser.add_argument("--min-amplitude", type=float, default=0.1)
    parser.add_argument("--year", type=int, help="year of the peak (default: the latest with a whole season)")
    parser.add_argument("--crs", metavar="EPSG:N", help="reference system of rasters that name none")
    parser.add_argument("--scale", type=float, help="index = stored value * scale")
    parser.add_argument("--window", type=int, default=512)


def _run_phenology(args):
    from soilcore.project.imagery_settings import PhenologyTask

    task = PhenologyTask(
        args.series,
        args.out,
        args.index,
        options.season_start(args.season_start),
        args.sos,
        args.sdps,
        args.gus,
        args.min_dates,
        args.min_amplitude,
        args.year,
        args.crs,
        args.scale,
        args.window,
        args.overwrite,
        trusted=True,
    )
    return do("phenology", task, args)


def _composite(commands):
    parser = command(commands, "composite", "one image from many dates", _run_composite)
    options.add_scene(parser, required=True)
    parser.add_argument("--method", choices=("median", "bare", "max-crsi"), default="median")
    parser.add_argument("--out", required=True, metavar="TIF|DIR", help="a folder, with one composite per campaign, when --samples is given")
    parser.add_argument("--dates", metavar="A/B", help="only dates from A to B")
    parser.add_argument("--min-valid", type=int, default=1, metavar="N", help="valid dates a pixel needs")
    parser.add_argument("--samples", dest="campaigns", metavar="SAMPLES", help="make one composite round each sampling campaign of this table")
    parser.add_argument("--date", metavar="COL", help="its date column")
    parser.add_argument("--max-days", type=int, default=30, metavar="N", help="days before and after a campaign")
    parser.add_argument("--window", type=int, default=512)


def _run_composite(args):
    from soilcore.project.imagery_settings import CompositeTask

    task = CompositeTask(
        options.scene_settings(args),
        args.out,
        args.method,
        options.dates_between(args.dates),
        args.min_valid,
        args.campaigns,
        options.table_settings(args),
        args.max_days,
        args.window,
        args.overwrite,
    )
    return do("composite", task, args)


def _fetch(commands):
    parser = command(commands, "fetch", "imagery of a place and time from a STAC catalogue", _run_fetch)
    parser.add_argument("--stac", required=True, metavar="URL", help="earth-search, planetary-computer, or the address of a STAC API")
    parser.add_argument("--collection", help="default: Sentinel-2 Level-2A where the catalogue is known")
    place = parser.add_argument_group("place: one of")
    place.add_argument("--bbox", metavar="W,S,E,N", help="west, south, east, north in degrees")
    place.add_argument("--samples", dest="around", metavar="SAMPLES", help="the hull of the samples of this table")
    place.add_argument("--x", metavar="COL")
    place.add_argument("--y", metavar="COL")
    place.add_argument("--crs", metavar="EPSG:N")
    place.add_argument("--margin", type=float, default=500.0, metavar="M", help="metres round the samples (default 500)")
    parser.add_argument("--dates", required=True, metavar="A/B")
    parser.add_argument("--cloud", type=float, default=100.0, metavar="P", help="largest share of clouds in %%, as the catalogue states it")
    parser.add_argument("--limit", type=int, default=100, help="most scenes to consider")
    parser.add_argument("--day", action="append", default=[], metavar="D", help="only this day of what is found; may be repeated")
    parser.add_argument("--bands", metavar="B,G,...", help="only these roles (default: all)")
    parser.add_argument("--no-quality", action="store_true", help="leave the quality layer out, and clouds in")
    parser.add_argument("--offset", type=float, help="reflectance offset of scenes whose processing baseline is not known")
    parser.add_argument("--to-crs", metavar="EPSG:N|utm", help="reference system of the files (default: that of the scenes)")
    parser.add_argument("--resolution", type=float, metavar="M", help="pixel side (default: that of the finest band)")
    parser.add_argument("--out", metavar="DIR", help="folder for one file per date; needed unless --list")
    parser.add_argument("--list", action="store_true", dest="only_list", help="only say what there is")
    parser.add_argument("--workers", type=int, default=2)


def _run_fetch(args):
    from soilcore.project.imagery_settings import FetchTask

    if not args.out and not args.only_list:
        raise SettingsError("No folder was named for the imagery. Give one with --out, or only look with --list.")
    task = FetchTask(
        args.stac,
        args.out,
        options.bbox(args.bbox),
        args.around,
        options.table_settings(args),
        args.margin,
        options.dates_between(args.dates),
        args.cloud,
        args.collection,
        args.limit,
        tuple(args.day),
        options.words(args.bands),
        args.resolution,
        args.to_crs,
        not args.no_quality,
        args.offset,
        args.workers,
        args.only_list,
        args.overwrite,
    )
    return do("fetch", task, args)
