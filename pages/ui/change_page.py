"""The change page: one of its sections at a time."""

from pages.ui import change_difference, change_lasting, change_years, scenario, sections
from pages.ui.sections import Section

KEY = "change.part"
SECTIONS = {
    "years": Section("Years", ":material/calendar_month:", change_years.panel),
    "difference": Section("Difference", ":material/compare:", change_difference.panel),
    "lasting": Section("Trend and persistence", ":material/timeline:", change_lasting.panel),
    "scenario": Section("Scenario", ":material/tune:", scenario.panel),
}


def draw():
    """The section that is open."""
    sections.draw(SECTIONS, KEY)
