"""Model: learners compared under the same folds, the honest score first; then one is trained and kept."""

import streamlit as st

from pages.ui import dual_step, forms, jobs, learning, messages, modelling, networks, scores, steps, theme, trained

theme.header(
    "Model", "Learners under the same folds. The score for places nobody sampled comes first; the random one stands beside it to show the gap."
)
steps.need("start", "samples")
samples = forms.need_target()

TASKS = {
    "Compare learners": (scores.panel, "compare"),
    "Train and keep one": (trained.panel, "train"),
    "Two steps": (dual_step.panel, "dual-step"),
    "Learning curve": (learning.panel, "learning-curve"),
    "Table of paper 002": (scores.table4_panel, "table4"),
}
newest = jobs.newest(("compare", "train", "external", "dual-step", "learning-curve"))
kind = None if newest is None else "table4" if newest.spec()["settings"].get("table4") else newest.spec()["kind"]
kind = "train" if kind == "external" else kind
first = next(
    (name for name, (_, own) in TASKS.items() if own == kind), "Train and keep one" if steps.is_done("model", trained.current_work()) else None
)
networks.live()
networks.unfinished()
with messages.shown():
    asked = modelling.settings(samples, expanded=first is None)
    chosen = st.segmented_control(
        "What to do",
        list(TASKS),
        default=first or "Compare learners",
        required=True,
        key=f"model.task.{newest.id if newest else ''}",
        persist_state="session",
        wrap=True,
    )
    TASKS.get(chosen, TASKS["Compare learners"])[0](samples, asked)
steps.link("map", "On to the map", ":material/arrow_forward:")
