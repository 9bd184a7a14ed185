"""What an image was understood to be: product, size, sensor, scaling with its evidence, what is wrong with it, and its bands."""

import streamlit as st

from pages.ui import cached, charts, messages, theme

_KINDS = {"sentinel-2-safe": "Sentinel-2 Level-2A", "landsat-c2-l2": "Landsat Collection 2 Level-2", "cube": "data cube"}
_STATISTICS = {"min": "min", "p2": "2 %", "median": "median", "p98": "98 %", "max": "max"}


def summary(scene):
    """Size, pixel, sensor, reference system, and how stored values become reflectance."""
    with st.container(horizontal=True, gap="large"):
        st.metric("Size", f"{scene.grid.width} × {scene.grid.height}", help="columns × rows", width="content")
        st.metric("Pixel", cell_words(scene.grid), width="content")
        st.metric("Bands", len(scene.roles), width="content")
        st.metric("Date", str(scene.date) if scene.date else "not known", width="content")
    sensor = sensors().get(scene.sensor, scene.sensor) or "not known"
    st.markdown(
        f"**Reflectance = stored value × {scene.scaling.scale:g}{_signed(scene.scaling.offset)}** · Sensor: {messages.plain(sensor)} · "
        f"Coordinate reference system: {messages.plain(scene.grid.crs.name)}"
    )


def product(scene):
    """What kind of product the image is, by its own metadata; nothing for plain files."""
    for one in cached.products():
        if one is None or one.kind not in _KINDS:
            continue
        facts = [_KINDS[one.kind]]
        facts += [f"tile {one.tile}"] if one.tile else []
        facts += [one.platform] if one.platform else []
        facts += [str(one.date)] if one.date else []
        facts += [f"processing baseline {one.baseline}"] if one.baseline else []
        facts += [f"{one.cloud:.0f} % clouds by its metadata"] if one.cloud is not None else []
        st.markdown(f":material/satellite_alt: **{messages.plain(facts[0])}** · " + messages.plain(" · ".join(facts[1:])))
        if one.evidence:
            st.caption(messages.plain(one.evidence))
    if not any(cached.products()) and scene.baseline:
        st.caption(f"Processing baseline {messages.plain(scene.baseline)}")


def findings(scene):
    """What is wrong with the image and what to do about it; one calm sentence when nothing is."""
    if scene.findings:
        st.markdown("**What is wrong, and the fix**")
        messages.findings(scene.findings)
    else:
        st.markdown(":material/check_circle: Nothing in this image needs mending.")


def evidence(scene):
    """Why values are scaled so, and what was inferred."""
    with st.expander("Why this scaling", icon=":material/fact_check:", expanded=bool(scene.findings)):
        for sentence in scene.scaling.evidence:
            st.markdown(f"- {messages.plain(sentence)}")
        st.caption("If it is wrong, say so under “Roles, sensor and scaling”.")
    messages.assumed(scene.assumed)


def bands(scene):
    """Band table: role, range of stored values and of reflectance, share of valid pixels; and the histogram of one."""
    table = cached.band_table(scene)
    table.insert(1, "words", [band_words(role) for role in table["role"]])
    config = {"role": "Role", "words": "Band", "valid": st.column_config.NumberColumn("Valid", format="percent")}
    config |= {name: st.column_config.NumberColumn(words.capitalize(), format="%.4f", help="Reflectance") for name, words in _STATISTICS.items()}
    config |= {f"stored_{name}": st.column_config.NumberColumn(f"Stored {words}", format="%.6g") for name, words in _STATISTICS.items()}
    alt = "Statistics of every band, reflectance first, then stored values"
    st.dataframe(table, hide_index=True, column_config=config, column_order=list(config), alt=alt, key="imagery.bands")
    st.caption("Reflectance first: smallest, 2 % and 98 % quantiles with the median between, largest; then the same of the stored values.")
    st.download_button("Band table as CSV", table.to_csv(index=False), "bands.csv", "text/csv", icon=":material/download:", key="imagery.bands.csv")
    role = st.selectbox(
        "Values of one band before and after scaling", scene.roles, format_func=role_words, key=f"imagery.role.{scene.fingerprint[:8]}"
    )
    stored, reflectance = cached.histogram(scene, role)
    figure = charts.band_histogram(stored, reflectance, role)
    st.plotly_chart(figure, alt=f"Histogram of {role}, stored values and reflectance", key="imagery.histogram")


def _signed(offset):
    return f" {'−' if offset < 0 else '+'} {abs(offset):g}" if offset else ""


def cell_words(grid):
    """Side of a pixel with its unit."""
    width, height = (abs(side) for side in grid.cell_size)
    unit = "°" if grid.crs.is_geographic else " m"
    return f"{theme.number(width, 4)} × {theme.number(height, 4)}{unit}"


def role_words(role):
    """A role with the name people know; empty means that it is recognised."""
    return f"{role}, {band_words(role)}" if role else "(recognise)"


def band_words(role):
    """Name of a role that people know."""
    from soilcore.data.sensors import role_label

    return role_label(role)


def sensors():
    """Labels of the sensors by name."""
    from soilcore.core.tables import load_table

    return {name: row["label"] for name, row in load_table("sensors")["sensors"].items()}
