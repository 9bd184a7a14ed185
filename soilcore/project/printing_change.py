"""Facts of comparisons as text for people."""

from soilcore.project.printing import table


def writers():
    """Writer of each task's facts, by name of the task."""
    return {"change": _change, "scenario": _scenario}


def _change(facts):
    lines = [f"{facts['out']}: {facts['valid']} of {facts['pixels']} pixels on {len(facts['maps'])} dates, {facts['unit'] or 'no unit'}"]
    lines.append(table(facts["maps"], ("label", "date", "mean", "median", "valid")))
    steps = [facts["difference"], *(facts["steps"] if len(facts["maps"]) > 2 else ())]
    lines += ["", table(steps, ("from", "to", "mean", "median", "share_higher", "share_lower", "area_ha_higher", "area_ha_lower"))]
    lines += [facts["rule"]] if facts["rule"] else []
    if trend := facts["trend"]:
        lines += [
            "",
            f"trend per {trend['per']}: {_percent(trend['share_rising'])} rising, {_percent(trend['share_falling'])} falling. {trend['note']}",
        ]
    if lasting := facts["persistence"]:
        lines += ["", table(lasting["labels"], ("text", "area_ha", "share", "share_low", "share_high", "support"))]
        lines.append(
            f"polarisation index {lasting['polarisation_index']:.3g}, {'polarised' if lasting['polarised'] else 'not polarised'}. {lasting['note']}"
        )
    return "\n".join(lines)


def _scenario(facts):
    what = "; ".join(f"{change['text']} (moves {', '.join(change['columns'])})" for change in facts["changes"])
    difference = facts["difference"]
    lines = [
        f"{facts['out']}: {what}",
        f"mean difference {difference['mean']:.4g} {facts['unit'] or ''}, median {difference['median']:.4g}, at {facts['valid']} of {facts['baseline_valid']} pixels",
        f"{_percent(facts['outside_envelope_share'])} not predicted: a changed predictor leaves its range in training",
    ]
    if difference["share_changed"] is not None:
        lines.append(f"{_percent(difference['share_changed'])} changed beyond the interval. {facts['rule']}")
    if facts["left_aoa_share"] is not None:
        lines.append(f"{_percent(facts['left_aoa_share'])} leave the area of applicability")
    if facts["classes"]:
        lines.append(table(facts["classes"], ("class", "area_ha_before", "area_ha_after")))
    return "\n".join([*lines, facts["note"]])


def _percent(share):
    return f"{100 * share:.1f} %"
