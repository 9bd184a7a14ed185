"""Handing results on: the address under which others look at the map, and how an archive makes every raster again."""

from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from pages.ui import routes
from pages.ui.session import current_work

_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


def panel(map_name):
    """The viewer's address, what it shows, and for whom it works."""
    if map_name is None:
        st.info("There is no map yet, so there is nothing to look at. Make one first.", icon=":material/map:")
        return
    address = viewer_address(current_work().project.id)
    st.markdown(
        "Under this address others see the map, read places by clicking, and take the files away. They cannot upload, train or change anything, "
        "and the page shows no other project."
    )
    st.code(address, language=None, wrap_lines=True)
    st.link_button("Open it", address, icon=":material/open_in_new:")
    if urlsplit(address).hostname in _THIS_MACHINE:
        st.caption(
            "This server listens on this machine only. For a workshop, start it with `python3 -m soilcore app --server.address 0.0.0.0` "
            "and give people the name of this machine instead of 127.0.0.1."
        )
    st.caption(
        "The address is not a lock: whoever reaches the server can open the whole app. For strangers, send the map page out of the archive "
        "instead: one file that needs no server."
    )


def viewer_address(identifier):
    """Address of the viewer of a project, as the browser that asks would write it.

    Parameters
    ----------
    identifier : str

    Returns
    -------
    str
        Whole where the browser's own address is known, else from the question mark on.
    """
    query = urlencode({"view": identifier})
    here = urlsplit(st.context.url or "")
    return urlunsplit((here.scheme, here.netloc, f"{routes.prefix()}/", query, "")) if here.netloc else f"?{query}"


def again(subject):
    """How the archive makes every raster again."""
    st.markdown(
        "The archive holds a run file that names every step, its settings and the hashes of its input files. Where soilcore is installed, in the unpacked folder:"
    )
    st.code(f"unzip {subject}.zip -d {subject}\ncd {subject}\npython -m soilcore run run.json", language="bash", wrap_lines=True)
    st.markdown(
        "The last line it prints says whether every raster came out the same, bit for bit, as it must with the library versions that `run.json` names; "
        "`sha256sum -c SHA256SUMS` asks the same of every file."
    )
