"""What happened while a network was trained."""

from dataclasses import asdict, dataclass, fields

from soilcore.core.errors import ModelError
from soilcore.core.stored import UNTOUCHED, checked_list, checked_number, checked_record, checked_text, checked_whole

_MOST = 10**9
_OF_EPOCH = ("epoch", "loss", "validation_loss", "learning_rate", "seconds")


@dataclass(frozen=True)
class History:
    """Course and end of one training.

    Parameters
    ----------
    rows : tuple of dict
        Per epoch: ``epoch`` (from 1), ``loss`` (while training, before the epoch's last step), ``validation_loss`` (None without validation
        rows), ``learning_rate``, ``seconds``, and with groups ``group_losses``: label to validation loss.
    best_epoch : int
        Of the lowest validation loss, from 1; the last one without validation rows.
    stopped : str
        Why training ended.
    device, precision : str
        What computed, and in which numbers.
    batch : int
        Rows that were worked through at once; below the settings' batch where memory did not suffice.
    notes : tuple of str
        What a user should know: another device than asked, a halved batch, a checkpoint that was not used.
    """

    rows: tuple
    best_epoch: int
    stopped: str
    device: str
    precision: str
    batch: int
    notes: tuple = ()

    @property
    def seconds(self):
        """Seconds of all epochs."""
        return sum(row["seconds"] for row in self.rows)

    def to_dict(self):
        """JSON values."""
        return asdict(self) | {"rows": [dict(row) for row in self.rows], "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, values):
        """The history `to_dict` gave.

        Raises
        ------
        ModelError
            If epochs, losses or times are such as no training has.
        """
        known = [one.name for one in fields(cls)]
        checked_record(values, "course of a training", known)
        if unknown := sorted(set(values) - set(known)):
            raise ModelError(f"The model's course of a training has {unknown[0]!r}, which this version does not know. {UNTOUCHED}")
        rows = checked_list(values["rows"], "epochs of a training", least=1)
        for number_of_row, row in enumerate(rows, start=1):
            _check_row(row, number_of_row)
        checked_whole(values["best_epoch"], "best epoch of a training", 1, len(rows))
        checked_whole(values["batch"], "number of rows at once", 1, _MOST)
        for name in ("stopped", "device", "precision"):
            checked_text(values[name], f"{name!r} of a training")
        notes = tuple(checked_text(one, "note on a training") for one in checked_list(values["notes"], "notes on a training"))
        return cls(**(values | {"rows": tuple(rows), "notes": notes}))


def _check_row(row, expected):
    """One epoch from a file: the next one, with finite losses."""
    checked_record(row, "epoch of a training", _OF_EPOCH)
    checked_whole(row["epoch"], "number of an epoch", expected, expected)
    checked_number(row["loss"], f"loss of epoch {expected}")
    if row["validation_loss"] is not None:
        checked_number(row["validation_loss"], f"validation loss of epoch {expected}")
    checked_number(row["learning_rate"], f"learning rate of epoch {expected}", least=0)
    checked_number(row["seconds"], f"time of epoch {expected}", least=0)
    for group, loss in checked_record(row.get("group_losses", {}), f"losses by group of epoch {expected}", ()).items():
        checked_number(loss, f"loss of the group {group!r} in epoch {expected}")
