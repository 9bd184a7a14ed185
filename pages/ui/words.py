"""The engine speaks of command-line options; on a page the same thing is a field with a name."""

import re

_FIELDS = {
    "--target": "“Column to predict”",
    "--unit": "“Its unit”",
    "--extract": "“Extract”",
    "--convert": "“Convert to”",
    "--crs": "“Reference system”",
    "--x": "“Easting or longitude”",
    "--y": "“Northing or latitude”",
    "--date": "“Date”",
    "--depth-top": "“Upper depth”",
    "--depth-bottom": "“Lower depth”",
    "--texture": "“Texture class”",
    "--clay": "“Clay”",
    "--sheet": "“Sheet or layer”",
    "--layer": "“Sheet or layer”",
    "--encoding": "“Text encoding”",
    "--delimiter": "“Delimiter”",
    "--decimal": "“Decimal sign”",
    "--detection-limit": "“Detection limit”",
    "--roles": "the roles of the bands",
    "--sensor": "“Sensor”",
    "--scale": "“Scale”",
    "--offset": "“Offset”",
    "--nodata": "“Nodata”",
    "--scene": "the imagery page",
    "--covariate": "“Upload a raster”",
    "--dem": "“Upload a raster”",
    "--aoi": "“Area of interest”",
    "--cv": "“Folds”",
    "--folds": "“Number of folds”",
    "--block-size": "“Side of a block”",
    "--columns": "“Table columns”",
    "--predictors": "“Table columns”",
    "--index-set": "“Index sets”",
    "--formula": "“Own formulas”",
    "--transform": "“Model the target as”",
    "--log-target": "“Logarithm of the target”",
    "--bands": "“Bands”",
    "--permutations": "“Shuffle the target”",
    "--repeats": "“Repeats”",
    "--intervals": "“Prediction intervals from”",
    "--mask": "“Leave out”",
    "--at": "“Threshold”",
    "--max-days": "“Days between a sample and its image”",
    "--climate": "the climate part of the imagery page",
    "--series": "“Upload a series”",
    "--distance": "“Upload what to measure to”",
    "--bbox": "“Area”",
    "--samples": "the samples page",
    "--collection": "“Collection”",
    "--stac": "“Catalogue”",
    "--cloud": "“Clouds at most”",
    "--dates": "“From, to”",
    "--margin": "“Metres round the samples”",
    "--terrain": "“Terrain from an elevation model”",
    "--season-start": "“Season starts on”",
    "--group": "“Groups”",
    "--axis-unit": "“Axis”",
    "--quantity": "“Measured quantity”",
    "--spectral-columns": "“Spectral columns begin with”",
    "--below-limit": "“Samples below it”",
    "--positive": "“Leave out spectra that are not above 0”",
    "--replicates": "“Scans of one sample”",
    "--properties": "“Table of properties”",
    "--id": "“Sample id”",
    "--preprocess": "“Preprocessing”",
    "--seeds": "“Divisions”",
    "--epochs": "“Epochs, at most”",
    "--batch": "“Samples per step”",
    "--learning-rate": "“Learning rate”",
    "--patience": "“Epochs without progress”",
    "--members": "“Members”",
    "--precision": "“Numbers”",
    "--patch": "“Window”",
    "--patch-cell": "“Cell of the window”",
    "--device": "“Train on”",
    "--stride": "“Compute”",
    "--classes": "“Classes”",
    "--correlation": "“A change is told from error”",
    "--low-max": "“Low: up to”",
    "--high-min": "“High: from”",
    "--interval": "“Interval round every value”",
    "--aoa": "“Area of applicability”",
    "--bulk-density": "“Bulk density”",
    "--depth": "“Thickness of the layer”",
    "--crop": "“Crops you could grow”",
    "--irrigation-ec": "“Conductivity of the irrigation water”",
    "--boundaries": "“Field boundaries”",
    "--year-map": "“Maps of other dates”",
}
_SCHEMES = (
    (re.compile(r"--cv group:COLUMN"), "whole groups (“Folds”)"),
    (re.compile(r"--cv group:(\S+?)(?=[.,;]?(?:\s|$))"), r"whole groups of \1 (“Folds”)"),
    (re.compile(r"\(--cv random --repeats (\d+)\)"), r"(random folds with \1 repeats)"),
    (re.compile(r"--cv random"), "random folds"),
    (re.compile(r"Run `spectra check` for the list"), "The library part of the page lists them"),
    (re.compile(r"refit with --seeds (\d+)"), r"refit with \1 divisions (“Explain”)"),
    (re.compile(r" \(`spectra preprocess --preprocess absorbance --out FILE`\)"), ""),
    (re.compile(r"--cv knndm"), "folds matched to the map"),
    (re.compile(r"--cv block"), "spatial blocks"),
    (re.compile(r"(--bulk-density) G_CM3"), r"\1"),
    (re.compile(r"(--depth) CM"), r"\1"),
    (re.compile(r"(--interval) 0\.9"), r"\1"),
)
_LEAVE_OUT = re.compile(r"--exclude .+?(?=\.$|$)")
_OPTION = re.compile(r"--[a-z][a-z-]*")


def in_page(text):
    """A sentence of the engine with the names that fields have on the pages."""
    text = str(text)
    for pattern, words in _SCHEMES:
        text = pattern.sub(words, text)
    text = _LEAVE_OUT.sub("Leave it out of “Table columns”", text)
    return _OPTION.sub(lambda found: _FIELDS.get(found.group(), found.group()), text)


def names_a_field(text):
    """Whether a refusal can be answered in a form, because it names one of its fields."""
    return any(option in _FIELDS for option in _OPTION.findall(str(text)))
