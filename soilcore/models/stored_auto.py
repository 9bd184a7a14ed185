"""The learner `auto` in a model folder: plain words and arrays; trees as skops and UBJSON."""

from soilcore.core.errors import ModelError
from soilcore.models.auto_features import Rotation, Views
from soilcore.models.auto_gp import GaussianProcess, KernelSum, Term
from soilcore.models.auto_members import BoostedMember, GpMember, PlsMember, SvrMember, TreesMember
from soilcore.models.auto_spectra import SpectralBlock

_FACTS = ("mean_", "low_", "high_", "weights_", "member_scores_", "inner_score_", "note_")
_TABLE = ("table_columns_", "table_mean_", "table_sd_")
_SVR = ("gamma_", "mean_", "sd_", "constant_")


def write_auto(learner, writer, prefix):
    """What `describe` adds for `auto`: JSON values; arrays and trees become files of `writer`."""
    arrays = {"inner_oof_": learner.inner_oof_, "Z_": learner.Z_}
    views = _write_views(learner.views_, arrays)
    members = [_write_member(member, arrays, writer, f"{prefix}.m{number}") for number, member in enumerate(learner.members_.values())]
    return {
        **{name: getattr(learner, name) for name in _FACTS},
        "views": views,
        "members": members,
        "arrays": writer.add_arrays(prefix, arrays),
    }


def read_auto(learner, learned, reader):
    """Fill an unfitted `AutoModel` from what `write_auto` gave."""
    for name in _FACTS:
        setattr(learner, name, learned[name])
    arrays = reader.arrays(learned["arrays"])
    learner.inner_oof_, learner.Z_ = arrays["inner_oof_"], arrays["Z_"]
    learner.views_ = _read_views(learned["views"], arrays)
    members = [_read_member(facts, arrays, reader) for facts in learned["members"]]
    learner.members_ = {member.name: member for member in members}
    if unknown := [name for name in learner.members_ if name not in learner.weights_]:
        raise ModelError(f"The model holds members without a weight: {', '.join(unknown)}. Take an untouched copy of the folder.")


def _write_views(views, arrays):
    for name in _TABLE:
        arrays[f"views.{name}"] = getattr(views, name)
    if views.place_ is not None:
        arrays["views.place_"] = views.place_
    turns = {"table": [views.table_turn_]} if views.table_turn_ is not None else {}
    for how, rotations in {**turns, **views.turns_}.items():
        for number, rotation in enumerate(rotations):
            arrays[f"views.{how}.{number}.centre"], arrays[f"views.{how}.{number}.weights"] = rotation.centre, rotation.weights
    for how, spreads in views.pcs_.items():
        arrays[f"views.{how}.spread"], arrays[f"views.{how}.flat"] = spreads, views.flat_[how]
    blocks = [{"name": block.name, "columns": list(block.columns), "axis": list(block.axis)} for block in views.blocks_]
    return {"blocks": blocks, "preparations": list(views.preparations_), "turned_table": views.table_turn_ is not None}


def _read_views(facts, arrays):
    views = Views()
    views.blocks_ = [SpectralBlock(block["name"], tuple(block["columns"]), tuple(block["axis"])) for block in facts["blocks"]]
    views.preparations_ = tuple(facts["preparations"])
    for name in _TABLE:
        setattr(views, name, arrays[f"views.{name}"])
    views.place_ = arrays.get("views.place_")
    views.table_turn_ = _read_rotation("table", 0, arrays) if facts["turned_table"] else None
    views.turns_ = {how: [_read_rotation(how, number, arrays) for number in range(len(views.blocks_))] for how in views.preparations_}
    views.pcs_ = {how: arrays[f"views.{how}.spread"] for how in views.preparations_}
    views.flat_ = {how: arrays[f"views.{how}.flat"] for how in views.preparations_}
    return views


def _read_rotation(how, number, arrays):
    return Rotation(arrays[f"views.{how}.{number}.centre"], arrays[f"views.{how}.{number}.weights"])


