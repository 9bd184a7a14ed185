"""Options of the command line, in the groups of its contract, and how they become settings."""

from dataclasses import replace

from soilcore.core.errors import SettingsError

INTERVAL_METHODS = ("conformal", "cv+", "split", "cqr", "quantile-forest", "local")
USUAL_FALSE_CHANGES = 0.1  # of the land shown as changed


def add_general(parser):
    """Options every command has."""
    group = parser.add_argument_group("general")
    group.add_argument("--json", action="store_true", help="print one JSON document and nothing else on standard output")
    group.add_argument("--debug", action="store_true", help="show the full traceback of an error")
    group.add_argument("--quiet", action="store_true", help="no progress")
    group.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    group.add_argument("--seed", type=int, default=0, help="every random choice derives from it (default 0)")
    group.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="where XGBoost and networks run")


def add_table(parser, required=True):
    """The sample table and its target."""
    parser.add_argument(
        "samples", metavar="SAMPLES", nargs=None if required else "?", help="table: csv, tsv, txt, xlsx, gpkg, geojson, zipped shapefile, parquet"
    )
    add_columns(parser)


def add_columns(parser):
    """What the columns of a table are, and its target."""
    group = parser.add_argument_group("table")
    for name in ("sheet", "layer", "encoding", "delimiter", "decimal"):
        group.add_argument(f"--{name}")
    group.add_argument("--x", metavar="COL", help="easting or longitude column")
    group.add_argument("--y", metavar="COL", help="northing or latitude column")
    group.add_argument("--crs", metavar="EPSG:N", help="their coordinate reference system")
    for name in ("id", "date", "depth-top", "depth-bottom"):
        group.add_argument(f"--{name}", metavar="COL")
    group = parser.add_argument_group("target")
    group.add_argument("--target", metavar="COL", help="column to predict")
    group.add_argument("--unit", help="µS/cm, mS/m, mS/cm, dS/m, g/kg, %% ...")
    group.add_argument("--extract", help="1:1, 1:2, 1:2.5, 1:5, paste or ECa")
    group.add_argument("--texture", metavar="COL")
    group.add_argument("--clay", metavar="COL")
    group.add_argument("--convert", metavar="FORM", help="ECe[:METHOD] or salt[:a,b]")
    group.add_argument("--detection-limit", type=float, metavar="V")


def add_scene(parser, required=False):
    """Imagery, with what a file may not say of itself."""
    group = parser.add_argument_group("scene")
    group.add_argument("--scene", action="append", default=[], metavar="FILE", required=required, help="one stack, or once per single-band file")
    group.add_argument(
        "--roles", metavar="NAME=ROLE,...", help="which band (of the scene, or else table column) is B, G, R, RE1, RE2, RE3, N, N2, S1, S2"
    )
    group.add_argument("--sensor", help="sentinel-2-l2a, landsat-c2-l2 or reflectance")
    group.add_argument("--scale", type=float)
    group.add_argument("--offset", type=float)
    group.add_argument("--nodata", type=float)
    group.add_argument(
        "--quality", choices=("mask", "none"), default="mask", help="whether clouds, shadows and snow of SCL or QA_PIXEL are hidden (default mask)"
    )
    group.add_argument(
        "--dilate", type=int, default=2, metavar="PX", help="widen clouds and shadows by so many pixels of the quality layer (default 2)"
    )
    group.add_argument("--keep", metavar="4,5,7", help="SCL classes that are used (default 4 vegetation, 5 bare soil, 7 unclassified)")
    group.add_argument("--scene-date", metavar="D", help="which date of a NetCDF file or Zarr folder")
    group.add_argument("--mask", metavar="FILE|water|none", help="pixels to leave out; `map` leaves water out unless told none")
    group.add_argument("--aoi", metavar="FILE", help="boundary of the area of interest")


