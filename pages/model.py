"""Model: learners compared under the same folds, the honest score first; then one is trained and kept."""

from pages.ui import forms, messages, modelling, scores, steps, theme, trained

theme.header(
    "Model", "Learners under the same folds. The score for places nobody sampled comes first; the random one stands beside it to show the gap."
)
steps.need("start", "samples")
samples = forms.need_target()

with messages.shown():
    modelling.panel(samples)
scores.comparison()
scores.table4()
trained.panel()
steps.link("map", "On to the map", ":material/arrow_forward:")
