"""`python -m tests.support.run_engines DATA_DIR`: run both engines until we are killed.

Prints one line of JSON with their addresses, once they are ready.
"""

import json
import signal
import sys
from pathlib import Path

from app.infrastructure.embedded.stack import running_engines
from app.settings import Settings


def main(data_dir: str) -> None:
    with running_engines(Settings(_env_file=None, data_dir=Path(data_dir))) as settings:
        assert settings.database_url is not None
        found = [settings.database_url.get_secret_value(), settings.s3_endpoint_url]
        sys.stdout.write(f"{json.dumps(found)}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1])
