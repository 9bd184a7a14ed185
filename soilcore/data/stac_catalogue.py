"""Talking to a STAC API: only over http(s), with patience for a busy server, and with every failure in one sentence."""

import json
import re
import warnings
from contextlib import contextmanager
from urllib.parse import urlsplit

from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from urllib3.util.retry import Retry

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.tables import load_table

CONNECT_S, ANSWER_S = 10, 60
BUSY = (429, 500, 502, 503, 504)
_TRIES = 5
_LARGEST_ANSWER = 256 << 20  # bytes; a page of 100 scenes is below 5 MB


class CheckedIO(StacApiIO):
    """The client's own way of asking, but for http(s) addresses only: a link of a hostile catalogue may not name a local file."""

    def __init__(self, wait_s=1.0):
        patience = Retry(
            total=_TRIES - 1,
            backoff_factor=wait_s,
            status_forcelist=BUSY,
            allowed_methods=None,
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        super().__init__(timeout=(CONNECT_S, ANSWER_S), max_retries=patience)

    def read_text(self, source, *args, **kwargs):
        """As the client does it, after a look at the address."""
        address = source.get_absolute_href() or source.href if hasattr(source, "get_absolute_href") else str(source)
        if urlsplit(str(address)).scheme not in ("http", "https"):
            raise APIError(f"a link of the catalogue leads to {str(address)[:60]!r}, which is no http(s) address")
        text = super().read_text(source, *args, **kwargs)
        if len(text) > _LARGEST_ANSWER:
            raise APIError(f"an answer of {len(text) / 2**20:.0f} MiB is more than a list of scenes can be")
        return text


def catalogue_address(url):
    """Address of a catalogue: that of a preset, or the one given.

    Returns
    -------
    address : str
    preset : str or None

    Raises
    ------
    SettingsError
        If it is neither a preset nor an http(s) address.
    """
    presets = load_table("stac")["presets"]
    if url in presets:
        return presets[url]["url"], url
    parts = urlsplit(url.strip()) if isinstance(url, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or re.search(r"\s", url.strip()):
        raise SettingsError(f"{url!r} is no catalogue. Give {', '.join(presets)}, or the http(s) address of a STAC API.")
    address = url.strip().rstrip("/")
    preset = next((name for name, row in presets.items() if row["url"].rstrip("/") == address), None)
    return address, preset


@contextmanager
def in_words(address):
    """Turn what goes wrong while talking to a catalogue into one sentence each."""
    from pystac.errors import STACError, STACTypeError
    from pystac_client.errors import ClientTypeError
    from requests.exceptions import RequestException

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the client warns of conformance classes that are looked up here
            yield
    except APIError as error:
        raise SceneError(_of_api(error, address)) from None
    except RequestException as error:
        raise SceneError(_of_network(str(error), address)) from None
    except (
        ClientTypeError,
        STACError,
        STACTypeError,
        NotImplementedError,
        json.JSONDecodeError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise SceneError(_not_an_api(address, error)) from None


def opened_catalogue(address, wait_s=1.0):
    """The client of a STAC API that can search.

    Parameters
    ----------
    address : str
    wait_s : float
        Wait before the second try of a request that a busy server refused; doubled for every further one.
    """
    client = Client.open(address, stac_io=CheckedIO(wait_s))
    if not any(link.rel == "search" for link in client.links):
        raise SceneError(
            f"{address} is a list of files, not a STAC API that can be searched (it offers no search). Give the address of an API, "
            f"for example {load_table('stac')['presets']['earth-search']['url']}."
        )
    return client


def _of_api(error, address):
    status = getattr(error, "status_code", None)
    text = " ".join(str(error).split())
    if status in (401, 403):
        return f"{address} refuses access ({status}). It needs an account or a key; check it, or choose a catalogue that is open."
    if status == 404:
        return f"{address} has nothing there (404). Check the address: it must be that of the STAC API itself."
    if status == 400:
        return f"{address} does not accept the search ({text[:160] or 400}). Check the collection, the dates and the area."
    if status in BUSY:
        return f"{address} is busy or broken at the moment (it answered {status}, {_TRIES} times). Try again later."
    if status is not None:
        return f"{address} answered {status}, which is no answer of a STAC API. Check the address."
    return _of_network(text, address)


def _of_network(text, address):
    host = urlsplit(address).hostname
    if "resolve" in text or "getaddrinfo" in text or "Name or service" in text or "NameResolution" in text:
        return f"The name {host} cannot be found on the network. Check the spelling of the address and the connection to the internet."
    if "refused" in text:
        return f"Nothing answers at {address} (connection refused). Check the address and its port."
    if "timed out" in text or "timeout" in text.lower():
        return f"{address} does not answer within {ANSWER_S} s. Try again later, or with a smaller area or fewer dates."
    if "certificate" in text.lower() or "SSL" in text:
        return f"The secure connection to {host} cannot be made ({text[-120:]}). Check the date of this machine and its certificates."
    if "Expecting value" in text or "no http(s) address" in text or "more than a list" in text:
        return f"{address} does not answer as a STAC API does ({text[:160]})."
    return f"{address} cannot be reached ({text[-160:]}). Check the address and the connection to the internet."


def _not_an_api(address, error):
    detail = " ".join(str(error).split())[:120]
    return (
        f"{address} does not answer as a STAC API does{f' ({detail})' if detail else ''}. Check the address: it ends with the version, as in .../v1."
    )
