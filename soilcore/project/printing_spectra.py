"""Facts of tasks on spectra as text for people."""

from soilcore.project.printing import SCORES, findings_text, leakage_text, table


def writers():
    """Task to the function that writes its facts."""
    return {
        "spectra-check": _check,
        "spectra-preprocess": _preprocess,
        "spectra-compare": _compare,
        "spectra-train": lambda facts: f"{_compare(facts)}\nsaved in {facts['model_dir']}, fitted to {facts['fitted_to']} spectra",
        "spectra-predict": _predict,
        "spectra-attribute": _attribute,
    }


def _axis(axis):
    return f"{axis['points']} points from {axis['first']:g} to {axis['last']:g} {axis['unit']}"


def _number(value):
    return "-" if value is None else f"{value:.3g}"


def _check(facts):
    groups = ", ".join(f"{row['group']} {row['n']}" for row in facts["groups"][:12])
    lines = [
        f"{facts['n']} spectra, {facts['usable']} of them whole; {_axis(facts['axis'])}; {facts['quantity']}",
        f"target: {facts['target'] or '-'} [{facts['unit'] or '-'}]",
        f"groups of {facts['group']}: {groups}" if groups else "no groups",
        findings_text(facts["findings"]),
        "usable" if facts["ok"] else "not usable until the errors are mended",
    ]
    return "\n".join(line for line in lines if line)


def _preprocess(facts):
    lines = [f"{facts['usable']} of {facts['n']} spectra, {_axis(facts['before'])}", f"{facts['steps'] or 'no steps'}: {_axis(facts['after'])}"]
    return "\n".join([*lines, f"written to {facts['out']}"] if facts["out"] else lines)


def _compare(facts):
    head = f"target {facts['target']} [{facts['unit'] or '-'}], n = {facts['n']}, {facts['folds_label']}, transform {facts['transform']}, device {facts['device']}"
    lines = [head, *(f"{name}: {steps or 'no preprocessing'}" for name, steps in facts["preprocess"].items()), table(facts["models"], SCORES)]
    for row in facts["models"]:
        if row.get("groups"):
            lines += ["", f"{row['name']} by {facts['group']}", table(row["groups"], ("group", "n", "r2", "r2_sd", "rmse", "me", "ccc", "rpiq"))]
        if losses := row.get("losses_by_group"):
            columns = ("group", "fits", "first", "lowest", "lowest_epoch", "last", "last_epoch")
            lines += ["", f"{row['name']}: validation loss by {facts['group']} over the epochs", table(losses["groups"], columns), losses["said"]]
    if curve := facts.get("learning_curve"):
        rows = table(curve["rows"], ("model", "n", "r2", "r2_sd", "r2_log10", "rmse"))
        lines += ["", f"Learning curve, {curve['seeds']} seeds", rows, *(crossing["verdict"] for crossing in curve["crossings"])]
    if local := facts.get("local"):
        columns = ("model", "group", "n_train", "n_test", "r2_global", "r2_local", "gain", "gain_sd", "note")
        lines += ["", "Trained on all spectra against trained on the group alone", table(local, columns)]
    lines += [f"warning: {sentence}" for sentence in facts["warnings"]]
    return "\n".join([*lines, facts["spatial_first"], "", "Leakage report", leakage_text(facts["leakage"])])


def _predict(facts):
    share = "" if facts["aoa_share"] is None else f", {facts['aoa_share']:.0%} like those of training"
    lines = [f"{facts['n']} spectra predicted{share}: {facts['target']} [{facts['unit'] or '-'}]"]
    made = facts["predictions"]
    names = [name for name in ("id", "predicted", "lower", "upper", "inside") if name in made]
    rows = [dict(zip(names, values, strict=True)) for values in zip(*(made[name][:20] for name in names), strict=True)]
    lines.append(table(rows, names))
    lines += [f"and {facts['n'] - 20} more"] if facts["n"] > 20 else []
    lines += [table(facts["models"], (*SCORES, "n_measured"))] if facts["models"] else []
    lines += [f"warning: {sentence}" for sentence in facts["warnings"]]
    return "\n".join([*lines, f"written to {facts['out']}"] if facts["out"] else lines)


def _attribute(facts):
    rows = [{**row, "reliability": _number(row["reliability"])} for row in facts["groups"]]
    lines = [f"{facts['method']}, {facts['tested']} spectra, {facts['seeds']} seeds", table(rows, ("group", "n", "reliability", "shown", "reason"))]
    for row in (facts["bands"].get("all") or [])[:8]:
        lines.append(
            f"{row['name']} ({row['low']:g} to {row['high']:g} {facts['unit']}): {row['share']:.0%} of the attribution, {row['density']:.1f} times chance"
        )
    lines += [*facts["notes"], *facts["sentences"]]
    return "\n".join([*lines, f"written to {facts['out']}"] if facts["out"] else lines)
