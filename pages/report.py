"""Report: what the project found and how far to trust it, as a page, a PDF, facts, an archive that re-creates every raster, and a link to look at."""

from pages.ui import report_page, steps, theme

theme.header(
    "Report",
    "What was found and how far it can be trusted, told once for everybody: a report to hand on, an archive that makes every raster again, "
    "and an address under which others look at the map.",
)
steps.need("start", "model")
report_page.draw()
