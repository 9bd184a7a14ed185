"""Facts as text for people: short tables, aligned."""

SCORES = (
    "name",
    "r2",
    "r2_random",
    "coverage_90",
    "width_90",
    "aoa_share",
    "rmse",
    "mae",
    "me",
    "ccc",
    "rpd",
    "rpiq",
    "r2_log10",
    "r2_sd",
    "seconds",
)
_MARKS = {True: "ok", False: "FOUND", None: "not known"}


def as_text(kind, facts):
    """The facts of a task as lines of text."""
    if kind.startswith("spectra-"):
        from soilcore.project.printing_spectra import writers

        return writers()[kind](facts)
    if kind in ("change", "scenario"):
        from soilcore.project.printing_change import writers

        return writers()[kind](facts)
    if kind == "explain":
        from soilcore.project.printing_explain import writers

        return writers()[kind](facts)
    if kind in ("fields", "advise", "crops"):
        from soilcore.project.printing_act import writers

        return writers()[kind](facts)
    writer = {
        "check": _check,
        "indices": lambda f: f"{f['out']}\n{table(f['bands'], ('id', 'valid', 'invalid'))}",
        "correlate": lambda f: f"n = {f['n']}, target {f['target']}\n{table(f['rows'], tuple(f['rows'][0]) if f['rows'] else ())}",
        "search": _search,
        "models": lambda f: table(f, ("name", "family", "label", "parameters", "available")),
        "compare": _compare,
        "train": lambda f: f"{_compare(f)}\nsaved in {f['model_dir']}",
        "external": lambda f: f"n = {f['n']}, target {f['target']}\n{table(f['models'], SCORES)}\n" + "\n".join(f["warnings"]),
        "dual-step": _dual_step,
        "learning-curve": _curve,
        "learning-rate": lambda f: f"{f['model']}, n = {f['n']}\n{f['sentence']}",
        "hot-spots": _hot_spots,
        "map": _map,
        "map-years": _map_years,
        "report": _report,
        "bundle": _bundle,
        "run": _run,
    }.get(kind, lambda f: "\n".join(f"{key}: {_cell(value)}" for key, value in f.items()))
    return writer(facts)


def table(rows, columns):
    """Rows (dicts) as aligned columns; columns that no row has are left out."""
    columns = [column for column in columns if any(column in row for row in rows)]
    cells = [list(columns)] + [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells)


def findings_text(findings):
    """Findings, one a line: where, what, and the fix."""
    lines = []
    for finding in findings:
        where = ", ".join(
            part for part in (f"row {finding['row']}" if finding["row"] else "", f"column {finding['column']}" if finding["column"] else "") if part
        )
        lines.append(f"{finding['severity']:8}{finding['code']}{f' ({where})' if where else ''}: {finding['message']} {finding['fix']}")
    return "\n".join(lines)


def leakage_text(rows):
    """The leakage report, one check a line."""
    return "\n".join(f"{_MARKS[row['ok']]:10}{row['check']}: {row['detail']}" for row in rows)


def _dual_step(facts):
    lines = [
        f"threshold {_cell(facts['threshold'])} {_cell(facts['unit'])}, n = {facts['n']}, folds {facts['cv']}",
        table(facts["classifiers"], ("name", "precision", "recall", "f1", "brier", "prevalence", "majority_accuracy", "seconds")),
        "",
        table(facts["models"], SCORES),
        "",
        facts["verdict"],
    ]
    return "\n".join(lines)


def _curve(facts):
    return f"{table(facts['rows'], ('n', 'r2', 'r2_sd', 'rmse'))}\n{facts['verdict']}: {facts['detail']}"


def _hot_spots(facts):
    rows = [{"class": name, "samples": count} for name, count in facts["classes"].items()]
    written = f"\nwritten to {facts['out']}" if facts["out"] else ""
    return f"n = {facts['n']}, target {facts['target']}, {facts['neighbours']}\n{table(rows, ('class', 'samples'))}\n{facts['note']}{written}"


def _cell(value):
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(item) for item in value)
    return str(value)


