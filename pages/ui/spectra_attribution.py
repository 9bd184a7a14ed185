"""On which parts of the spectrum a kept model rests: profiles by group, the absorptions they lie on, and how alike the groups are."""

import pandas as pd
import streamlit as st

from pages.ui import cached, evidence, jobs, messages, spectra_charts, spectra_kept, spectra_library, theme
from pages.ui.session import current_work
from pages.ui.spectra_words import axis_words, spoken
from soilcore.project.spectra_settings import SpectraAttributeTask

_MOST_LINES = 5
_REFITS_HELP = (
    "The model is fitted anew on so many divisions of the library and explained on spectra it did not see. Quick shows what the kept model says of the "
    "library it was trained on, which flatters."
)
_DRAWS = 50
_DRAWS_HELP = "Each spectrum is compared with so many training spectra drawn by chance: more draws are steadier and take longer"
_QUICK = "the kept model, quick"
_BAND_COLUMNS = {
    "name": "Absorption",
    "constituent": "Constituent",
    "vibration": "Vibration",
    "high": st.column_config.NumberColumn("From", format="%.0f"),
    "low": st.column_config.NumberColumn("To", format="%.0f"),
    "peak": st.column_config.NumberColumn("Strongest at", format="%.0f"),
    "share": st.column_config.NumberColumn("Share of the attribution", format="percent"),
    "density": st.column_config.NumberColumn(
        "Times chance", format="%.1f", help="Share of the attribution over share of the spectrum: 1 is what chance gives"
    ),
    "sign": st.column_config.NumberColumn("Direction", format="%.2f", help="1: only raises predictions, -1: only lowers them"),
    "sources": "Sources",
}
_GROUP_COLUMNS = {
    "group": "Group",
    "n": "Spectra explained",
    "reliability": st.column_config.NumberColumn("Reliability (split halves)", format="%.2f"),
    "noise": st.column_config.NumberColumn("Noise of the draws", format="%.2f", help="Against the size of the profile; above 1 it is mostly noise"),
    "shown": st.column_config.CheckboxColumn("Compared"),
    "reason": st.column_config.TextColumn("Why not", width="large"),
}


def panel():
    """Which model, the button, and the newest explanation of it."""
    identifier = spectra_kept.choose()
    spectra = spectra_library.need()
    with messages.shown(stop=True):
        model = cached.model(identifier)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        options = [0, 3, 5, 10]
        words = {0: _QUICK, **{count: f"{count} divisions, fitted anew" for count in options[1:]}}
        index = 0 if is_network(model.name) else 1  # a network would be trained several times over
        key = f"spectra.explain.seeds.{index}"
        seeds = st.selectbox("Explain", options, index, format_func=words.get, key=key, persist_state="session", width=280, help=_REFITS_HELP)
        draws = _draws() if is_network(model.name) else _DRAWS
        task = SpectraAttributeTask(f"models/{identifier}", current_work().spectra_settings, draws=draws, seeds=seeds)
        jobs.button("Show what it looks at", ":material/query_stats:", ("spectra-attribute", task, f"Explaining {identifier}"), "spectra.explain")
    job = jobs.latest("spectra-attribute", model_dir=task.model_dir)
    if job is None:
        st.info(
            f"{identifier} was not explained yet. Its predictions are taken apart into contributions of every point of the spectrum, by group of "
            f"{spectra.group_column or 'samples'}, and laid beside the absorptions that are known. Works for networks and for linear models such as PLSR.",
            icon=":material/query_stats:",
        )
        return
    with messages.shown():
        _result(job.status().result)


def _draws():
    """How often each spectrum is compared with a typical one; linear models need no draws."""
    options = (10, 20, _DRAWS, 100, 200)
    return st.select_slider("Draws per spectrum", options, _DRAWS, key="spectra.explain.draws", persist_state="session", width=220, help=_DRAWS_HELP)


def is_network(name):
    """Whether a learner is a network, which takes minutes to fit."""
    return name == "spectra-cnn"


