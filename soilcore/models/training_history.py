"""What happened while a network was trained."""

from dataclasses import asdict, dataclass


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
        """The history `to_dict` gave."""
        return cls(**(values | {"rows": tuple(values["rows"]), "notes": tuple(values["notes"])}))
