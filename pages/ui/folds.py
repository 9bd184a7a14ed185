"""How samples are divided for scoring: what the layout of the samples suggests, what was found in the table, and the choice."""

import streamlit as st

from pages.ui import cached, messages
from pages.ui.session import current_work
from pages.ui.words import in_page
from soilcore.evaluation.splits import SplitSettings

SCHEMES = {
    "knndm": "Matched to the map (kNNDM): as far from training samples as the map is",
    "block": "Spatial blocks: whole squares left out",
    "group": "Whole groups left out: a field, a profile, a campaign",
    "folds": "Folds given in a column of the table",
    "random": "Random: how good between your samples, flattering for maps of clustered ones",
}
_GROUPING = ("fold", "group", "grid", "block", "cluster", "profile", "transect", "campaign", "site", "plot", "field", "village")
_LARGEST_LOOK = 5000  # samples; beyond, folds are looked at when they are used
_LAYOUTS = {"random": "scattered at random", "regular": "laid out regularly", "clustered": "clustered", None: "in an unknown layout"}


def form(samples):
    """Ask for the folds.

    Parameters
    ----------
    samples : SampleSet

    Returns
    -------
    SplitSettings
    """
    design = cached.design(samples)
    dividing = _dividing(samples)
    kind = _kind(samples, dividing, design)
    if design is not None:
        _say_design(design)
    columns = st.columns(3)
    folds, scheme, size, repeats = 5, kind, None, 1
    if kind != "folds":
        folds = columns[0].number_input("Number of folds", 2, 50, 5, key="model.folds", persist_state="session")
    if kind in ("group", "folds"):
        column = columns[1].selectbox("Column", dividing, key=_column_key(kind), persist_state="session")
        scheme = f"{kind}:{column}"
    if kind == "block":
        size = columns[1].number_input(
            "Side of a block (m)",
            1.0,
            value=None,
            placeholder="find",
            key="model.block",
            persist_state="session",
            help="Empty: the range of the variogram",
        )
    if kind in ("knndm", "block", "random"):
        repeats = columns[2].number_input(
            "Repeats",
            1,
            20,
            1,
            key="model.repeats",
            persist_state="session",
            help="How often the folds are drawn anew. Below 150 samples, 10 repeats show how much a score owes to the draw",
        )
    return SplitSettings(scheme, int(folds), int(repeats), size)


def _kind(samples, dividing, design):
    possible = {"knndm": samples.has_places, "block": samples.has_places, "group": bool(dividing), "folds": bool(dividing)}
    options = [name for name in SCHEMES if possible.get(name, True)]
    suggested = suggestion(design)
    index = options.index(suggested) if suggested in options else 0
    key = _scheme_key(options)
    wanted = st.session_state.pop("model.wanted", None)
    if wanted and wanted[0] in options and wanted[1] in dividing:
        st.session_state[key], st.session_state[_column_key(wanted[0])] = wanted
    words = {name: f"{text} · **suggested**" if name == suggested else text for name, text in SCHEMES.items()}
    return st.radio("Folds", options, index=index, format_func=words.get, key=key, persist_state="session")


def suggestion(design):
    """The scheme to begin with: kNNDM wherever places are known, because from a random or regular layout it makes random folds by itself."""
    if design is None:
        return None
    return "knndm" if design["suggested_cv"] in ("random", "knndm") and design["kind"] else design["suggested_cv"]


def _say_design(design):
    same = " Matched folds are random folds then." if design["suggested_cv"] == "random" and design["kind"] else ""
    st.caption(
        f"Your samples are **{_LAYOUTS.get(design['kind'], design['kind'])}**. {messages.plain(in_page(design['reason']))}{same}",
        help=messages.plain(design["detail"]),
    )


def _scheme_key(options):
    return f"model.scheme.{'+'.join(options)}"


def _column_key(kind):
    return f"model.column.{kind}.{current_work().samples_file}"


def _dividing(samples):
    """Columns that divide the samples: at least two values, and on average two samples of each; those named like folds or groups first."""
    counts = samples.table.nunique()
    names = [str(name) for name in samples.table.columns if 2 <= counts[name] <= len(samples) / 2 and name != samples.target.column]
    return sorted(names, key=lambda name: next((place for place, word in enumerate(_GROUPING) if word in name.lower()), len(_GROUPING)))


def warn(samples, inputs, settings):
    """Say before anything is computed what these folds would divide that belongs together; one click mends it.

    Parameters
    ----------
    samples : SampleSet
    inputs : InputSettings
        With the predictors chosen, paths relative to the project.
    settings : SplitSettings
    """
    if len(samples) > _LARGEST_LOOK:
        return
    with messages.shown():
        found = cached.folds(inputs, settings)
        st.caption(f"These folds: {messages.plain(found['label'])}, with {', '.join(map(str, found['sizes']))} samples.")
        for finding in found["findings"]:
            if finding["severity"] != "note":
                show_warning(finding["message"], finding["fix"], finding.get("column"), samples)


def show_warning(message, fix, column, samples):
    """A warning about the folds, with a button where a column of the table mends it."""
    with st.container(border=True):
        st.warning(f"{messages.plain(in_page(message))} {messages.plain(in_page(fix))}", icon=messages.ICONS["warning"])
        if column is not None and str(column) in _dividing(samples):
            st.button(
                f"Use whole groups of {column}", icon=":material/group_work:", on_click=_use_groups, args=(str(column),), key=f"model.group.{column}"
            )


def _use_groups(column):
    st.session_state["model.wanted"] = ("group", column)
