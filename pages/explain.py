"""Explain: what moves a model's predictions, over all samples, sample by sample, along one driver, and on the map."""

from pages.ui import explain_page, steps, theme

theme.header(
    "Explain",
    "What moves the model's predictions: which drivers count, in which direction, together with what, and which one dominates where. "
    "For a single place, click it on the map page.",
)
steps.need("start", "model")
explain_page.draw()
