"""What each network reads: the columns it adds to the recipe, and the windows and months it is given."""

from dataclasses import replace

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.features.surroundings import FEWEST_MONTHS, NetworkNeeds, PatchNeed, SequenceNeed

SOILNETS = ("soilnet", "soilnet-image", "soilnet-image-glam", "soilnet-small")
SS_SOILNETS = ("sssoilnet", "sssoilnet-index", "sssoilnet-spec-index", "sssoilnet-stack", "sssoilnet-dense")
IMAGE_NETWORKS = (*SOILNETS, *SS_SOILNETS)
IMAGE, WINDOW, CENTRE = "image", "window", "centre"
SS_SETS = ("salinity19", "vegetation16", "water2")
NORMALISED_DIFFERENCES = {
    "CLAY_ND": ("S1", "S2"),
    "FERROUS_ND": ("S1", "N"),
    "CARBONATE_ND": ("R", "G"),
    "ROCK_ND": ("S1", "G"),
}
VEGETATION = "NDVI"
TERRAIN = {"soilnet": ("slope_deg",), "sssoilnet": ("slope_deg", "profile_curvature", "plan_curvature")}
SPATIAL = ("elevation", "slope_deg", "profile_curvature", "plan_curvature", "LSWI", "NDWI", "sos", "gus", "sdps")
COASTAL = "CA"  # a user may call it so; scenes of Landsat 8/9 and Sentinel-2 have it by its number
_COASTAL_NUMBERED = "B1"
_SOILNET_BANDS = ("B", "G", "R", "N", "S1", "S2")
CENTRE_CELLS = 3  # cells per side of the window round the centre
_SMALL_PATCH, _SOILNET_PATCH, _SOILNET_CELL, _SS_PATCH = 32, 64, 30.0, 65
_SMALLEST = {"soilnet-small": 16, "sssoilnet": 9, "sssoilnet-stack": 9, "sssoilnet-dense": 21}  # cells per side; below, the layers find nothing left
_SMALLEST_IMAGE = 32


def is_image_network(name):
    """Whether a learner reads windows of imagery."""
    return name in IMAGE_NETWORKS


def terrain_of_networks(names, features):
    """The settings with the terrain that networks read, where there is an elevation model.

    Parameters
    ----------
    names : sequence of str
        Learners as typed.
    features : FeatureSettings

    Returns
    -------
    FeatureSettings
    """
    if not features.dem or features.terrain == ("all",):
        return features
    wanted = [each for name in names if is_image_network(name) for each in TERRAIN["soilnet" if name in SOILNETS else "sssoilnet"]]
    return replace(features, terrain=tuple(dict.fromkeys((*features.terrain, *wanted))))


def features_of_networks(names, features, roles):
    """The settings with the bands and indices that networks read; every other learner of the comparison gets the same.

    Parameters
    ----------
    names : sequence of str
        Learners as typed.
    features : FeatureSettings
    roles : tuple of str
        Bands at hand.

    Returns
    -------
    features : FeatureSettings
    said : tuple of str
        What was added to what the user named.

    Raises
    ------
    SettingsError
        If there is no scene to cut windows of.
    """
    networks = [name for name in names if is_image_network(name)]
    if not networks:
        return features, ()
    if not roles:
        raise SettingsError(f"The model {networks[0]!r} reads windows of imagery around the samples. Give a scene with --scene.")
    sets, formulas, indices = [], [], []
    if any(name in SS_SOILNETS for name in networks):
        sets += SS_SETS
    if any(name in SOILNETS for name in networks):
        formulas += [f"{name}=({a}-{b})/({a}+{b})" for name, (a, b) in NORMALISED_DIFFERENCES.items() if {a, b} <= set(roles)]
        indices += [VEGETATION] if {"N", "R"} <= set(roles) else []
    added = replace(
        features,
        bands=True,
        index_sets=_joined(features.index_sets, sets),
        indices=_joined(features.indices, indices),
        formulas=_joined(features.formulas, formulas),
    )
    named = not features.names_nothing and added != features
    what = " and ".join(["the bands", *([f"the index sets {', '.join(sets)}"] if sets else []), *(["normalised differences"] if formulas else [])])
    return added, (f"{networks[0]} reads {what}; every model of this comparison gets them as predictors",) if named or len(names) > 1 else ()