def add_features(parser):
    """Predictors."""
    group = parser.add_argument_group("predictors")
    group.add_argument("--columns", metavar="A,B,C", help="table columns that are predictors")
    group.add_argument("--predictors", choices=("all",), help="every suitable numeric column")
    group.add_argument("--exclude", metavar="A,B", help="columns that are not")
    group.add_argument("--bands", action="store_true")
    group.add_argument("--index", action="append", default=[], metavar="ID")
    group.add_argument("--index-set", action="append", default=[], metavar="NAME")
    group.add_argument(
        "--variant",
        choices=("lan2025", "literature"),
        help="short for the seventeen existing indices as printed by Lan et al., or as the literature has them, with the four novel ones",
    )
    group.add_argument("--formula", action="append", default=[], metavar="NAME=EXPRESSION")
    add_covariates(group)
    add_covariate_rules(group)


def add_covariates(group):
    """Where predictors other than the scene's come from."""
    group.add_argument("--dem", metavar="FILE", help="elevation model")
    group.add_argument(
        "--covariate",
        action="append",
        default=[],
        metavar="FILE[:categorical]",
        help="raster; a folder of rasters named by date or year is one covariate that changes",
    )
    group.add_argument("--distance", action="append", default=[], metavar="FILE", help="vector file: metres to what it holds")
    group.add_argument("--climate", metavar="DIR", help="monthly climate: folder of tables, one table, or NetCDF")
    group.add_argument("--series", metavar="DIR", help="vegetation series: start of season, start of peak and green-up speed")
    group.add_argument("--series-crs", metavar="EPSG:N", help="reference system of a series that names none")
    group.add_argument("--series-scale", type=float, help="index = stored value * scale, where it cannot be inferred")
    group.add_argument("--max-days", type=int, metavar="N", help="how far in time imagery or covariates may lie from a date (default 30)")


def add_covariate_rules(group):
    """How predictors are derived from them; a map takes this from its model."""
    group.add_argument("--terrain", metavar="A,B|all", help="attributes of the elevation model: slope_deg, aspect_deg, profile_curvature, twi ...")
    group.add_argument("--terrain-slope", choices=("horn", "zt"), default="horn")
    group.add_argument("--terrain-convention", choices=("zt", "arcgis", "geometric"), default="zt")
    group.add_argument("--terrain-smooth", type=float, default=0.0, metavar="PX")
    group.add_argument("--climate-months", type=int, default=12, metavar="N", help="months before the date that are summarised (default 12)")
    group.add_argument("--series-index", default="NDVI", metavar="ID", help="index computed where the series holds scenes (default NDVI)")
    group.add_argument("--season-start", metavar="DAY|auto", help="day of the year from which a season is looked for")
    group.add_argument("--unit-of", action="append", default=[], metavar="COVARIATE=UNIT", help="unit of a covariate, for legends")


def add_terrain(parser):
    """How slope and curvatures are computed."""
    parser.add_argument("--slope", choices=("horn", "zt"), default="horn", help="horn as GDAL (default), or Zevenbergen and Thorne")
    parser.add_argument(
        "--convention", choices=("zt", "arcgis", "geometric"), default="zt", help="form and sign of the curvatures (default zt: 1/m, convex positive)"
    )
    parser.add_argument(
        "--smooth", type=float, default=0.0, metavar="PX", help="Gaussian smoothing before the curvatures, standard deviation in pixels"
    )


def add_folds(parser):
    """How learners are scored."""
    group = parser.add_argument_group("folds")
    group.add_argument("--cv", default="random", metavar="SCHEME", help="random, block, knndm, group:COL or folds:COL")
    group.add_argument("--folds", type=int, default=10)
    group.add_argument("--repeats", type=int, default=1)
    group.add_argument("--block-size", type=float, metavar="M")
    group.add_argument("--buffer", type=float, metavar="M")


