"""The connection to the database: the options of its URI, and those that are fixed."""

import re
import warnings
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import mongoengine
from pymongo import MongoClient, ReadPreference
from pymongo.errors import InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri

Client = MongoClient[dict[str, Any]]

STEP_SECONDS = 4.0
"""Limit of one step: shorter than the patience of clients, so that they learn of a dead database."""

FIXED: dict[str, Any] = {
    "tz_aware": True,
    "datetime_conversion": "DATETIME_CLAMP",  # another program may have stored a year beyond 9999
    "uuidRepresentation": "standard",
    # An acknowledged write survives the loss of a machine, and a read sees it: a secondary that lags behind would
    # accept sessions that have ended.
    "w": "majority",
    "journal": True,
    "read_preference": ReadPreference.PRIMARY,
    "retryReads": True,
    "timeoutMS": int(STEP_SECONDS * 1000),
    "connectTimeoutMS": int(STEP_SECONDS * 1000),  # the names of a mongodb+srv:// URI are looked up within this
    "maxPoolSize": 50,
}
"""Options of the client that the URI can't change."""

OVERRIDDEN = {
    "w": "w=majority",
    "j": "journal=true",
    "journal": "journal=true",
    "wtimeout": "a limit of 4 seconds",
    "wtimeoutms": "a limit of 4 seconds",
    "readpreference": "readPreference=primary",
    "readpreferencetags": "readPreference=primary",
    "maxstalenessseconds": "readPreference=primary",
    "retryreads": "retryReads=true",
    "timeoutms": "a limit of 4 seconds",
    "sockettimeoutms": "a limit of 4 seconds",
    "connecttimeoutms": "a limit of 4 seconds",
    "maxpoolsize": "maxPoolSize=50",
    "tz_aware": "tz_aware=true",
    "uuidrepresentation": "uuidRepresentation=standard",
}
"""Options of a URI that have no effect, in lower case, and what applies instead."""

DATABASE = "authsvc"
"""The database that is used if the URI names none, outside production."""

_SCHEMES = ("mongodb://", "mongodb+srv://")


@dataclass(frozen=True, slots=True)
class _Connector:
    """Makes the client for MongoEngine, which itself would ask DNS and apply the URI's `readPreference`."""

    uri: str

    def __call__(self, **options: Any) -> Client:
        name: dict[str, Any] = {} if "appname" in map(_name, _options(self.uri)) else {"appname": "authsvc"}
        uri = _without_overridden(self.uri)
        return MongoClient(uri, connect=False, driver=options.get("driver"), **name, **FIXED)


def connect(uri: str) -> None:
    """Let the models use the database of a URI; nothing is sent before the first request."""
    connector = _Connector(uri)
    options = {"db": database_of(uri) or DATABASE, "mongo_client_class": connector, "uuidRepresentation": "standard"}
    try:
        mongoengine.connect(**options)
    except mongoengine.ConnectionFailure:  # another application of this process has another database
        mongoengine.disconnect()
        mongoengine.connect(**options)


def database_of(uri: str) -> str | None:
    """Return the name of the database in a URI, None if it names none."""
    return unquote(uri.partition("://")[2].partition("/")[2].partition("?")[0]) or None


def overridden(uri: str) -> list[tuple[str, str]]:
    """Return the options of a URI that have no effect, as written there, each with what applies instead."""
    pairs = [(option, OVERRIDDEN.get(_name(option), "")) for option in _options(uri)]
    return [
        (option, value)
        for option, value in pairs
        if value and re.sub("^j=", "journal=", option.lower()) != value.lower()
    ]


def goes_to_one_member(uri: str) -> bool:
    """Tell whether a URI binds the client to one server, primary or not."""
    return "directconnection=true" in map(str.lower, _options(uri))


def complaint(uri: str) -> str | None:
    """Return why a URI can't be used, as a phrase after the setting's name; None if it can.

    No server is asked, not even for a name. No value is quoted: it may be a password.
    """
    if not uri.startswith(_SCHEMES):
        return "must be mongodb://… or mongodb+srv://…"
    place, _, rest = uri.partition("://")[2].partition("/")
    user = place.rpartition("@")[0]
    if "@" in rest or re.search("[@?#]|:.*:", user) is not None or ("?" in place and "@" in place):
        return "has a name or a password with one of : / ? # @ in it that is not percent-encoded"
    if not all(map(_is_host, place.rpartition("@")[2].split(","))):
        return "has no host, or a bad port"
    name = database_of(uri)
    if name is not None and re.fullmatch(r'[^/\\. "$*<>:|?\0]{1,63}', name) is None:
        return "has a database name that can't be one"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each option that the driver warns of is refused here, or has no effect
        faults = map(_option_fault, _options(uri))
        return next((fault for fault in faults if fault is not None), None) or _driver_says(uri)


def _is_host(text: str) -> bool:
    match = re.fullmatch(r"(?:[^:\[\]\s]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?", text, re.ASCII)
    return match is not None and (match[1] is None or 0 < int(match[1]) < 65536)


def _option_fault(option: str) -> str | None:
    """Return what is wrong with an option of a URI, `name=value`."""
    name = option.partition("=")[0]
    if name.lower().startswith("srv"):  # the driver checks it in the whole URI
        return None
    quote = name if re.fullmatch("[A-Za-z_]{1,40}", name, re.ASCII) else "one"
    try:
        parse_uri(f"mongodb://localhost/?{option}", validate=True, warn=False)
    except PyMongoError as error:
        unknown = "unknown option" in str(error).lower()
        return f"has an option that is not known: {quote}" if unknown else f"has an option with a bad value: {quote}"
    except (ValueError, TypeError, OSError):
        return f"has an option with a bad value: {quote}"
    return None


def _driver_says(uri: str) -> str | None:
    """Return why the driver would not use a URI: it is parsed, and nothing is sent."""
    try:
        _Connector(uri)().close()
    except InvalidURI:
        return "is not as a URI of MongoDB has to be: look at what is not percent-encoded"
    except OSError:
        return "names a file that can't be read"
    except (PyMongoError, ValueError, TypeError):
        return "has hosts or options that do not go together"
    return None


def _without_overridden(uri: str) -> str:
    """Return a URI without the options that are fixed here: some would contradict those."""
    options = [option for option in _options(uri) if _name(option) not in OVERRIDDEN]
    place = uri.partition("?")[0]
    return f"{place}?{'&'.join(options)}" if options else place


def _options(uri: str) -> list[str]:
    return [option for option in re.split("[&;]", uri.partition("?")[2]) if option]


def _name(option: str) -> str:
    return option.partition("=")[0].lower()