def network_needs(name, recipe, climate, settings):
    """Windows and months that a network reads.

    Parameters
    ----------
    name : str
        As typed.
    recipe : FeatureRecipe
        What layers there are.
    climate : Climate or None
    settings : NetworkSettings
        ``patch`` and ``cell`` of the image window, where they are not the published ones.

    Returns
    -------
    needs : NetworkNeeds
    said : tuple of str
        What the network does without.

    Raises
    ------
    FeatureError
        If there is nothing to cut windows of.
    SettingsError
        If the network cannot do without climate.
    """
    _check_patch(name, settings.patch)
    if name in SOILNETS:
        return _soilnet_needs(name, recipe, climate, settings)
    if name in SS_SOILNETS:
        return _sssoilnet_needs(name, recipe, settings)
    return NetworkNeeds(), ()


def _check_patch(name, size):
    """Refuse a window that is too small before any is cut."""
    least = least_patch(name)
    if size is not None and size < least:
        raise SettingsError(f"Windows of {size} cells per side are too small for {name!r}. Give at least --patch {least}.")


def least_patch(name):
    """Fewest cells per side of the window that a network works on; 0 for one without."""
    return _SMALLEST_IMAGE if name in SOILNETS[:3] else _SMALLEST.get(name, 0)


def _soilnet_needs(name, recipe, climate, settings):
    """SoilNet's 14 channels as far as they are at hand, and 61 months where climate belongs to it."""
    coastal = _COASTAL_NUMBERED if _COASTAL_NUMBERED in recipe.names else COASTAL
    wanted = (coastal, *_SOILNET_BANDS, *NORMALISED_DIFFERENCES, VEGETATION, "elevation", "slope_deg")
    layers = tuple(layer for layer in wanted if layer in recipe.names)
    if not layers:
        raise FeatureError(f"There is no band and no elevation to cut windows of for {name!r}. Give a scene with --scene.")
    small = name == "soilnet-small"
    size = settings.patch or (_SMALL_PATCH if small else _SOILNET_PATCH)
    cell = settings.cell or (None if small else _SOILNET_CELL)
    said = _absent(wanted, layers, name)
    sequence = None
    if name == "soilnet" or (small and climate is not None):
        if climate is None:
            raise SettingsError(
                "The model 'soilnet' reads 61 months of climate. Give them with --climate, or choose 'soilnet-image-glam', which reads images only."
            )
        sequence = _sequence(climate)
        said += _shorter(sequence)
    return NetworkNeeds((PatchNeed(IMAGE, layers, size, cell),), sequence), said


def _sequence(climate):
    months = min(SequenceNeed(()).months, len(climate.months))
    if months < FEWEST_MONTHS:
        raise SettingsError(f"The climate has {months} months; a series of at least {FEWEST_MONTHS} is needed. Give a longer one with --climate.")
    return SequenceNeed(climate.sequence_variables, months)


def _shorter(sequence):
    published = SequenceNeed(()).months
    return (f"the climate has {sequence.months} months, fewer than the published {published}",) if sequence.months < published else ()


def _sssoilnet_needs(name, recipe, settings):
    """Nine spatial layers as far as they are at hand, and the bands round the centre."""
    patches, said = [], ()
    if name not in ("sssoilnet-index", "sssoilnet-spec-index"):
        layers = tuple(layer for layer in SPATIAL if layer in recipe.names)
        if name == "sssoilnet-dense":
            layers = tuple(layer for layer in layers if layer != "elevation")
        if not layers:
            raise FeatureError(
                f"There is no spatial layer for {name!r}: give an elevation model (--dem), a vegetation series (--series), or a scene with N, S1 and G."
            )
        said += _absent(SPATIAL, layers, name)
        patches.append(PatchNeed(WINDOW, layers, settings.patch or _SS_PATCH, settings.cell))
    if name != "sssoilnet-index":
        patches.append(PatchNeed(CENTRE, tuple(recipe.bands), CENTRE_CELLS))
    return NetworkNeeds(tuple(patches)), said


def _absent(wanted, layers, name):
    absent = [layer for layer in wanted if layer not in layers]
    return (f"{name} does without {', '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} not among the inputs",) if absent else ()


def _joined(first, second):
    return tuple(dict.fromkeys((*first, *second)))