def add_fitting(parser):
    """How learners are tuned."""
    from soilcore.models.settings import FitSettings

    group = parser.add_argument_group("fitting")
    group.add_argument("--transform", choices=("none", "log10", "log1p"), default="none", help="scale on which the target is modelled")
    group.add_argument(
        "--trials",
        type=int,
        default=FitSettings.trials,
        help=f"tuning trials per learner and fold (default {FitSettings.trials}; 0: documented defaults)",
    )
    group.add_argument("--budget", type=float, metavar="SECONDS", help="start no further trial after this time")
    group.add_argument("--jobs", type=int, default=FitSettings.jobs, help="threads; networks repeat to the last bit with the same number only")
    group.add_argument(
        "--neighbour",
        action="append",
        default=[],
        choices=("gi-star", "kriging-prior"),
        help="add a feature made of the target of neighbouring training samples, fitted inside every fold",
    )
    group.add_argument("--neighbours-k", type=int, default=FitSettings.neighbour_count, metavar="K", help="neighbours of gi-star")


def add_trust(parser):
    """What is measured beside the scores."""
    group = parser.add_argument_group("trust")
    group.add_argument("--intervals", choices=INTERVAL_METHODS, default=INTERVAL_METHODS[0], help="how prediction intervals are made")
    group.add_argument(
        "--permutations", type=int, metavar="N", help="permute the target N times to look for skill out of nothing (default: 20 where it is quick)"
    )


def trust_settings(args):
    """What is measured beside the scores, by its name in a task's settings."""
    return {"intervals": args.intervals, "permutations": args.permutations, "resume": args.resume}


def add_dual_step(parser):
    """The two steps: classes, then a regression in each."""
    group = parser.add_argument_group("dual-step")
    group.add_argument("--at", metavar="V|search", default="2", help="threshold between the classes, in the unit of the target (default 2)")
    group.add_argument("--tau", metavar="V|tune", default="0.5", help="probability from which --mix hard takes the high class (default 0.5)")
    group.add_argument("--classes-edges", metavar="V,V", help="thresholds of more than two classes")
    group.add_argument("--mix", choices=("soft", "hard"), default="soft")
    group.add_argument("--classifier", default="auto", help="auto compares all of them on inner folds")
    group.add_argument("--regressor", default="xgboost", help="learner inside each class")
    group.add_argument("--train-on", choices=("true", "predicted"), default="true", help="class by which the regressions' training samples are taken")


def input_settings(args):
    """Settings of the inputs, from parsed options."""
    from soilcore.project.settings import InputSettings

    samples = getattr(args, "samples", None)
    scene = scene_settings(args)
    return InputSettings(samples, table_settings(args), scene, _features(args, scene), getattr(args, "aoi", None), getattr(args, "mask", None))


def fit_settings(args):
    """Settings of tuning and fitting."""
    from soilcore.models.settings import FitSettings
    from soilcore.project.options_networks import network_settings

    return FitSettings(
        args.transform,
        args.trials,
        args.budget,
        args.seed,
        args.device,
        args.jobs,
        neighbours=tuple(dict.fromkeys(args.neighbour)),
        neighbour_count=args.neighbours_k,
        dual_step=_dual_step(args),
        network=network_settings(args),
    )


def _dual_step(args):
    from soilcore.models.settings import DualStepSettings

    if not hasattr(args, "classes_edges"):
        return DualStepSettings()
    return DualStepSettings(
        at=_number_or_word(args.at, "search", "--at"),
        tau=_number_or_word(args.tau, "tune", "--tau"),
        edges=tuple(_number(text, "--classes-edges") for text in words(args.classes_edges)),
        mix=args.mix,
        classifier=args.classifier,
        regressor=args.regressor,
        train_on=args.train_on,
    )


def _number_or_word(text, word, option):
    return word if text == word else _number(text, option, f" or {word}")


def _number(text, option, otherwise=""):
    import math

    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SettingsError(f"{option} must be a number{otherwise}; got {text!r}.")
    return number


def split_settings(args):
    """Settings of the folds."""
    from soilcore.evaluation.splits import SplitSettings

    return SplitSettings(args.cv, args.folds, args.repeats, args.block_size, args.buffer, args.seed)


