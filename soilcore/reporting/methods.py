"""A methods paragraph to paste into a paper, with the works it cites."""

from soilcore.core.tables import load_table
from soilcore.reporting.protocol import describe


def methods_of(summary):
    """What was done, as one paragraph.

    Parameters
    ----------
    summary : dict
        See `soilcore.reporting.summary.summarise`.

    Returns
    -------
    dict
        ``paragraph``; ``references``: list of ``{"id", "short", "text", "doi"}`` in the order they are cited, works of the learner as they stand
        in the table of learners.
    """
    cited = _Cited()
    sentences = [_data(summary), _learner(summary, cited), _scores(summary, cited), _trust(summary, cited), _drivers(summary, cited)]
    sentences += [_results(summary, cited), _software(summary), f"The modelling protocol follows ODMAP {cited.of('zurell2020')}."]
    return {"paragraph": " ".join(filter(None, sentences)), "references": cited.rows}


class _Cited:
    """Works in the order in which they are named."""

    def __init__(self):
        self._known = {row["id"]: row for row in load_table("references")["references"]}
        self.rows = []

    def of(self, *names):
        """Their short names in brackets."""
        if not names:
            return ""
        for name in names:
            if self._known[name] not in self.rows:
                self.rows.append(self._known[name])
        return f"({'; '.join(self._known[name]['short'] for name in names)})"

    def learner(self, citation):
        """Works as the table of learners names them."""
        self.rows.append({"id": "learner", "short": citation, "text": citation, "doi": None})


def _data(summary):
    samples, predictors, target = summary["samples"], summary["predictors"], summary["target"]
    kinds = ", ".join(f"{len(names)} {kind}" for kind, names in predictors["kinds"].items())
    count = f"{samples['n']} samples" if samples["n"] else "samples"
    with_ = f" ({kinds})" if kinds else ""
    scale = f", modelled on the {target['transform']} scale" if target["transform"] not in (None, "none") else ""
    return f"{describe(target)} was predicted from {predictors['count']} predictors{with_} at {count}{scale}."


def _learner(summary, cited):
    learner = summary["learner"]
    if not learner["citation"]:
        return f"The learner was {learner['label']}."
    cited.learner(learner["citation"])
    return f"The learner was: {learner['label']} ({learner['citation']})."


def _scores(summary, cited):
    scores = summary["scores"]
    if scores["r2"] is None:
        return ""
    scheme = scores["scheme"].partition(":")[0]
    row = load_table("references")["folds"].get(scheme)
    words = row["words"] if row else f"the scheme {scores['scheme']}"
    cites = f" {cited.of(*row['cites'])}" if row and row["cites"] else ""
    values = {one["key"]: one for one in scores["rows"]}
    told = [f"R2 {scores['r2']:.2f}"]
    if "rmse" in values:
        told.append(f"RMSE {values['rmse']['value']:.3g} {values['rmse']['unit'] or ''}".strip())
    if "ccc" in values:
        told.append(f"concordance {values['ccc']['value']:.2f} {cited.of('lin1989')}")
    said = f"Accuracy was estimated by cross-validation with {words}{cites}, {scores['folds'] or ''}: {', '.join(told)}."
    if scores["is_spatial"] and scores["r2_random"] is not None:
        said += f" Random folds, for contrast, gave R2 {scores['r2_random']:.2f}."
    return said


def _trust(summary, cited):
    cover, area, said = summary["coverage"], summary["applicability"], []
    if cover:
        row = load_table("references")["intervals"].get(cover["method"], {"words": cover["method"], "cites": []})
        observed = f"; they held {100 * cover['coverage']:.0f} % of the samples left out" if cover["coverage"] is not None else ""
        cites = f" {cited.of(*row['cites'])}" if row["cites"] else ""
        said.append(f"Prediction intervals of {100 * cover['level']:.0f} % were made by {row['words']}{cites}{observed}.")
    if area:
        share = f" held {100 * area['share_of_map']:.1f} % of the mapped pixels" if area["share_of_map"] is not None else " was computed"
        said.append(f"The area of applicability {cited.of('meyer2021')}{share}.")
    return " ".join(said)


def _drivers(summary, cited):
    if any(one["how"].endswith("SHAP value") for one in summary["drivers"]):
        return f"Drivers were read from SHAP values {cited.of('lundberg2017')}, which describe the model, not causes."
    if summary["drivers"]:
        return "The importance of predictors is the loss of skill when they are permuted on the test samples of the folds."
    return ""


def _results(summary, cited):
    kinds = {one["kind"] for one in summary["results"]}
    said = []
    if "change" in kinds:
        limited = any(number["name"] == "false changes" for one in summary["results"] if one["kind"] == "change" for number in one["numbers"])
        held = f", with a limit on the share of false changes {cited.of('benjamini1995')}" if limited else ""
        said.append(
            f"Change between maps was told from noise by the joint prediction intervals of both dates {cited.of('zou2007')}{held}; "
            f"trends by the Sen slope and the Mann-Kendall test {cited.of('sen1968', 'mann1945')}."
        )
    if "advise" in kinds:
        said.append(f"Crop tolerance follows the piecewise linear response {cited.of('maas1977')}.")
    return " ".join(said)


def _software(summary):
    versions = summary["versions"]
    if not versions:
        return ""
    return f"Computed with {', '.join(f'{name} {version}' for name, version in versions.items())}."
