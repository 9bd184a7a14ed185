"""Which members `auto` fits to how many samples of what kind."""

from soilcore.models.auto_gp import Term
from soilcore.models.auto_members import BoostedMember, GpMember, PlsMember, SvrMember, TreesMember

KERNEL_ROWS = 2000  # above, nothing that needs a matrix of samples by samples
PROCESS_ROWS = 300  # above, support vectors come first: the time of a Gaussian process grows with the cube, and not all would be reached


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
    if views["trees"].shape[1]:
        members += [TreesMember("random forest", "trees", not grouped), BoostedMember("boosted trees", "trees")]
    if kernels:
        of_spectra = [member for how in spectra for member in _spectral_kernels(views, how)]
        if rows > PROCESS_ROWS:
            of_spectra.sort(key=lambda member: isinstance(member, GpMember))
        members += _table_kernels(views) + of_spectra
    note = "" if kernels else f"Gaussian processes and support vectors are left out above {KERNEL_ROWS} samples."
    return members, note


def _table_kernels(views):
    """Gaussian processes and support vectors of a table, with the places added, multiplied, left out."""
    place = [Term("matern32", "place")] if "place" in views else []
    if "table" not in views:
        return [GpMember("Gaussian process, places", "place", place)] if place and not any(name.startswith("spectra:") for name in views) else []
    linear, together = Term("linear", "table"), "table+place" if place else "table"
    members = [GpMember("Gaussian process, table", "table", [linear, Term("matern52", "table")])]
    if place:
        members.append(GpMember("Gaussian process, table and places", "table", [linear, Term("matern52", "table"), *place]))
        members.append(GpMember("Gaussian process, table with places", together, [linear, Term("matern52", together), *place]))
    each = "components:table" if "components:table" in views else together
    members.append(GpMember("Gaussian process, a length per column", each, [linear, Term("matern52", each, "each")], refit=True))
    return [*members, SvrMember("support vectors, table", "table")]


def _spectral_kernels(views, how):
    """The same of a spectrum in one preprocessing, the table and the places beside it."""
    place = [Term("matern32", "place")] if "place" in views else []
    table = [Term("matern52", "table")] if "table" in views else []
    view = f"spectra:{how}"
    return [
        GpMember(f"Gaussian process, {how}", view, [Term("linear", view), Term("rbf", view), *table, *place]),
        SvrMember(f"support vectors, {how}", f"flattened:{how}"),
    ]
