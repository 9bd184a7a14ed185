"""Change: years mapped with one model and compared, what lasts, and what the model says if its predictors were others."""

from pages.ui import change_page, steps, theme

theme.header(
    "Change",
    "Map several dates with one model, see where they differ by more than the model's error and what lasts, and ask what it would predict if the climate, "
    "the ground or the crops were others.",
)
steps.need("start", "model")
change_page.draw()
