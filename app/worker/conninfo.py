"""DATABASE_URL, which asyncpg reads, as libpq takes it."""

from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import ProgrammingError
from psycopg.pq import Conninfo

_OTHER_NAMES = {"database": "dbname", "ssl": "sslmode"}
_KNOWN = frozenset(option.keyword.decode() for option in Conninfo.get_defaults())


def libpq_url(dsn: str) -> str:
    """`dsn`, with the server settings among its parameters given in libpq's way.

    asyncpg takes any parameter that it does not know for a setting of the session (`SET`); libpq
    refuses it, but has `options`:
    https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNECT-OPTIONS
    Raises ValueError, which does not quote the URL, when libpq cannot read it.
    """
    parts = urlsplit(dsn)
    pairs = [(_OTHER_NAMES.get(name, name), value) for name, value in parse_qsl(parts.query)]
    known = {name: value for name, value in pairs if name in _KNOWN}
    session = [f"-c {name}={_escaped(value)}" for name, value in pairs if name not in _KNOWN]
    if session:
        known["options"] = " ".join(filter(None, [known.get("options"), *session]))
    url = urlunsplit(parts._replace(query=urlencode(known, quote_via=quote)))
    try:
        conninfo_to_dict(url)
    except ProgrammingError:
        raise ValueError("DATABASE_URL cannot be read by libpq") from None
    return url


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
