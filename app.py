"""The server: ``streamlit run app.py``. One port for pages, map tiles, pixel values and the browser's packages."""

import logging
import threading
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

from pages.ui import messages, routes
from soilcore.project import jobs

HERE = Path(__file__).resolve().parent
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")


@asynccontextmanager
async def lifespan(_app):
    """Announce the routes, warm slow imports, and end the running jobs when the server ends."""
    routes.are_served = True
    threading.Thread(target=routes.warm_up, daemon=True).start()
    yield
    routes.are_served = False
    jobs.stop_all()


# Streamlit finds the app by reading this line, so it stays a literal call
app = st.App(HERE / "pages" / "frame.py", routes=routes.routes(), lifespan=lifespan, on_script_error=messages.unexpected)

if __name__ == "__main__":
    app.run()