def _check(facts):
    head = "\n".join(f"{name}: {_cell(facts[name])}" for name in ("n", "crs", "target", "unit", "extract"))
    verdict = "usable" if facts["ok"] else "not usable until the errors are mended"
    return f"{head}\n{findings_text(facts['findings'])}\n{verdict}"


def _search(facts):
    head = f"n = {facts['n']}, {facts['candidates']} candidates, 95 % of chance below {_cell(facts['null_95'])}"
    half = facts["half_split"]
    lines = [
        head,
        f"best of one half: {_cell(half['train'])} there, {_cell(half['test'])} in the other half",
        table(facts["rows"][:20], ("formula", "r", "rho", "p", "q", "p_family", "selection")),
    ]
    return "\n".join([*lines, facts["banner"]] if facts.get("banner") else lines)


def _compare(facts):
    folds = f"folds {facts['cv']} {_cell(facts['fold_sizes'])}"
    head = f"target {facts['target']} [{_cell(facts['unit'])}], n = {facts['n']}, {folds}, transform {facts['transform']}"
    head += f", {len(facts['features'])} predictors, device {facts['device']}"
    text = f"{head}\n{table(facts['models'], SCORES)}\n{facts['spatial_first']}"
    text += "".join(f"\nwarning: {sentence}" for sentence in facts["warnings"])
    text += f"\n\nLeakage report\n{leakage_text(facts['leakage'])}"
    if facts.get("table4"):
        rows = facts["table4"]["rows"]
        text += f"\n\nTable 4 layout\n{table(rows, tuple(rows[0]))}"
    return text


def _map(facts):
    lines = [
        f"{facts['out']}: {facts['valid']} of {facts['pixels']} pixels in {_cell(facts['seconds'])} s, peak memory {_cell(facts['peak_rss_mb'])} MB"
    ]
    if facts.get("classes"):
        lines.append(table(facts["classes"], ("class", "lower", "upper", "area_ha", "share")))
    if facts.get("aoa_share") is not None:
        lines.append(
            f"{100 * facts['aoa_share']:.0f} % of the mapped pixels resemble the training samples closely enough for the scores to hold there"
        )
    lines += [f"{kind}: {place}" for kind, place in facts["layers"].items() if kind != "value"]
    return "\n".join(lines)


def _map_years(facts):
    lines = [f"{len(facts['maps'])} dates mapped, {facts['unit'] or 'no unit'}", table(facts["maps"], ("label", "date", "valid", "aoa_share", "out"))]
    if facts["change"]:
        lines += ["", as_text("change", facts["change"])]
    return "\n".join([*lines, *filter(None, [facts["not_compared"]])])


def _report(facts):
    limits = [f"- {sentence}" for sentence in facts["limits"]]
    return "\n".join([f"{facts['out']}: {facts['title']}", *facts["headline"], "Limits:", *limits])


def _bundle(facts):
    size = f"{facts['out']}: {facts['files']} files, {facts['bytes'] / 1e6:.1f} MB, sha256 {facts['fingerprint']}"
    again = f"{facts['rasters']} rasters and {facts['tables']} tables that run.json makes again"
    what = f"{len(facts['maps'])} maps ({again}), {len(facts['models'])} models, {len(facts['inputs'])} inputs"
    return "\n".join([size, what, *(f"missing: {sentence}" for sentence in facts["missing"])])


def _run(facts):
    lines = [f"{step['task']}: {_cell(step['result'].get('out') or step['result'].get('model_dir'))}" for step in facts["steps"]]
    lines += [f"{name}: {one['run']} in the run file, {_cell(one['now'])} now" for name, one in facts["versions_differ"].items()]
    if facts["identical"]:
        tables = f" and {facts['tables']} tables" if facts["tables"] else ""
        lines.append(f"All {facts['rasters']} rasters{tables} came out the same, bit for bit.")
        lines += [f"{name}: the same content in other bytes" for name in facts["by_content"]]
    if sums := facts["sums"]:
        lines += [f"{name}: not in the folder" for name in sums["missing"]]
        if not (sums["changed"] or sums["missing"]):
            lines.append(f"All {sums['files']} files of the archive are what they were (SHA256SUMS).")
    return "\n".join(lines)
