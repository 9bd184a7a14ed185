"""The library part of the spectra page: bring it, see what was recognised and what is wrong with it, look at the spectra and the target."""

import pandas as pd
import streamlit as st

from pages.ui import charts, evidence, messages, samples, spectra_cached, spectra_charts, spectra_reading, spectra_upload, theme, trust_charts
from pages.ui.session import current_work
from pages.ui.spectra_words import axis_words
from pages.ui.trust_cards import metric
from soilcore.core.errors import SoilcoreError

_NO_PLACES = {  # what a table without coordinates means where spectra are the predictors
    "message": "The library has no coordinates: predictions cannot become points on a map, and spatial blocks cannot be drawn.",
    "fix": "Models of the spectra work all the same. For points and blocks, name the columns under “Axis, quantity, coordinates and file format”.",
}
_EXAMPLES = 4
_MANY_GROUPS = 25
_WIDTH = 150  # pixels: five cards beside each other where the window is 1280 wide


def panel():
    """Everything about the library."""
    spectra_upload.uploader()
    spectra_upload.picker()
    work = current_work()
    if work.spectra_file is None:
        st.info(
            "No library yet. Upload spectra with laboratory values: one row per sample, one column per wavenumber or wavelength, and a column for what was "
            "measured; or instrument files together with a table of values joined by their id.",
            icon=":material/show_chart:",
        )
        spectra_upload.example()
        return
    spectra = read()
    spectra_reading.form(spectra)
    found = [{**one, **_NO_PLACES} if one["code"] == "no-coordinates" else one for one in spectra_cached.findings(spectra)]
    cards(spectra, found)
    samples.findings(found, key="spectra.findings")
    look(spectra)
    if spectra.target is not None:
        target(spectra)
    groups(spectra)
    with st.expander("The columns beside the spectra", icon=":material/table:"):
        st.dataframe(spectra.table, placeholder="", alt="The table beside the spectra")


def read():
    """The chosen library; where it cannot be read, the reason and what can be answered, and the page ends."""
    work = current_work()
    try:
        return spectra_cached.library()
    except SoilcoreError as error:
        messages.refused(error)
        spectra_reading.questions()
        samples.start_again(work.choose_spectra, work.spectra_file, "spectra.afresh")
        st.stop()


def need(with_target=True):
    """The chosen library, or a sentence on what is missing, and the page ends.

    Parameters
    ----------
    with_target : bool
        Whether the column to predict must be known, too.

    Returns
    -------
    SpectraSet
    """
    if current_work().spectra_file is None:
        st.info("Choose a library of spectra first, in the part “Library”, or make an example.", icon=":material/library_books:")
        spectra_upload.example()
        st.stop()
    spectra = read()
    if with_target and spectra.target is None:
        st.info("Choose the column to predict first: in the part “Library”, under “Column to predict”.", icon=":material/ads_click:")
        st.stop()
    return spectra


def cards(spectra, found):
    """How many spectra, on which axis, of what, and how many findings."""
    errors = sum(finding["severity"] == "error" for finding in found)
    lost, sizes = len(spectra) - int(spectra.usable.sum()), group_sizes(spectra.groups)
    with st.container(horizontal=True):
        metric("Spectra", f"{len(spectra):,}", f"{lost} cannot be used" if lost else "all whole", width=_WIDTH)
        metric("Points", f"{spectra.axis.size:,}", axis_words(spectra.axis[0], spectra.axis[-1], spectra.unit), width=_WIDTH)
        measured = "–" if spectra.target is None else f"{int(pd.notna(spectra.target.values).sum()):,}"
        metric("Measured", measured, _target_words(spectra.target), "Spectra with a value of the column to predict", width=_WIDTH)
        metric("Groups", len(sizes) or "–", spectra.group_column or "none chosen", "Scores are given for each", width=_WIDTH)
        metric("Findings", len(found), f"{errors} must be mended" if errors else "none is grave", width=_WIDTH)
    st.caption(_read_as(spectra))
    messages.assumed(spectra.assumed)


def _target_words(found):
    return "nothing chosen" if found is None else found.column


def _read_as(spectra):
    """What was measured, in which unit, and whether the spectra have places."""
    target = spectra.target
    unit = f" Target: {target.column}, {target.unit or 'unit not known'}." if target else ""
    where = f"Coordinates: {spectra.crs.name}." if spectra.crs is not None else "No coordinates: predictions cannot become points on a map."
    return messages.plain(f"Read as {spectra.quantity}.{unit} {where}")


def look(spectra):
    """The spectra as they are, with the known absorptions below."""
    st.subheader("The spectra", anchor=False)
    with messages.shown():
        facts = spectra_cached.preview(spectra, "", _EXAMPLES)
        figure = spectra_charts.quantiles(facts["before"], spectra.quantity, facts["examples"], named_bands(spectra.axis, spectra.unit))
        alt = f"Quantiles of {facts['usable']} spectra over the axis, with known absorptions of soil constituents below"
        evidence.chart(figure, quantile_table(facts["before"]), alt, "spectra.raw", "spectra-quantiles.csv")


def named_bands(axis, unit):
    """Known absorptions on an axis."""
    return spectra_cached.absorptions(tuple(float(value) for value in axis), unit)


def quantile_table(facts):
    """The bands of a chart of spectra as a table."""
    return {f"axis ({facts['unit']})": facts["axis"], **{f"quantile {level}": values for level, values in facts["quantiles"].items()}}


def target(spectra):
    """How the target is distributed, and what the limit of detection leaves out."""
    found = spectra.target
    title = f"{found.column} ({found.unit or 'unit not known'})"
    st.subheader("What was measured", anchor=False)
    log = st.toggle("Logarithmic", key="spectra.log", persist_state="session", help="For skewed values; those at or below 0 are left out")
    figure = charts.histogram(found.values, title, log)
    table = pd.DataFrame({"row": spectra.table.index, "id": spectra.ids, found.column: found.values})
    evidence.chart(figure, table, f"Histogram of {title}", "spectra.target", "target.csv")
    limit = current_work().spectra_settings.table.detection_limit
    if limit is not None:
        st.caption(f"Detection limit {theme.number(limit)}: what became of samples below it stands among the findings.")
        return
    known = found.values[pd.notna(found.values)]
    if known.size:
        between = f"{known.size} values from {theme.number(known.min())} to {theme.number(known.max())}"
        st.caption(f"{between}. Nothing is filtered; if the laboratory has a detection limit, give it above.")


def group_sizes(labels):
    """Groups with their number of spectra, largest first; empty without groups."""
    from soilcore.project.spectra import group_sizes as sizes_of

    return sizes_of(labels)


def groups(spectra):
    """How many spectra each group has."""
    rows = group_sizes(spectra.groups)
    if not rows:
        return
    st.subheader("Groups", anchor=False)
    shown = rows[:_MANY_GROUPS]
    figure = trust_charts.bars([row["group"] for row in shown], [row["n"] for row in shown], "spectra")
    evidence.chart(figure, rows, f"Number of spectra by {spectra.group_column}", "spectra.groups", "groups.csv")
    if len(rows) > len(shown):
        st.caption(f"The {len(shown)} largest of {len(rows)} groups; all of them stand in the table.")