def _write_member(member, arrays, writer, prefix):
    facts = {"kind": member.kind, "name": member.name, "view": member.view}
    write, _ = _MEMBERS[member.kind]
    return {**facts, **write(member, arrays, writer, prefix)}


def _read_member(facts, arrays, reader):
    if facts["kind"] not in _MEMBERS:
        raise ModelError(f"A member is of a kind {facts['kind']!r} this version does not know. Kinds: {', '.join(_MEMBERS)}.")
    return _MEMBERS[facts["kind"]][1](facts, arrays, reader)


def _write_pls(member, arrays, writer, prefix):
    arrays[f"{prefix}.centre"], arrays[f"{prefix}.weights"] = member.centre_, member.weights_
    return {"prefix": prefix, "mean": member.mean_, "components": member.components_}


def _read_pls(facts, arrays, reader):
    member = PlsMember(facts["name"], facts["view"])
    member.mean_, member.components_ = facts["mean"], facts["components"]
    member.centre_, member.weights_ = arrays[f"{facts['prefix']}.centre"], arrays[f"{facts['prefix']}.weights"]
    return member


def _write_gp(member, arrays, writer, prefix):
    process = member.process_
    arrays[f"{prefix}.theta"], arrays[f"{prefix}.alpha"] = process.theta_, process.alpha_
    for number, values in enumerate(process.views_.values()):
        arrays[f"{prefix}.view{number}"] = values
    terms = [[term.kind, term.view, term.lengths] for term in process.terms]
    return {"prefix": prefix, "terms": terms, "views": list(process.views_), "mean": process.mean_, "sd": process.sd_}


def _read_gp(facts, arrays, reader):
    prefix, terms = facts["prefix"], tuple(Term(*term) for term in facts["terms"])
    member = GpMember(facts["name"], facts["view"], terms)
    process = GaussianProcess(terms)
    process.mean_, process.sd_ = facts["mean"], facts["sd"]
    process.theta_, process.alpha_ = arrays[f"{prefix}.theta"], arrays[f"{prefix}.alpha"]
    process.views_ = {view: arrays[f"{prefix}.view{number}"] for number, view in enumerate(facts["views"])}
    process.kernel_ = KernelSum(terms, [process.views_[term.view].shape[1] for term in terms])
    member.process_ = process
    return member


def _write_svr(member, arrays, writer, prefix):
    arrays[f"{prefix}.vectors"], arrays[f"{prefix}.dual"] = member.vectors_, member.dual_
    return {"prefix": prefix, "setting": list(member.setting_), **{name: float(getattr(member, name)) for name in _SVR}}


def _read_svr(facts, arrays, reader):
    member = SvrMember(facts["name"], facts["view"])
    member.setting_ = tuple(facts["setting"])
    for name in _SVR:
        setattr(member, name, facts[name])
    member.vectors_, member.dual_ = arrays[f"{facts['prefix']}.vectors"], arrays[f"{facts['prefix']}.dual"]
    return member


def _write_trees(member, arrays, writer, prefix):
    return {"forest": writer.add_estimators(prefix, [member.forest_])}


def _read_trees(facts, arrays, reader):
    member = TreesMember(facts["name"], facts["view"])
    member.forest_ = reader.estimators(facts["forest"])[0]
    return member


def _write_boosted(member, arrays, writer, prefix):
    return {"mean": member.mean_, "sd": member.sd_, "model": writer.add_xgboost(prefix, member.model_)}


def _read_boosted(facts, arrays, reader):
    member = BoostedMember(facts["name"], facts["view"])
    member.mean_, member.sd_ = facts["mean"], facts["sd"]
    member.model_ = reader.xgboost(facts["model"], {"n_jobs": 1})
    return member


_MEMBERS = {
    "pls": (_write_pls, _read_pls),
    "gp": (_write_gp, _read_gp),
    "svr": (_write_svr, _read_svr),
    "trees": (_write_trees, _read_trees),
    "boosted": (_write_boosted, _read_boosted),
}