def season_start(text):
    """Day of the year, "auto", or None where nothing was said."""
    if text in (None, "auto"):
        return text
    if not text.isdigit() or not 1 <= int(text) <= 366:
        raise SettingsError(f"--season-start must be a day of the year from 1 to 366, or auto; got {text!r}.")
    return int(text)


def dates_between(text):
    """``"2025-01-01/2025-03-31"`` as two days of ISO form, or None."""
    import datetime

    if text is None:
        return None
    parts = text.split("/")
    try:
        first, last = (datetime.date.fromisoformat(part.strip()) for part in (parts if len(parts) == 2 else parts * 2))
    except ValueError:
        raise SettingsError(f"--dates must be two days such as 2025-01-01/2025-03-31; got {text!r}.") from None
    if last < first:
        raise SettingsError(f"--dates ends before it begins: {text!r}. Write the earlier day first.")
    return str(first), str(last)


def bbox(text):
    """``"W,S,E,N"`` in degrees as four numbers, or None."""
    if text is None:
        return None
    sides = tuple(_number(part, "--bbox", ", four of them: west,south,east,north") for part in words(text))
    if len(sides) != 4 or not (-180 <= sides[0] < sides[2] <= 180 and -90 <= sides[1] < sides[3] <= 90):
        raise SettingsError(f"--bbox must be west,south,east,north in degrees, west below east and south below north; got {text!r}.")
    return sides


def words(text):
    """``"A, B"`` as ``("A", "B")``."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def table_settings(args):
    """How the table is to be read, from parsed options."""
    from dataclasses import fields

    from soilcore.data.samples import SampleSettings

    return SampleSettings(**{field.name: getattr(args, field.name, None) for field in fields(SampleSettings)})


def scene_settings(args):
    """Which imagery, from parsed options; None where there is none."""
    paths = tuple(getattr(args, "scene", ()) or ())
    if not paths:
        return None
    from soilcore.data.imagery import SceneSettings
    from soilcore.features.selection import parse_roles

    return SceneSettings(
        paths,
        parse_roles(words(args.roles)),
        args.sensor,
        args.scale,
        args.offset,
        args.nodata,
        trusted=True,
        quality=args.quality,
        dilate=args.dilate,
        keep=tuple(int(_number(text, "--keep", ", SCL classes such as 4,5,7")) for text in words(args.keep)),
        date=args.scene_date,
    )


def _features(args, scene):
    from soilcore.features.recipe import FeatureSettings

    if not hasattr(args, "covariate"):
        return FeatureSettings()
    rasters = FeatureSettings(
        covariates=tuple(args.covariate),
        dem=args.dem,
        distances=tuple(args.distance),
        climate=args.climate,
        series=args.series,
        series_crs=args.series_crs,
        series_scale=args.series_scale,
        max_days=FeatureSettings.max_days if args.max_days is None else args.max_days,
    )
    if not hasattr(args, "columns"):
        return rasters
    rasters = replace(
        rasters,
        terrain=words(args.terrain),
        terrain_slope=args.terrain_slope,
        terrain_convention=args.terrain_convention,
        terrain_smooth=args.terrain_smooth,
        climate_months=args.climate_months,
        series_index=args.series_index,
        season_start=season_start(args.season_start),
        units=tuple(args.unit_of),
    )
    if args.columns and args.predictors:
        raise SettingsError("--columns and --predictors all exclude each other: name the columns, or take all.")
    sets = tuple(args.index_set) + ((f"existing17_{args.variant}", "novel4_lan2025") if args.variant else ())
    chosen = replace(
        rasters,
        bands=args.bands,
        indices=tuple(args.index),
        index_sets=sets,
        formulas=tuple(args.formula),
        columns=("all",) if args.predictors else words(args.columns),
        exclude=words(args.exclude),
    )
    if scene is not None:
        return chosen
    return replace(chosen, roles=words(args.roles), sensor=args.sensor, scale=args.scale, offset=args.offset)
