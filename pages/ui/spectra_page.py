"""The spectra page: what networks on spectra are doing, and below it one of the sections."""

from pages.ui import networks, sections, spectra_attribution, spectra_kept, spectra_library, spectra_models, spectra_predict, spectra_steps
from pages.ui.sections import Section

_KINDS = ("spectra-train", "spectra-compare")


def draw():
    """The chosen part, below it nothing else: a page of spectra is heavy enough."""
    networks.live()
    networks.unfinished(_KINDS)
    sections.draw(SECTIONS, "spectra.part")


SECTIONS = {
    "library": Section("Library", ":material/library_books:", spectra_library.panel),
    "steps": Section("Preprocess", ":material/tune:", spectra_steps.panel),
    "models": Section("Compare", ":material/leaderboard:", spectra_models.panel),
    "kept": Section("Models", ":material/inventory_2:", spectra_kept.panel),
    "explain": Section("Explain", ":material/query_stats:", spectra_attribution.panel),
    "predict": Section("Predict", ":material/online_prediction:", spectra_predict.panel),
}
