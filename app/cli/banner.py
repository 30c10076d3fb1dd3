"""What a developer sees once the service answers: where it is, and how to try it."""

import http.client
import time
from shlex import quote

from app.cli.errors import CommandError
from app.cli.token import issue_token
from app.infrastructure.development import SUBJECT, TOKEN_LIFETIME
from app.settings import Settings

_POLL_INTERVAL = 0.05

_DECLARE = (
    "import json,mimetypes,os,sys; f=sys.argv[1]; "
    'print(json.dumps({"filename": os.path.basename(f), "file_size": os.path.getsize(f), '
    '"type": mimetypes.guess_type(f)[0] or "application/octet-stream"}))'
)
# A curl configuration file (curl(1), --config) quotes strings as JSON does.
_INSTRUCT = (
    'import json,sys; r=json.load(sys.stdin); print("url =", json.dumps(r["url"])); '
    '[print("header =", json.dumps(k+": "+v)) for k,v in r["headers"].items()]'
)
_MARK = (
    'import json,sys; print(json.dumps({"id": json.load(sys.stdin)["id"], "status": sys.argv[1]}))'
)


def announce(settings: Settings, url: str) -> None:
    """Wait until the service answers, then print how to reach and to try it."""
    wait_until_it_answers(url)
    print(banner(settings, url), flush=True)


def wait_until_it_answers(url: str) -> None:
    while not _answers(url):
        time.sleep(_POLL_INTERVAL)


def banner(settings: Settings, url: str) -> str:
    """The address, and if this service can sign one a token and a line that uploads with it."""
    lines = [f"Slipway serves on {url}", f"Console: {url}/console", f"Manual: {url}/docs"]
    try:
        token = issue_token(settings, SUBJECT, expires_in=TOKEN_LIFETIME)
    except CommandError as error:
        lines.append(f"Token: {error}")
    else:
        lines += [
            f"Token: {token}",
            "Upload README.md, or another file after F=path, with this line:",
            upload_line(url, token),
        ]
    return "\n\n".join(["", *lines, "Ctrl-C stops everything.", ""])


def upload_line(url: str, token: str) -> str:
    """One line for sh, with curl and python3: declare, upload, report twice, print the record.

    The file is `$F`, or README.md.
    """
    call = "curl -sS --fail-with-body"
    return (
        f'( F="${{F:-README.md}}"; A={quote(url)}; '
        f'api() {{ {call} -H "Authorization: Bearer {token}" '
        f"-H 'Content-Type: application/json' --data-binary @- \"$@\"; }}; "
        f"""R=$(python3 -c '{_DECLARE}' "$F" | api "$A/presigned-url") && """
        f"""printf %s "$R" | python3 -c '{_INSTRUCT}' | {call} --globoff -T "$F" -K - && """
        f"for S in uploaded completed; do "
        f"""R=$(printf %s "$R" | python3 -c '{_MARK}' "$S" | api -X PUT "$A/file-status") """
        f"""|| break; done; printf '%s\\n' "$R" )"""
    )


def _answers(url: str) -> bool:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
