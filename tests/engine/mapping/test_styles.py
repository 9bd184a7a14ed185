"""How values of a layer are told."""

from soilcore.mapping.styles import Style


def test_probabilities_are_told_in_percent():
    style = Style("continuous", 0.0, 1.0, percent=True)
    assert style.text_of(0.625) == "62 %"
    assert [text for _, text in style.entries] == ["0 %", "25 %", "50 %", "75 %", "100 %"]
    assert style.text_of(float("nan")) == "no value here"
