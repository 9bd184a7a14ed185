"""What lies behind the cards of a learner, one view at a time: pairs, the ground, distances, intervals, applicability, leakage."""

import pandas as pd
import streamlit as st

from pages.ui import charts, evidence, leakage, messages, theme, trust_charts
from pages.ui.scored import LEVEL
from pages.ui.words import in_page

_MANY_COLUMNS = 15
_METHODS = {
    "conformal": "errors of the folds round the model (conformal)",
    "cv+": "models of the folds (CV+)",
    "split": "one part of the samples held back (split conformal)",
    "cqr": "quantile regressions, corrected (CQR)",
    "quantile-forest": "a quantile regression forest",
    "local": "errors nearby weigh more (geographically weighted)",
}
SAMPLES = {
    "lower": st.column_config.NumberColumn("interval from", format="%.3g"),
    "upper": st.column_config.NumberColumn("interval to", format="%.3g"),
    "observed": st.column_config.NumberColumn(format="%.3g"),
    "predicted": st.column_config.NumberColumn(format="%.3g"),
    "di": st.column_config.NumberColumn("dissimilarity", format="%.3g"),
    "inside": st.column_config.CheckboxColumn("inside the area"),
    "x": st.column_config.NumberColumn("easting (m)", format="%.0f"),
    "y": st.column_config.NumberColumn("northing (m)", format="%.0f"),
}


def views(scored, more=None):
    """Let people choose one view and draw it.

    Parameters
    ----------
    scored : Scored
    more : dict of str to function, optional
        Further views, put first; called without arguments.
    """
    possible = {
        **(more or {}),
        "Observed and predicted": lambda: pairs(scored),
        **({"On the ground": lambda: ground(scored)} if scored.has_places else {}),
        **({"Distances": lambda: distances(scored)} if scored.shared.get("distances") or scored.shared.get("variogram") else {}),
        **({"Intervals": lambda: intervals(scored)} if scored.interval else {}),
        **({"Applicability": lambda: applicability(scored)} if scored.area else {}),
        **({"Leakage check": lambda: leakage.panel(scored)} if scored.shared.get("leakage") else {}),
    }
    names = list(possible)
    chosen = st.segmented_control(
        "Look at",
        names,
        default=names[0],
        required=True,
        key=f"model.look.{scored.key.split('.')[0]}.{len(names)}",
        persist_state="session",
        wrap=True,
    )
    with messages.shown():
        possible.get(chosen, possible[names[0]])()


def pairs(scored):
    """Observed against predicted values, with the interval of each sample where there are any."""
    if scored.samples.empty:
        st.info("The predictions of this comparison were not kept. Compare again to see them.", icon=":material/scatter_plot:")
        return
    log = st.toggle("Logarithmic axes", key="model.scatter.log", persist_state="session", help="Values at or below 0 are left out")
    if scored.has_bounds:
        figure = trust_charts.pairs(scored.samples, scored.unit_words, LEVEL, log)
        st.caption(
            f"Every sample as it was predicted by a model that had not seen it, with its {theme.percent(LEVEL)} interval. About one in ten may lie outside: these are diamonds."
        )
    else:
        figure = charts.observed_predicted({"validation": (scored.samples["observed"], scored.samples["predicted"])}, scored.unit, log=log)
    evidence.chart(
        figure,
        scored.samples,
        f"Observed against predicted values of {scored.title}, out of fold",
        f"{scored.key}.pairs",
        "predictions.csv",
        SAMPLES,
    )


def ground(scored):
    """Residuals and folds where the samples lie."""
    left, right = st.columns(2, gap="medium")
    table = scored.samples.assign(residual=scored.samples["predicted"] - scored.samples["observed"])
    with left:
        st.markdown("**Errors.** Groups of one kind of triangle are regions the model does not know.")
        figure = trust_charts.residuals(scored.samples, scored.unit_words)
        alt = f"Map of the errors of {scored.title}: triangles up where predicted too high, down where too low"
        evidence.chart(figure, table, alt, f"{scored.key}.residuals", "residuals.csv", SAMPLES)
    with right:
        if scored.samples.get("fold") is None:
            return
        st.markdown("**Folds.** Samples of one mark were tested together, by a model trained on the others.")
        figure = trust_charts.folds(scored.samples)
        table = scored.samples[["row", "fold", "x", "y"]]
        evidence.chart(figure, table, "Map of the folds: which samples were tested together", f"{scored.key}.folds", "folds.csv", SAMPLES)


def distances(scored):
    """Do the folds test at the distances the map has? And how far are values alike?"""
    design, curves = scored.shared.get("design"), scored.shared.get("distances")
    if design:
        st.markdown(f":material/scatter_plot: {messages.plain(in_page(design['detail']))} {messages.plain(in_page(design['reason']))}")
    left, right = st.columns(2, gap="medium")
    with left:
        if curves:
            st.markdown("**Distances.** The line of the folds should lie on the thick line of the map.")
            table = {name: curves[name] for name in ("distance", "prediction_to_sample", "cv", "sample_to_sample")}
            alt = "Distribution of distances: from the map to samples, from test to training samples, and between neighbouring samples"
            evidence.chart(trust_charts.distances(curves), pd.DataFrame(table), alt, f"{scored.key}.distances", "distances.csv")
            st.caption(messages.plain(in_page(curves.get("detail") or f"Mean difference to the map: {theme.number(curves['w'])} m.")))
    with right:
        of = {"target": scored.shared.get("variogram"), "errors that remain": scored.trust.get("residual_variogram")}
        of = {name: facts for name, facts in of.items() if facts and facts.get("lags")}
        if of:
            st.markdown("**Variogram.** How unlike samples become with distance.")
            chosen = st.segmented_control(
                "Variogram of the", list(of), default="target" if "target" in of else next(iter(of)), required=True, key="model.variogram"
            )
            _variogram(scored, chosen or next(iter(of)), of)


