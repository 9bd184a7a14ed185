"""What can go wrong, as types. The engine raises them; the command line and the pages put them into their own form.

Every message is one or two plain sentences: what was given, what was expected, what to do.
"""


class SoilcoreError(Exception):
    """Base of every error a user can cause and mend.

    Parameters
    ----------
    message : str
        One or two sentences: what was found and where, and what to do about it.
    findings : sequence
        The single problems behind the message (`soilcore.data.findings.Finding`), where there are several.
    """

    exit_code = 1

    def __init__(self, message, findings=()):
        super().__init__(message)
        self.message = message
        self.findings = tuple(findings)


class SettingsError(SoilcoreError):
    """The call itself is wrong: an unknown name, an impossible number, two options that exclude each other."""

    exit_code = 2


class UnreadableError(SoilcoreError):
    """The input is not there, or is not a file of the kind it claims to be."""

    exit_code = 2


class NotAvailableError(SoilcoreError):
    """A documented part that this version does not have yet, or an optional package that is not installed."""

    exit_code = 2


class SampleError(SoilcoreError):
    """The sample table was read but cannot be used for this."""


class SceneError(SoilcoreError):
    """The imagery or covariates were read but cannot be used for this."""


class FeatureError(SoilcoreError):
    """The predictors asked for cannot be made from these inputs."""


class FormulaError(FeatureError):
    """A formula is not plain band arithmetic."""


class ModelError(SoilcoreError):
    """A model cannot be fitted, read, or applied to these inputs."""


class Stopped(Exception):
    """Raised by a progress listener to end the work; the engine lets it pass and leaves nothing half-written."""
