"""Words of the spectra page: sentences of the engine with the names that fields have here, and units as people write them."""

from pages.ui.messages import plain
from pages.ui.words import in_page

UNITS = {"cm-1": "cm⁻¹"}


def spoken(text):
    """A sentence of the engine as it stands on this page, beginning with a capital."""
    said = in_page(text).replace(" (“Folds”)", " (“How the library is divided”)").strip()
    return plain(f"{said[:1].upper()}{said[1:]}")


def axis_words(low, high, unit):
    """Both ends of an axis with its unit."""
    return f"{low:.0f} to {high:.0f} {UNITS.get(unit, unit)}"
