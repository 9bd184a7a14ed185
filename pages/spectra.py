"""Spectra: a library of laboratory or field spectra becomes a model of a soil property, and new spectra become samples."""

from pages.ui import spectra_page, steps, theme

theme.header(
    "Spectra",
    "A library of infrared spectra with laboratory values becomes a model; new spectra get a value, an interval and a word on whether the model knows such soils.",
)
steps.need("start")
spectra_page.draw()
