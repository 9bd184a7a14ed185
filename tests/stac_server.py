"""A real STAC API (rustac's server, started on loopback) and a server of COGs with byte ranges that misbehaves on command.

The scenes are small Sentinel-2-like products written on the spot: digital numbers with a known formula, SCL, two processing baselines,
one copy whose offset was removed, two tiles of one day.
"""

import http.server
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import rasterio
from affine import Affine
from rasterio.shutil import copy
from rasterio.warp import transform_bounds

CRS = "EPSG:32632"
LEFT, TOP = 600000.0, 4900020.0  # a corner like Sentinel-2's: a multiple of 60 m
BANDS = {"B": ("blue", 10), "R": ("red", 10), "N": ("nir", 10), "S1": ("swir16", 20)}
PC_NAMES = {"blue": "B02", "red": "B04", "nir": "B08", "swir16": "B11", "scl": "SCL"}


# -- scenes


def digital_numbers(role, rows, cols, day, shift=0):
    """Digital numbers of a band, uint16 of shape (rows, columns): every pixel differs from its neighbours; the corner is no data."""
    row, col = np.mgrid[0:rows, 0:cols]
    values = 1500 + 400 * "BRNS1".index(role[0]) + 13 * day + (row * 7 + col * 3) % 900 + shift
    values[:4, :4] = 0
    return values.astype("uint16")


