"""Files that pages upload."""

import hashlib
import random
from pathlib import Path
from typing import Any

from tests.browser.people import Person

MIB = 2**20


def written(path: Path, size: int, seed: int = 0) -> Path:
    """A file of random bytes, the same for the same seed."""
    noise = random.Random(seed)
    with path.open("wb") as out:
        for start in range(0, size, MIB):
            out.write(noise.randbytes(min(MIB, size - start)))
    return path


def is_stored(person: Person, record: dict[str, Any], path: Path) -> bool:
    content = person.content(record["id"])
    return hashlib.sha256(content).digest() == hashlib.sha256(path.read_bytes()).digest()
