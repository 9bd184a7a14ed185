"""Which members `auto` fits to how many samples of what kind."""

from soilcore.models.auto_gp import Term
from soilcore.models.auto_members import BoostedMember, GpMember, PlsMember, SvrMember, TreesMember

REFIT_ROWS = 400  # above, inner folds of a Gaussian process keep the numbers of the whole sample
KERNEL_ROWS = 2000  # above, nothing that needs a matrix of samples by samples


def candidates(views, rows, grouped):
    """Unfitted members in the order of their use.

    Parameters
    ----------
    views : dict of str to ndarray
        Of the training samples.
    rows : int
    grouped : bool
        Whether inner folds keep groups whole; then trees are not judged out of bag.

    Returns
    -------
    members : list of Member
    note : str
        What many samples exclude; may be empty.
    """
    kernels = rows <= KERNEL_ROWS
    spectra = [name.split(":")[1] for name in views if name.startswith("spectra:")]
    members = [PlsMember(f"PLSR, {how}", f"spectra:{how}") for how in spectra]
    if "table" in views:
        members.append(PlsMember("PLSR, table", "table"))
    members += [TreesMember("extra trees", "trees", _trees(rows), not grouped), BoostedMember("boosted trees", "trees")]
    if kernels:
        members += _table_kernels(views, rows) + [member for how in spectra for member in _spectral_kernels(views, rows, how)]
    note = "" if kernels else f"Gaussian processes and support vectors are left out above {KERNEL_ROWS} samples."
    return members, note


def _table_kernels(views, rows):
    place = [Term("matern32", "place")] if "place" in views else []
    refit = rows <= REFIT_ROWS
    members = [GpMember("Gaussian process, places", "place", place, refit)] if place else []
    if "table" not in views:
        return members
    each = "components:table" if "components:table" in views else "table"
    linear = Term("linear", "table")
    return [
        GpMember("Gaussian process, a length per column", each, [linear, Term("matern52", each, "each"), *place], refit),
        GpMember("Gaussian process, one length", "table", [linear, Term("matern52", "table"), *place], refit),
        GpMember("Gaussian process, linear", "table", [linear, *place], refit),
        SvrMember("support vectors, table", "table"),
        *members,
    ]


def _spectral_kernels(views, rows, how):
    place = [Term("matern32", "place")] if "place" in views else []
    table = [Term("matern52", "table")] if "table" in views else []
    refit = rows <= REFIT_ROWS
    view, leading = f"spectra:{how}", f"components:{how}"
    return [
        GpMember(f"Gaussian process, {how}", view, [Term("linear", view), Term("rbf", view), *table, *place], refit),
        GpMember(f"Gaussian process on components, {how}", leading, [Term("linear", view), Term("matern52", leading, "each"), *place], refit),
        SvrMember(f"support vectors, {how}", view),
    ]


def _trees(rows):
    return 200 if rows <= KERNEL_ROWS else 50
