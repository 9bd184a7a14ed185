"""Predictions of spectra as samples: a table that the chain of maps works with."""

from pathlib import Path

from soilcore.core.errors import SampleError, UnreadableError
from soilcore.core.files import written_whole

_FLAG = "representative"


def samples_of_predictions(source, out, only_representative=False):
    """Write a table of samples from what ``spectra-predict`` wrote.

    Parameters
    ----------
    source : path
        CSV or GeoPackage of predictions.
    out : path
        File of the same kind; an older one is replaced.
    only_representative : bool
        Whether samples whose spectra the model does not know stay behind.

    Returns
    -------
    int
        How many samples were written.

    Raises
    ------
    UnreadableError
        If the predictions are gone.
    SampleError
        If no sample is left.
    """
    source, out = Path(source), Path(out)
    if not source.is_file():
        raise UnreadableError(f"The predictions {source.name!r} are no longer there. Predict the spectra again.")
    table = _read(source)
    if only_representative and _FLAG in table.columns:
        table = table[table[_FLAG].astype(bool)]
    if not len(table):
        raise SampleError(
            "None of the spectra resembles those of training, so no sample is left. Predict with a model of such soils, or send all on."
        )
    with written_whole(out) as temporary:
        if source.suffix == ".gpkg":
            table.to_file(temporary, layer="samples", driver="GPKG", index=False)
        else:
            table.to_csv(temporary, index=False)
    return len(table)


def _read(path):
    if path.suffix == ".gpkg":
        import geopandas as gpd

        return gpd.read_file(path)
    import pandas as pd

    return pd.read_csv(path)
