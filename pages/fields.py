"""Fields: what a map says about each field, which crops stand its salt, how much water keeps it away, and where to sample next."""

from pages.ui import fields_page, steps, theme

theme.header(
    "Fields",
    "What the map says about each of your fields, how sure that is, which crops stand it, how much water keeps the salt away, and where to sample next.",
)
steps.need("start", "map")
fields_page.draw()
