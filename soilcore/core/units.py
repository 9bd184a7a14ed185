"""One door to units, extracts, conversions, textures, class schemes and carbon; each lives in a module of its own."""

from soilcore.core.carbon import carbon_stock_t_ha, organic_carbon_g_kg, organic_matter_g_kg
from soilcore.core.classes import ClassScheme, check_scheme_fits, class_scheme, class_schemes
from soilcore.core.conversions import (
    Conversion,
    Converted,
    conversion_methods,
    convert_to_ece,
    convert_to_salt,
    default_method,
    dissolved_solids_mg_l,
    parse_conversion,
    paste_water,
)
from soilcore.core.quantities import (
    convert_unit,
    find_extract,
    find_unit,
    kind_of_unit,
    known_extract,
    known_unit,
    parts_of_water,
    plain_spelling,
    to_ds_m,
)
from soilcore.core.texture import read_texture_names, texture_class, texture_group

__all__ = [
    "ClassScheme",
    "Conversion",
    "Converted",
    "carbon_stock_t_ha",
    "check_scheme_fits",
    "class_scheme",
    "class_schemes",
    "conversion_methods",
    "convert_to_ece",
    "convert_to_salt",
    "convert_unit",
    "default_method",
    "dissolved_solids_mg_l",
    "find_extract",
    "find_unit",
    "kind_of_unit",
    "known_extract",
    "known_unit",
    "organic_carbon_g_kg",
    "organic_matter_g_kg",
    "parse_conversion",
    "parts_of_water",
    "paste_water",
    "plain_spelling",
    "read_texture_names",
    "texture_class",
    "texture_group",
    "to_ds_m",
]