def _variogram(scored, chosen, of):
    facts = of[chosen]
    table = pd.DataFrame({"distance": facts["lags"], "semivariance": facts["semivariance"], "pairs": facts["pairs"]})
    alt = f"Variogram of the {chosen} with the fitted {facts['model'] or 'no'} model"
    evidence.chart(trust_charts.variogram(facts, scored.unit_words), table, alt, f"{scored.key}.variogram", "variogram.csv")
    icon, worth = (
        (":material/check_circle:", "Kriging can use this.") if facts["usable"] else (":material/do_not_disturb_on:", "Nothing here for kriging.")
    )
    st.caption(f"{icon} **{worth}** {messages.plain(facts['reason'])}")
    fits = facts.get("fit") or []
    if fits:
        st.caption(
            "Models tried, best first: "
            + "; ".join(
                f"{fit['model']} (nugget {theme.number(fit['nugget'])}, sill {theme.number(fit['sill'])}, range {theme.number(fit['range'])} m)"
                for fit in fits
            )
            + "."
        )


def intervals(scored):
    """Did the intervals keep their promise, everywhere?"""
    facts, unit = scored.interval, scored.unit_words
    st.markdown(
        f"Intervals from {messages.plain(_METHODS.get(facts['method'], facts['method']))}; "
        f"{theme.percent(facts['coverage'])} of {facts['n']} samples lay inside an interval of {theme.percent(facts['level'])} that was made without them."
    )
    left, right = st.columns([3, 2], gap="medium")
    rows = _parts(facts)
    with left:
        figure = trust_charts.coverage_bars(rows, facts["level"])
        st.markdown("**Where.** Circles are as near to the promise as chance allows, diamonds are not.")
        alt = "Observed coverage overall, inside and outside the area of applicability, by distance and by fold"
        config = {
            "coverage": st.column_config.NumberColumn(format="percent"),
            "width": st.column_config.NumberColumn(f"mean width ({unit})", format="%.3g"),
            "infinite": st.column_config.NumberColumn("without limit"),
            "score": st.column_config.NumberColumn("interval score", format="%.3g", help="Winkler: width plus a penalty for misses; lower is better"),
        }
        evidence.chart(figure, rows, alt, f"{scored.key}.coverage", "coverage.csv", config)
    with right:
        st.markdown("**At every level.** On the dashed line, promises are kept.")
        alt = "Observed against promised coverage"
        evidence.chart(trust_charts.calibration(facts["levels"]), facts["levels"], alt, f"{scored.key}.levels", "calibration.csv")
    if facts.get("infinite"):
        st.caption(f"{facts['infinite']} intervals have no limit: too few samples to promise {theme.percent(facts['level'])}.")


def _parts(facts):
    rows = [{"part": "all samples", **_of(facts)}]
    rows += [{"part": f"{side} the area of applicability", **_of(facts[side])} for side in ("inside", "outside") if (facts.get(side) or {}).get("n")]
    for row in facts.get("by_distance") or ():
        rows.append({"part": f"{row['from']:.0f} to {row['to']:.0f} m from training", **_of(row)})
    folds = facts.get("by_block") or ()
    return rows + [{"part": f"fold {row['fold'] + 1}", **_of(row)} for row in folds]


def _of(row):
    return {name: row.get(name) for name in ("n", "coverage", "width", "infinite", "score")}


def applicability(scored):
    """What makes a place unlike the samples, and what error to expect then."""
    area = scored.area
    st.markdown(
        "A place is inside the area of applicability when its predictors resemble those of a training sample as closely as the test samples of the folds did "
        f"(dissimilarity up to {theme.number(area['threshold'])})."
    )
    left, right = st.columns(2, gap="medium")
    error = scored.trust.get("expected_error") or []
    with left:
        if error:
            st.markdown("**Error to expect.** It grows as places become unlike the samples.")
            figure = trust_charts.expected_error(error, area["threshold"], scored.unit_words)
            evidence.chart(figure, error, "Expected error over dissimilarity", f"{scored.key}.error", "expected-error.csv")
    weights = sorted(area["weights"].items(), key=lambda pair: -pair[1])
    with right:
        st.markdown("**What counts.** Predictors that matter to the model weigh more in the dissimilarity.")
        shown = weights[:_MANY_COLUMNS]
        figure = trust_charts.bars([name for name, _ in shown], [weight for _, weight in shown], "weight in the dissimilarity")
        table = pd.DataFrame(weights, columns=["predictor", "weight"])
        evidence.chart(figure, table, "Weight of each predictor in the dissimilarity", f"{scored.key}.weights", "weights.csv")
    if area.get("note"):
        st.caption(messages.plain(in_page(area["note"])))
