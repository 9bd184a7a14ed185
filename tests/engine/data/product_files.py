"""Satellite products written on the spot, small but built like the real ones: Sentinel-2 L2A SAFE with JPEG 2000, Landsat Collection 2 Level-2 with COGs."""

import io
import json
import shutil
import tarfile
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.shutil import copy as copy_raster

SAFE_10M = {"B02": "B", "B03": "G", "B04": "R", "B08": "N"}
SAFE_20M = {"B05": "RE1", "B06": "RE2", "B07": "RE3", "B8A": "N2", "B11": "S1", "B12": "S2"}
SAFE_BANDS = SAFE_10M | SAFE_20M
SAFE_BAND_IDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
LANDSAT_OLI = {1: "B1", 2: "B", 3: "G", 4: "R", 5: "N", 6: "S1", 7: "S2"}
LANDSAT_TM = {1: "B", 2: "G", 3: "R", 4: "N", 5: "S1", 7: "S2"}
ORIGIN = (600000.0, 5700000.0)
SAFE_CRS, LANDSAT_CRS = "EPSG:32631", "EPSG:32631"
_SOIL = dict(
    zip(
        ("B1", "B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "B9", "S1", "S2"),
        (0.08, 0.10, 0.14, 0.19, 0.22, 0.24, 0.26, 0.28, 0.29, 0.3, 0.36, 0.32),
        strict=True,
    )
)
_WATER = dict(zip(_SOIL, (0.03, 0.030, 0.035, 0.020, 0.015, 0.012, 0.012, 0.010, 0.010, 0.01, 0.005, 0.004), strict=True))


def safe_numbers(height=60, width=60, seed=0):
    """Digital numbers (reflectance x 10000, no offset) by role: 10 m bands of twice that shape, 20 m bands of that shape; water in a corner, 0 in the first two rows of 20 m."""
    random = np.random.default_rng(seed)
    numbers = {}
    for role in SAFE_BANDS.values():
        factor = 2 if role in SAFE_10M.values() else 1
        rows, cols = height * factor, width * factor
        wet = np.zeros((rows, cols), bool)
        wet[rows * 2 // 3 :, cols * 2 // 3 :] = True
        values = np.where(wet, _WATER[role], _SOIL[role]) * random.uniform(0.8, 1.2, (rows, cols))
        numbers[role] = np.maximum(1, np.round(values * 10000)).astype("uint16")
        numbers[role][: 2 * factor] = 0
    return numbers


def safe_classes(height=60, width=60):
    """Scene classification: bare soil and plants, water in a corner, a cloud with its shadow, a few single pixels of other classes, no data on top."""
    scl = np.full((height, width), 5, "uint8")
    scl[:, width // 2 :] = 4
    scl[height * 2 // 3 :, width * 2 // 3 :] = 6
    scl[20:26, 10:18], scl[28:33, 14:20] = 9, 3
    scl[40, 5], scl[45, 8], scl[50, 20], scl[12, 40], scl[14, 44] = 7, 11, 2, 10, 8
    scl[:2] = 0
    return scl


def write_safe(
    folder,
    numbers=None,
    scl=None,
    *,
    baseline="05.10",
    offset=None,
    day=date(2022, 6, 19),
    tile="31UFU",
    spacecraft="Sentinel-2A",
    resolutions=("R10m", "R20m", "R60m"),
    leave_out=(),
    level="2A",
    offsets=None,
    as_zip=False,
    cloud=12.5,
    tilesize=None,
):
    """Write one Sentinel-2 product and return its path.

    Parameters
    ----------
    folder : path
        Where the ``.SAFE`` folder, or the zip, comes to lie.
    numbers : dict of str to ndarray of uint16, optional
        By role, without offset, 0 = no data; 10 m bands have twice the rows and columns of 20 m bands. `safe_numbers` if not given.
    scl : ndarray of uint8, optional
        On the 20 m grid; `safe_classes` if not given.
    baseline : str
        From 04.00 on every number but 0 is stored with 1000 added, and the metadata say so.
    offset : float, optional
        BOA_ADD_OFFSET of the metadata and minus what is added to the numbers; by the baseline if not given.
    resolutions : sequence of str
        Folders of IMG_DATA that are there.
    leave_out : sequence of str
        Bands, such as "B11", whose files are missing although the metadata name them.
    level : "2A" or "1C"
        A Level-1C product has one folder of images and other metadata.
    offsets : dict of str to float, optional
        BOA_ADD_OFFSET by band ("B2"), where bands differ.
    as_zip : bool
    tilesize : int, optional
        JPEG 2000 tiles.

    Returns
    -------
    pathlib.Path
    """
    numbers = safe_numbers() if numbers is None else numbers
    scl = safe_classes(*next(iter(numbers[role].shape for role in SAFE_20M.values() if role in numbers))) if scl is None else scl
    offset = (-1000.0 if float(baseline) >= 4 else None) if offset is None else offset
    stamp = f"{day:%Y%m%d}T103421"
    name = f"S2{spacecraft[-1]}_MSIL{level}_{stamp}_N{baseline.replace('.', '')}_R108_T{tile}_{day:%Y%m%d}T135803.SAFE"
    root = Path(folder) / name
    granule = f"GRANULE/L{level}_T{tile}_A034083_{day:%Y%m%d}T103418"
    images = _image_names(granule, tile, stamp, resolutions, level)
    added = {role: -(offsets or {}).get(_band_id(band), offset or 0.0) for band, role in SAFE_BANDS.items()}
    for band, image in images:
        if band not in leave_out:
            _write_safe_image(root / f"{image}.jp2", band, image, numbers, scl, added, tilesize)
    facts = (level, baseline, offset, offsets or {}, day, spacecraft, cloud)
    _write_text(root / f"MTD_MSIL{level}.xml", _product_xml(name, granule, [image for _, image in images], facts))
    _write_text(root / granule / "MTD_TL.xml", _tile_xml(level, tile, day, scl.shape))
    _write_text(root / "manifest.safe", '<?xml version="1.0" encoding="UTF-8"?><xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1"/>')
    _write_text(root / "DATASTRIP" / f"DS_2APS_{stamp}" / "MTD_DS.xml", "<n1:Level-2A_DataStrip_ID/>")
    return _zipped(root) if as_zip else root


def _image_names(granule, tile, stamp, resolutions, level):
    if level == "1C":
        return [(band, f"{granule}/IMG_DATA/T{tile}_{stamp}_{band}") for band in SAFE_BANDS]
    held = {
        "R10m": [*SAFE_10M, "AOT", "WVP"],
        "R20m": ["B02", "B03", "B04", *SAFE_20M, "AOT", "SCL", "WVP"],
        "R60m": ["B01", "B02", "B09", "SCL"],
    }
    return [(band, f"{granule}/IMG_DATA/{each}/T{tile}_{stamp}_{band}_{each[1:]}") for each in resolutions for band in held[each]]


def _band_id(band):
    return "B" + band[1:].lstrip("0")


def _write_safe_image(path, band, image, numbers, scl, added, tilesize):
    cell = {"10m": 10, "20m": 20, "60m": 60}.get(image.rsplit("_", 1)[-1], 20 if band in SAFE_20M else 10)
    shape = tuple(side * 20 // cell for side in scl.shape)
    role = SAFE_BANDS.get(band)
    if band == "SCL":
        values = scl[:: cell // 20, :: cell // 20][: shape[0], : shape[1]]
    elif role in numbers:
        values = numbers[role]
        step = max(1, values.shape[0] // shape[0])
        values = values[::step, ::step][: shape[0], : shape[1]]
        values = np.where(values == 0, 0, values + added[role]).astype("uint16")
    else:
        values = np.full(shape, 700, "uint16")
    write_jp2(path, values, cell, tilesize=tilesize)


def write_jp2(path, values, cell, origin=ORIGIN, crs=SAFE_CRS, tilesize=None):
    """Write one band as lossless JPEG 2000, as the agency does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO", **({"BLOCKXSIZE": tilesize, "BLOCKYSIZE": tilesize} if tilesize else {})}
    profile = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype, "crs": crs}
    place = Affine(cell, 0, origin[0], 0, -cell, origin[1])
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", transform=place, **profile) as dataset:
            dataset.write(values, 1)
        with memory.open() as dataset:
            copy_raster(dataset, str(path), driver="JP2OpenJPEG", **options)
    path.with_name(path.name + ".aux.xml").unlink(missing_ok=True)


def _write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _product_xml(name, granule, images, facts):
    level, baseline, offset, offsets, day, spacecraft, cloud = facts
    files = "".join(f"<IMAGE_FILE>{image}</IMAGE_FILE>" for image in images)
    quantification = '<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE><AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE>'
    quantification = f"<QUANTIFICATION_VALUES_LIST>{quantification}</QUANTIFICATION_VALUES_LIST>"
    if level == "1C":
        quantification = '<QUANTIFICATION_VALUE unit="none">10000</QUANTIFICATION_VALUE>'
    kind, listed = ("BOA", "BOA_ADD_OFFSET_VALUES_LIST") if level == "2A" else ("RADIO", "Radiometric_Offset_List")
    values = "".join(
        f'<{kind}_ADD_OFFSET band_id="{number}">{offsets.get(band, offset):.0f}</{kind}_ADD_OFFSET>'
        for number, band in enumerate(SAFE_BAND_IDS)
        if offset is not None
    )
    offset_list = f"<{listed}>{values}</{listed}>" if values else ""
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{level}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{level}.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<n1:General_Info><Product_Info>
<PRODUCT_START_TIME>{day}T10:34:21.024Z</PRODUCT_START_TIME><PRODUCT_STOP_TIME>{day}T10:34:21.024Z</PRODUCT_STOP_TIME>
<PRODUCT_URI>{name}</PRODUCT_URI><PROCESSING_LEVEL>Level-{level}</PROCESSING_LEVEL><PRODUCT_TYPE>S2MSI{level}</PRODUCT_TYPE>
<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE><GENERATION_TIME>{day}T13:58:03.000000Z</GENERATION_TIME>
<Datatake datatakeIdentifier="GS2A"><SPACECRAFT_NAME>{spacecraft}</SPACECRAFT_NAME><DATATAKE_SENSING_START>{day}T10:34:21.024Z</DATATAKE_SENSING_START></Datatake>
<Product_Organisation><Granule_List>
<Granule datastripIdentifier="S2A_OPER_MSI_L{level}_DS" granuleIdentifier="{Path(granule).name}" imageFormat="JPEG2000">{files}</Granule>
</Granule_List></Product_Organisation>
</Product_Info>
<Product_Image_Characteristics><Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX></Special_Values>
{quantification}{offset_list}</Product_Image_Characteristics></n1:General_Info>
<n1:Quality_Indicators_Info><Cloud_Coverage_Assessment>{cloud}</Cloud_Coverage_Assessment></n1:Quality_Indicators_Info>
</n1:Level-{level}_User_Product>
"""


def _tile_xml(level, tile, day, shape):
    sizes = "".join(
        f'<Size resolution="{cell}"><NROWS>{shape[0] * 20 // cell}</NROWS><NCOLS>{shape[1] * 20 // cell}</NCOLS></Size>' for cell in (10, 20, 60)
    )
    places = "".join(
        f'<Geoposition resolution="{cell}"><ULX>{ORIGIN[0]:.0f}</ULX><ULY>{ORIGIN[1]:.0f}</ULY><XDIM>{cell}</XDIM><YDIM>-{cell}</YDIM></Geoposition>'
        for cell in (10, 20, 60)
    )
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{level}_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-{level}_Tile_Metadata.xsd">
<n1:General_Info><TILE_ID metadataLevel="Brief">S2A_OPER_MSI_L{level}_TL_2APS_{day:%Y%m%d}T135803_A034083_T{tile}_N05.10</TILE_ID>
<SENSING_TIME metadataLevel="Standard">{day}T10:34:18.000Z</SENSING_TIME></n1:General_Info>
<n1:Geometric_Info><Tile_Geocoding metadataLevel="Brief"><HORIZONTAL_CS_NAME>WGS84 / UTM zone 31N</HORIZONTAL_CS_NAME>
<HORIZONTAL_CS_CODE>{SAFE_CRS}</HORIZONTAL_CS_CODE>{sizes}{places}</Tile_Geocoding></n1:Geometric_Info>
</n1:Level-{level}_Tile_ID>
"""


def _zipped(root):
    path = root.with_name(root.name.removesuffix(".SAFE") + ".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, f"{root.name}/{file.relative_to(root).as_posix()}" + ("/" if file.is_dir() else ""))
    shutil.rmtree(root)
    return path


def landsat_numbers(height=60, width=50, seed=0, bands=LANDSAT_OLI):
    """Stored numbers of Landsat Collection 2 Level-2 by role: bare soil with water in a corner, 0 in the first three rows."""
    random = np.random.default_rng(seed)
    wet = np.zeros((height, width), bool)
    wet[height * 2 // 3 :, width * 2 // 3 :] = True
    numbers = {}
    for role in bands.values():
        values = np.where(wet, _WATER[role], _SOIL[role]) * random.uniform(0.8, 1.2, (height, width))
        numbers[role] = np.round((values + 0.2) / 2.75e-5).astype("uint16")
        numbers[role][:3] = 0
    return numbers


def landsat_quality(height=60, width=50):
    """QA_PIXEL: clear land (21824), water (21952), a cloud (22280), its shadow (23888), cirrus (54596), snow (30048), a dilated rim (21826), fill (1)."""
    quality = np.full((height, width), 21824, "uint16")
    quality[height * 2 // 3 :, width * 2 // 3 :] = 21952
    quality[20:26, 10:18], quality[28:33, 14:20] = 22280, 23888
    quality[19, 10:18], quality[12, 40], quality[45, 8] = 21826, 54596, 30048
    quality[:3] = 1
    return quality


def write_landsat(
    folder,
    numbers=None,
    quality=None,
    *,
    spacecraft="LANDSAT_8",
    day=date(2022, 6, 19),
    level="L2SP",
    metadata=("txt", "xml", "json"),
    as_tar=False,
    leave_out=(),
    cloud=8.25,
):
    """Write one Landsat Collection 2 product and return its path, a folder or a tar.

    Parameters
    ----------
    folder : path
    numbers : dict of str to ndarray of uint16, optional
        Stored numbers by role; `landsat_numbers` if not given.
    quality : ndarray of uint16, optional
        QA_PIXEL; `landsat_quality` if not given.
    spacecraft : str
        LANDSAT_4 to LANDSAT_9.
    level : str
        L2SP, or L1TP for a product that holds no surface reflectance.
    metadata : sequence of str
        Forms in which the MTL file is there.
    leave_out : sequence of int
        Band numbers whose files are missing although the metadata name them.

    Returns
    -------
    pathlib.Path
    """
    bands = LANDSAT_OLI if spacecraft[-1] in "89" else LANDSAT_TM
    numbers = landsat_numbers(bands=bands) if numbers is None else numbers
    quality = landsat_quality(*next(iter(numbers.values())).shape) if quality is None else quality
    letter = "C" if spacecraft[-1] in "89" else ("E" if spacecraft[-1] == "7" else "T")
    name = f"L{letter}0{spacecraft[-1]}_{level}_198024_{day:%Y%m%d}_{day:%Y%m%d}_02_T1"
    root = Path(folder) / name
    root.mkdir(parents=True)
    prefix = "SR_B" if level.startswith("L2") else "B"
    for number, role in bands.items():
        if number not in leave_out and role in numbers:
            write_cog_file(root / f"{name}_{prefix}{number}.TIF", numbers[role], nodata=0)
    write_cog_file(root / f"{name}_QA_PIXEL.TIF", quality, nodata=1)
    write_cog_file(root / f"{name}_QA_RADSAT.TIF", np.zeros_like(quality))
    if level == "L2SP":
        write_cog_file(root / f"{name}_ST_B10.TIF", np.full(quality.shape, 44000, "uint16"), nodata=0)
    groups = _landsat_groups(name, spacecraft, day, level, bands, cloud)
    writers = {"txt": _mtl_text, "json": lambda groups: json.dumps({"LANDSAT_METADATA_FILE": groups}, indent=2), "xml": _mtl_xml}
    for kind in metadata:
        _write_text(root / f"{name}_MTL.{kind}", writers[kind](groups))
    return _tarred(root) if as_tar else root


def _landsat_groups(name, spacecraft, day, level, bands, cloud):
    """Groups of the MTL file: the names of the Level-1 part repeat those of Level-2 with other values, as in real files."""
    prefix = "SR_B" if level.startswith("L2") else "B"
    level_1 = name.replace(level, "L1TP")
    contents = {"ORIGIN": "Image courtesy of the U.S. Geological Survey", "LANDSAT_PRODUCT_ID": name, "PROCESSING_LEVEL": level}
    contents |= {"COLLECTION_NUMBER": "02", "COLLECTION_CATEGORY": "T1", "OUTPUT_FORMAT": "GEOTIFF"}
    contents |= {f"FILE_NAME_BAND_{number}": f"{name}_{prefix}{number}.TIF" for number in bands}
    contents |= {"FILE_NAME_BAND_ST_B10": f"{name}_ST_B10.TIF", "FILE_NAME_QUALITY_L1_PIXEL": f"{name}_QA_PIXEL.TIF"}
    contents |= {"DATA_TYPE_BAND_1": "UINT16"}
    image = {"SPACECRAFT_ID": spacecraft, "SENSOR_ID": "OLI_TIRS", "WRS_PATH": "198", "WRS_ROW": "024"}
    image |= {"DATE_ACQUIRED": f"{day}", "SCENE_CENTER_TIME": "10:28:04.1234560Z", "CLOUD_COVER": f"{cloud}"}
    surface = {f"REFLECTANCE_MULT_BAND_{number}": "2.75e-05" for number in bands} | {f"REFLECTANCE_ADD_BAND_{number}": "-0.2" for number in bands}
    record = {"LANDSAT_PRODUCT_ID": level_1, "PROCESSING_LEVEL": "L1TP"} | {
        f"FILE_NAME_BAND_{number}": f"{level_1}_B{number}.TIF" for number in bands
    }
    rescaling = {f"REFLECTANCE_MULT_BAND_{number}": "2.0000E-05" for number in bands} | {
        f"REFLECTANCE_ADD_BAND_{number}": "-0.100000" for number in bands
    }
    groups = {"PRODUCT_CONTENTS": contents, "IMAGE_ATTRIBUTES": image, "PROJECTION_ATTRIBUTES": {"MAP_PROJECTION": "UTM", "UTM_ZONE": "31"}}
    if level.startswith("L2"):
        groups |= {"LEVEL2_PROCESSING_RECORD": {"PROCESSING_LEVEL": level}, "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": surface}
    return groups | {"LEVEL1_PROCESSING_RECORD": record, "LEVEL1_RADIOMETRIC_RESCALING": rescaling}


def _mtl_text(groups):
    numbers = ("_MULT_", "_ADD_", "CLOUD_COVER", "WRS_", "DATE_ACQUIRED", "UTM_ZONE")
    lines = ["GROUP = LANDSAT_METADATA_FILE"]
    for group, values in groups.items():
        lines.append(f"  GROUP = {group}")
        lines += [f"    {key} = {value}" if any(part in key for part in numbers) else f'    {key} = "{value}"' for key, value in values.items()]
        lines.append(f"  END_GROUP = {group}")
    return "\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""])


def _mtl_xml(groups):
    inner = "".join(f"<{group}>{''.join(f'<{key}>{value}</{key}>' for key, value in values.items())}</{group}>\n" for group, values in groups.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<LANDSAT_METADATA_FILE>\n{inner}</LANDSAT_METADATA_FILE>\n'


def write_cog_file(path, values, nodata=None, cell=30.0, crs=LANDSAT_CRS, origin=ORIGIN, tags=None):
    """Write one band as a cloud-optimised GeoTIFF."""
    profile = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype, "crs": crs, "nodata": nodata}
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", transform=Affine(cell, 0, origin[0], 0, -cell, origin[1]), **profile) as dataset:
            dataset.write(values, 1)
            if tags:
                dataset.update_tags(**tags)
        with memory.open() as dataset:
            copy_raster(dataset, str(path), driver="COG", compress="deflate", blocksize=128)
    return str(path)


def _tarred(root):
    path = root.with_name(root.name + ".tar")
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for file in sorted(root.iterdir()):
            archive.add(file, file.name)
    shutil.rmtree(root)
    return path


def write_archive(path, members):
    """Write a zip or tar (by its ending) of named contents, whatever the names are: for archives that must be refused.

    Parameters
    ----------
    path : pathlib.Path
    members : dict of str to bytes
    """
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return path
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path