def scene_classes(rows, cols):
    """SCL of shape (rows, columns): bare soil, vegetation to the east, a cloud with its shadow in the middle."""
    classes = np.full((rows, cols), 5, "uint8")
    classes[:, cols * 3 // 4 :] = 4
    classes[rows // 2 : rows // 2 + 6, cols // 2 : cols // 2 + 6] = 9
    classes[rows // 2 + 6 : rows // 2 + 10, cols // 2 : cols // 2 + 6] = 3
    return classes


def write_cog(path, values, cell, left=LEFT, top=TOP, compress="DEFLATE"):
    """One COG, cut into blocks of 128 pixels so that a window needs some ranges only."""
    profile = {"driver": "GTiff", "count": 1, "height": values.shape[0], "width": values.shape[1], "dtype": values.dtype.name, "nodata": 0}
    with rasterio.io.MemoryFile() as memory:
        with memory.open(**profile, crs=CRS, transform=Affine(cell, 0, left, 0, -cell, top)) as target:
            target.write(values, 1)
        with memory.open() as source:
            copy(source, path, driver="COG", compress=compress, blocksize=128, overviews="NONE")


@dataclass
class World:
    """Scenes on disk and their STAC items, written once for many tests.

    Parameters
    ----------
    folder : pathlib.Path
    base : str
        Address under which the folder is served.
    size : int
        Rows and columns at 10 m.
    """

    folder: Path
    base: str
    size: int = 240
    items: list = field(default_factory=list)

    def add(self, name, day, *, shift=0, left=LEFT, top=TOP, bands=BANDS, cloud=10.0, collection="sentinel-2-l2a", names=None, **properties):
        """Write one scene and its item; `day` is YYYY-MM-DD, `shift` what the offset adds to its digital numbers."""
        place = self.folder / name
        place.mkdir(parents=True)
        number, assets = int(day[-2:]), {}
        for role, (common, cell) in bands.items():
            cells = self.size * 10 // cell
            write_cog(
                place / f"{common}.tif", digital_numbers(role, cells, cells, number, shift), cell, left, top, "NONE" if role == "B" else "DEFLATE"
            )
            assets[(names or {}).get(common, common)] = self._asset(name, common)
        half = self.size // 2
        write_cog(place / "scl.tif", scene_classes(half, half), 20, left, top)
        assets[(names or {}).get("scl", "scl")] = self._asset(name, "scl")
        assets["thumbnail"] = {"href": f"{self.base}/{name}/preview.jpg", "type": "image/jpeg", "roles": ["thumbnail"]}
        bounds = transform_bounds(CRS, "EPSG:4326", left, top - 10 * self.size, left + 10 * self.size, top)
        self.items.append(item_of(name, day, bounds, assets, collection, {"eo:cloud_cover": cloud, **properties}))
        return self.items[-1]

    def _asset(self, name, band):
        return {"href": f"{self.base}/{name}/{band}.tif", "type": "image/tiff; application=geotiff; profile=cloud-optimized", "roles": ["data"]}


def item_of(name, day, bounds, assets, collection="sentinel-2-l2a", properties=None):
    """A STAC item of Sentinel-2."""
    west, south, east, north = bounds
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    told = {"datetime": f"{day}T10:20:30Z", "platform": "sentinel-2a", "constellation": "sentinel-2", "proj:epsg": 32632, **(properties or {})}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": told,
        "assets": assets,
        "links": [],
    }


# -- servers


@dataclass
class Trouble:
    """One way to misbehave: for addresses that contain `part`, `times` times (-1: always), after `after` good answers.

    `cut` promises a whole answer and hangs up in its middle; `short` gives half of the range asked for, and says so.
    """

    part: str
    status: int | None = None
    cut: bool = False
    short: bool = False
    wait_s: float = 0.0
    times: int = -1
    after: int = 0


class CogServer:
    """Files of a folder over http with byte ranges; `troubles` are taken in order, `asked` lists what was asked for,
    `sent` counts the bytes."""

    def __init__(self, folder):
        self.folder, self.troubles, self.asked, self.sent = Path(folder), [], [], 0
        self.lock = threading.Lock()
        outer = self

        class Handler(_RangeHandler):
            server_of = outer

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def trouble_for(self, path):
        """The first trouble that applies to an address now."""
        with self.lock:
            self.asked.append(path)
            for trouble in self.troubles:
                if trouble.part in path and trouble.times != 0:
                    if trouble.after > 0:
                        trouble.after -= 1
                        continue
                    trouble.times -= 1
                    return trouble
        return None


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Clients that hang up, killed ones among them, are expected."""


class _RangeHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of = None

    def log_message(self, *_):
        """Silence."""

    def do_HEAD(self):
        self._answer(with_body=False)

    def do_GET(self):
        self._answer(with_body=True)

    def _answer(self, with_body):
        trouble = self.server_of.trouble_for(self.path)
        if trouble and trouble.wait_s:
            time.sleep(trouble.wait_s)
        if trouble and trouble.status:
            return self._send(trouble.status, b"trouble", {})
        if "/sas/" in self.path:
            return self._token()
        if self.path.startswith("http://") and "sig=loopback" not in self.path:  # asked as a proxy, for storage that wants a token
            return self._send(403, b"no token", {})
        path = self.server_of.folder / urlsplit(self.path).path.lstrip("/")
        if not path.is_file():
            return self._send(404, b"", {})
        content = path.read_bytes()
        first, last = self._range(len(content))
        if trouble and trouble.short:
            last = first + (last - first) // 2
        body = content[first : last + 1]
        headers = {"Accept-Ranges": "bytes", "Content-Type": "image/tiff"}
        if self.headers.get("Range"):
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return self._send(206 if self.headers.get("Range") else 200, body, headers, with_body, cut=bool(trouble and trouble.cut))

    def _range(self, size):
        asked = (self.headers.get("Range") or "").removeprefix("bytes=").split(",")[0]
        first, _, last = asked.partition("-")
        return int(first or 0), min(int(last or size - 1), size - 1)

    def _send(self, status, body, headers, with_body=True, cut=False):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.server_of.sent += len(body)
            self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True

    def _token(self):
        body = json.dumps({"token": "sig=loopback&se=2099", "msft:expiry": "2099-01-01T00:00:00Z"}).encode()
        self._send(200, body, {"Content-Type": "application/json"})


@contextmanager
def stac_api(items, folder):
    """rustac's server on loopback with these items; yields its address."""
    file = Path(folder) / "items.json"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": items}), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = shutil.which("rustac", path=str(Path(sys.executable).parent)) or "rustac"
    command = [program, "serve", str(file), "--addr", f"127.0.0.1:{port}", "--create-collections"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(10)
        server.stderr.close()


def _wait_for(address, server):
    for _ in range(200):
        if server.poll() is not None:
            raise RuntimeError(f"the STAC server ended: {server.stderr.read().decode()[-400:]}")
        try:
            urllib.request.urlopen(address, timeout=1).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise RuntimeError("the STAC server did not start within 10 s")
