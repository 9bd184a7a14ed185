"""What one person has open: one typed object per session. It holds the project and the job, never widget values."""

from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from pages.ui.workspace import workspace
from soilcore.core.errors import SoilcoreError
from soilcore.core.settings import from_plain, to_plain
from soilcore.project.folder import Project
from soilcore.project.jobs import Job, jobs_in, open_job

KEY = "work"
JOBS_OF_ALL = ".jobs"  # jobs that have no project yet
_SPECTRAL = "spectral-"  # how ids of models of spectra begin: they predict from spectra, never from imagery


@dataclass
class Work:
    """The open project and what was chosen in it.

    Parameters
    ----------
    workspace : pathlib.Path
        Folder of all projects.
    project : Project or None
    job : Job or None
        The job that this session shows.
    note : (kind, text) or None
        One sentence for the top of the next page; kind is "success", "info", "warning" or "error".
    arrived : str or None
        Id of the job whose result was taken over last, so that it is taken over once.
    """

    workspace: Path
    project: Project | None = None
    job: Job | None = None
    note: tuple[str, str] | None = None
    arrived: str | None = None

    def open(self, identifier):
        """Open a project by its id and the job that still runs in it."""
        self.project = Project.open(self.workspace, identifier)
        self.job = next((job for job in jobs_in(self.jobs_folder) if not job.status().is_over), None)

    def close(self):
        """Close the project; nothing on disk changes."""
        self.project = self.job = None

    @property
    def jobs_folder(self):
        """Where this session's jobs lie."""
        return self.project.part("jobs") if self.project else self.workspace / JOBS_OF_ALL

    def find_job(self, identifier):
        """Show a job of the open project, or of the workspace, by its id."""
        self.job = open_job(self.jobs_folder, identifier)

    def state(self):
        """What the project remembers, as plain values."""
        return self.project.state() if self.project else {}

    def remember(self, **values):
        """Keep choices in the project; None forgets one."""
        self.project.remember(**values)

    @property
    def samples_file(self):
        """Name of the chosen table within ``samples/``, or None."""
        return self._existing("samples", self.state().get("sample_file"))

    @property
    def scene_files(self):
        """Names of the chosen images within ``scenes/``, files or folders; empty when there are none."""
        return tuple(name for name in self.state().get("scene_files", ()) if self._existing("scenes", name))

    @property
    def sample_settings(self):
        """`SampleSettings` as they were last given for the chosen table."""
        from soilcore.data.samples import SampleSettings

        state = self.state()
        return from_plain(SampleSettings, {"target": state.get("target"), **state.get("sample_settings", {})})

    @property
    def scene_settings(self):
        """`SceneSettings` of the chosen images, paths relative to the project; None when there are none."""
        from soilcore.data.imagery import SceneSettings

        if not self.scene_files:
            return None
        paths = [f"scenes/{name}" for name in self.scene_files]
        return from_plain(SceneSettings, {**self.state().get("scene_settings", {}), "paths": paths})

    @property
    def climate_source(self):
        """The chosen climate as a path relative to the project, or None."""
        name = self._existing("climate", self.state().get("climate"))
        return None if name is None else self.climate_path(name)

    def climate_path(self, name):
        """A climate of the project as the engine takes it, relative to the project: a folder of tables that belong together, or its one file."""
        inside = self.project.part("climate") / name
        files = [path for path in inside.iterdir() if not path.name.startswith(".")] if inside.is_dir() else []
        return f"climate/{name}/{files[0].name}" if len(files) == 1 else f"climate/{name}"

    @property
    def covariates(self):
        """Names of the project's rasters beside the imagery: files, and folders of dated files."""
        return self.data("covariates")

    def data(self, part):
        """Names of what was brought or made in one part; run files beside results are left out."""
        return [name for name in self.project.items(part) if not name.endswith(".run.json")]

    def covariate_path(self, name):
        """A raster of the project as the engine takes it: relative path, and what its values are."""
        return f"covariates/{name}{':categorical' if name in self.state().get('categorical', ()) else ''}"

    def choose_samples(self, name, settings=None):
        """Work with another table, or read the same one in another way."""
        plain = to_plain(settings) if settings is not None else {}
        self.remember(sample_file=name, sample_settings=plain, target=plain.get("target"))

    def choose_scene(self, names, settings=None):
        """Work with other images, or read them in another way; `settings` may be a dict without paths."""
        plain = settings if isinstance(settings, dict) else to_plain(settings) if settings is not None else {}
        kept = {name: value for name, value in plain.items() if name != "paths"}
        self.remember(scene_files=list(names), scene_settings=kept, scene_date=None)

    def inputs(self, features=None, aoi=None, mask=None, with_samples=True):
        """`InputSettings` of what is chosen, paths relative to the project: for jobs and run files."""
        from soilcore.features.recipe import FeatureSettings
        from soilcore.project.settings import InputSettings

        samples = f"samples/{self.samples_file}" if with_samples and self.samples_file else None
        table = {"table": self.sample_settings} if samples else {}
        return InputSettings(samples, scene=self.scene_settings, features=features or FeatureSettings(), aoi=aoi, mask=mask, **table)

    def inputs_here(self, **choices):
        """The same with whole paths: for engine calls within a page, whose process stands in another folder."""
        return self.absolute(self.inputs(**choices))

    def absolute(self, inputs):
        """`InputSettings` with whole paths."""
        scene = replace(inputs.scene, paths=tuple(self.path(path) for path in inputs.scene.paths)) if inputs.scene else None
        mask = inputs.mask if inputs.mask in (None, "water", "none") else self.path(inputs.mask)
        features = inputs.features
        named = {name: self.path(getattr(features, name)) for name in ("dem", "climate", "series")}
        listed = {name: tuple(self.path(text) for text in getattr(features, name)) for name in ("covariates", "distances")}
        features = replace(features, **named, **listed)
        return replace(inputs, samples=self.path(inputs.samples), scene=scene, aoi=self.path(inputs.aoi), mask=mask, features=features)

    def path(self, relative):
        """A path of the project as a whole path, as text; None stays None."""
        return None if relative is None else str(self.project.folder / relative)

    @property
    def spectra_file(self):
        """Name of the chosen spectral library within ``spectra/``, a file or a folder of files; None when there is none."""
        return self._existing("spectra", self.state().get("spectra_file"))

    @property
    def spectra_settings(self):
        """`SpectraSettings` of the chosen library, paths relative to the project; None when none is chosen."""
        from soilcore.data.spectra_set import SpectraSettings

        if self.spectra_file is None:
            return None
        return from_plain(SpectraSettings, {**self.state().get("spectra_settings", {}), "paths": [f"spectra/{self.spectra_file}"]})

    def choose_spectra(self, name, settings=None):
        """Work with another spectral library, or read the same one in another way."""
        plain = to_plain(settings) if settings is not None else {}
        self.remember(spectra_file=name, spectra_settings={key: value for key, value in plain.items() if key != "paths"})

    def spectra_here(self, settings):
        """`SpectraSettings` with whole paths."""
        return replace(settings, paths=tuple(self.path(path) for path in settings.paths), properties=self.path(settings.properties))

    @property
    def models(self):
        """Ids of the trained models that predict from tables and imagery, the newest first."""
        return [name for name in self._results("models", "model.json") if not name.startswith(_SPECTRAL)]

    @property
    def spectral_models(self):
        """Ids of the trained models that predict from spectra, the newest first."""
        return [name for name in self._results("models", "model.json") if name.startswith(_SPECTRAL)]

    @property
    def spectral_model(self):
        """Id of the chosen model of spectra, like `model`."""
        return _chosen(self.state().get("spectral_model"), self.spectral_models)

    def new_spectral_model(self, learner):
        """A fresh id for a model of spectra."""
        return self.project.new_id("models", f"{_SPECTRAL}{learner}")

    @property
    def maps(self):
        """Ids of the finished maps, the newest first."""
        return self._results("maps", "map.tif")

    @property
    def model(self):
        """Id of the chosen model: the one last chosen if it is still there, else the newest; None when there is none."""
        return _chosen(self.state().get("model"), self.models)

    @property
    def map(self):
        """Id of the chosen map, like `model`."""
        return _chosen(self.state().get("map"), self.maps)

    def _results(self, part, file):
        if self.project is None:
            return []
        return [name for name in reversed(self.project.items(part)) if (self.project.part(part) / name / file).is_file()]

    def _existing(self, part, name):
        return name if name and (self.project.part(part) / name).exists() else None


def _chosen(name, names):
    return name if name in names else next(iter(names), None)


def current_work():
    """The session's `Work`; made anew from the address after a reload, so that a bookmark finds project and job again."""
    if KEY not in st.session_state:
        st.session_state[KEY] = _from_address(Work(workspace()), dict(st.query_params))
    return st.session_state[KEY]


def _from_address(work, address):
    try:
        if "project" in address:
            work.open(address["project"])
        if "job" in address:
            work.find_job(address["job"])
    except SoilcoreError as error:
        work.note = ("warning", error.message)
    return work


def address_of(work):
    """What the address must hold so that a reload finds the same things."""
    address = {"project": work.project.id} if work.project else {}
    return address | ({"job": work.job.id} if work.job else {})


def keep_address(work):
    """Write project and job into the address."""
    wanted = address_of(work)
    if dict(st.query_params) != wanted:
        st.query_params.from_dict(wanted)
