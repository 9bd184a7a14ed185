"""Imagery: the satellite image and the rasters beside it, where they come from, and what was understood of them."""

from pages.ui import imagery, sections, steps, theme

theme.header(
    "Imagery", "The satellite image and the rasters beside it. Nothing is guessed silently: roles, scale and offset stand here with the evidence."
)
steps.need("start")
sections.draw(imagery.SECTIONS, "imagery.section")
steps.link("indices", "On to indices", ":material/arrow_forward:")
