"""Expensive reads of spectra, kept by the file's stamp and frozen settings."""

import streamlit as st

from pages.ui.cached import stamp
from pages.ui.session import current_work

_KEEP = 2  # a library may hold hundreds of megabytes


def library(settings=None):
    """The chosen library, or the one that `SpectraSettings` with paths relative to the project name; None when none is chosen."""
    work = current_work()
    settings = settings or work.spectra_settings
    if settings is None:
        return None
    whole = work.spectra_here(settings)
    files = (*whole.paths, *((whole.properties,) if whole.properties else ()))
    return _library(tuple(stamp(path) for path in files), whole)


@st.cache_resource(max_entries=_KEEP, show_spinner="Reading the spectra ...")
def _library(stamps, settings):
    from soilcore.data.spectra import open_spectra

    return open_spectra(settings)


def findings(spectra):
    """Everything the checks find in a library."""
    return _findings(spectra.fingerprint, spectra)


@st.cache_data(max_entries=8, show_spinner="Checking the spectra ...")
def _findings(fingerprint, _spectra):
    from soilcore.data.spectra_checks import check_spectra

    return [vars(finding) for finding in check_spectra(_spectra)]


def preview(spectra, steps, examples=5):
    """What steps of preprocessing do to a library, see `soilcore.project.spectra.preprocessed`."""
    return _preview(spectra.fingerprint, steps, examples, spectra)


@st.cache_data(max_entries=16, show_spinner="Preprocessing ...")
def _preview(fingerprint, steps, examples, _spectra):
    from soilcore.core.files import plain
    from soilcore.project.spectra import preprocessed

    return plain(preprocessed(_spectra, steps, examples)[2])


@st.cache_data(max_entries=16, show_spinner=False)
def absorptions(axis, unit):
    """Known absorptions that an axis reaches into, one dict per band.

    Parameters
    ----------
    axis : tuple of float
        Its ends and a few points between suffice where it is dense.
    unit : {"cm-1", "nm"}
    """
    from soilcore.explanation.bands import bands_on

    return [vars(band) for band in bands_on(axis, unit)]