def _result(facts):
    for note in facts["notes"]:
        st.caption(spoken(note))
    names = list(facts["profiles"])
    view = st.segmented_control(
        "Look at",
        ("Along the spectrum", "Absorptions", "Likeness of groups"),
        default="Along the spectrum",
        required=True,
        key="spectra.explain.look",
        wrap=True,
    )
    if view == "Likeness of groups":
        _likeness(facts)
        return
    if view == "Absorptions":
        _absorptions(facts, names)
        return
    shown = st.multiselect("Groups", names, names[:1], max_selections=_MOST_LINES, key=f"spectra.explain.groups.{len(names)}", wrap=True) or names[:1]
    bands = spectra_library.named_bands(facts["axis"], facts["unit"])
    which = _size_or_sign()
    lines = {name: facts[which][name] for name in shown}
    spread = facts["spread"] if which == "profiles" else None
    figure = spectra_charts.profiles(facts["axis"], facts["unit"], lines, _height(facts, which), spread, bands)
    table = pd.DataFrame({f"axis ({facts['unit']})": facts["axis"], **facts[which]})
    alt = f"Contribution of every point of the spectrum to predictions of {messages.plain(facts['target'])}, for {', '.join(shown)}"
    evidence.chart(figure, table, alt, "spectra.explain.profile", "profiles.csv")
    st.markdown(_strongest(facts, shown[0]))
    for sentence in facts["sentences"]:
        st.caption(spoken(sentence))
    _fine_print(facts)


def _height(facts, which):
    """What the height of a profile is, with its unit."""
    unit = facts.get("unit_of_target") if facts["scale"] == "the unit of the target" else None
    return f"{'mean size of contributions' if which == 'sizes' else 'mean contribution'} ({unit or facts['scale']})"


def _size_or_sign():
    """Which numbers are drawn: how much the model looks, or which way it leans on the whole."""
    words = {"sizes": "how much it looks there", "profiles": "which way it leans on average"}
    return st.segmented_control("Show", list(words), default="sizes", format_func=words.get, required=True, key="spectra.explain.which") or "sizes"


def _strongest(facts, name):
    rows = facts["bands"][name][:4]
    if not rows:
        return f"{messages.plain(name)}: the model does not look at any known absorption."
    bands = "; ".join(
        f"**{messages.plain(row['name'])}** ({axis_words(*_ends(row, facts), facts['unit'])}, {row['density']:.1f} times chance)" for row in rows
    )
    return f"{messages.plain(name)}: most per point at {bands}. In no known band: {theme.percent(facts['outside'][name])}."


def _ends(row, facts):
    """Limits of a band in the direction of the axis."""
    falls = facts["axis"][0] > facts["axis"][-1]
    return (row["high"], row["low"]) if falls else (row["low"], row["high"])


def _absorptions(facts, names):
    name = st.selectbox("Group", names, key=f"spectra.explain.bands.{len(names)}")
    rows = pd.DataFrame(facts["bands"][name]).reindex(columns=list(_BAND_COLUMNS))
    if rows.empty:
        st.info("The model does not look at any known absorption of this range.", icon=":material/query_stats:")
        return
    rows["sources"] = ["; ".join(sources or ()) for sources in rows["sources"]]
    st.dataframe(rows, hide_index=True, column_config=_BAND_COLUMNS, placeholder="", alt=f"Known absorptions in the attribution of {name}")
    evidence.download(rows, "spectra.explain.bands", "bands.csv", "Absorptions as CSV")
    st.caption(f"Bands overlap, so their shares and the {theme.percent(facts['outside'][name])} outside all of them need not add up.")


def _likeness(facts):
    rows = facts["groups"]
    if len(rows) < 2:
        st.info(
            "There are no groups to compare. Choose their column under “Groups” in the part “Library” and explain again.",
            icon=":material/group_work:",
        )
        return
    names = [row["group"] for row in rows]
    st.markdown("**Which groups does the model treat alike?** Profiles that cannot be repeated from other spectra and other draws are not compared.")
    table = pd.DataFrame(facts["correlation"], columns=names)
    table.insert(0, "group", names)
    evidence.chart(
        spectra_charts.likeness(names, facts["correlation"]),
        table,
        "Correlation between the profiles of groups",
        "spectra.explain.likeness",
        "likeness.csv",
    )
    st.caption(messages.plain(facts["sentence"]))
    st.dataframe(
        pd.DataFrame(rows).reindex(columns=list(_GROUP_COLUMNS)),
        hide_index=True,
        column_config=_GROUP_COLUMNS,
        placeholder="",
        alt="Reliability of each group's profile",
    )


def _fine_print(facts):
    said = [f"{facts['method']}", f"{facts['seeds']} fit{'s' if facts['seeds'] != 1 else ''}", f"{facts['tested']} spectra explained"]
    if facts["method"] != "linear":
        said.append(f"{facts['draws']} draws from {facts['baselines']} training spectra")
    if facts.get("gap_share") is not None:
        said.append(f"contributions miss the prediction by {theme.percent(facts['gap_share'])} of its spread")
    st.caption(messages.plain(" · ".join(said)))
    messages.assumed(facts["assumed"])
