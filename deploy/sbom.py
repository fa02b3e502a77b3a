"""Writes bills of materials from the locks: `python deploy/sbom.py FOLDER`, or `make sbom`.

Each is a CycloneDX document of what `requirements/` locks for one purpose: name, version, package
URL, the sha256 of every file that an installation may take, which package needs it, and the licence
that the package declares where that version is installed here. The same locks in the same
environment give the same bytes; the time is that of `SOURCE_DATE_EPOCH`, if it is set.

Limits: the native libraries inside a wheel (libsndfile in that of soundfile) and the packages of
the base image are in no lock; a scanner of the image finds those.
"""

import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from importlib import metadata
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
# The documents, and the locks that are installed for each.
DOCUMENTS: Mapping[str, tuple[str, ...]] = {
    "thalamus-cpu": ("serve.txt",),
    "thalamus-gpu": ("serve.txt", "cuda.txt"),
    "thalamus-training": ("training.txt", "torch-cuda.txt", "torch-cpu.txt"),
}
MARKER = "thalamus:marker"  # the property that says where a package is installed (PEP 508)
_ENTRY = re.compile(r"([a-z0-9._-]+)==([^\s;\\]+)(?: ; ([^\\\n]+?))?(?: \\\n\s*| )(?=--hash)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})(?![0-9a-f])")
_NEEDED_BY = re.compile(r"# +(?:via +)?([a-z0-9._-]+)(?: \(pyproject\.toml(:\w+)?\))?$", re.M)
_BUILD = (":build",)  # what only building the project needs, which the images remove again
_LICENCE = re.compile(r"License :: (?:OSI Approved :: )?(.+)")
_LONGEST = 100  # characters of a licence's name; some packages put its whole text there


@dataclass(frozen=True)
class Locked:
    """One package of a lock: the sha256 of its files, and the names of what needs it.

    groups: where the project itself needs it: empty for the service, `:build` and the like.
    """

    name: str
    version: str
    marker: str
    hashes: frozenset[str]
    needed_by: frozenset[str]
    groups: frozenset[str]

    @property
    def purl(self) -> PackageURL:
        """The package URL."""
        return PackageURL("pypi", name=self.name, version=self.version)

    @property
    def is_for_building(self) -> bool:
        """Whether nothing needs it at run time."""
        return self.groups == set(_BUILD) and not self.needed_by


def read_lock(text: str) -> Iterator[Locked]:
    """Yield the packages of a lock; raise `ValueError` for what is not one with its hashes."""
    for block in re.split(r"^(?=[^\s#])", text, flags=re.M):
        if not re.search(r"^[^\s#]", block, re.M):
            continue  # comments at the top
        entry = _ENTRY.match(block)
        if entry is None or not (hashes := frozenset(_HASH.findall(block))):
            raise ValueError(f"no locked package: {block.splitlines()[0]}")
        parents = _NEEDED_BY.findall(block)
        yield Locked(
            entry[1],
            entry[2],
            entry[3] or "",
            hashes,
            frozenset(name for name, _ in parents if name != "thalamus"),
            frozenset(group for name, group in parents if name == "thalamus"),
        )


def merged(packages: Iterable[Locked]) -> list[Locked]:
    """Return the packages of several locks, each once, with all of its hashes."""
    found: dict[tuple[str, str], Locked] = {}
    for each in packages:
        key = (each.name, each.version)
        before = found.get(key, each)
        found[key] = Locked(
            each.name,
            each.version,
            before.marker and each.marker,
            before.hashes | each.hashes,
            before.needed_by | each.needed_by,
            before.groups | each.groups,
        )
    return [found[key] for key in sorted(found)]


def document(name: str) -> str:
    """Return the document of this name as JSON; raise `ValueError` if it would not be valid."""
    locks = [(LOCKS / lock).read_text() for lock in DOCUMENTS[name]]
    packages = merged(package for lock in locks for package in read_lock(lock))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    main = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        description=project["description"],
        bom_ref=project["name"],
        licenses=[LicenseFactory().make_with_id(project["license"])],
    )
    components = {package: _component(package) for package in packages}
    bom = Bom(components=components.values(), metadata=BomMetaData(component=main))
    _add_dependencies(bom, main, components)
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    bom.metadata.timestamp = datetime.fromtimestamp(int(epoch), UTC) if epoch else None
    bom.serial_number = uuid5(NAMESPACE_OID, "\n".join([name, project["version"], *locks]))
    text = JsonV1Dot6(bom).output_as_string(indent=2) + "\n"
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"{name}: not valid CycloneDX: {error}")
    return text


def _component(package: Locked) -> Component:
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(package.purl.to_string()),
        comment="the files that may be installed, by their sha256",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in package.hashes],
    )
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=package.purl,
        bom_ref=package.purl.to_string(),
        scope=ComponentScope.EXCLUDED if package.is_for_building else ComponentScope.REQUIRED,
        licenses=_licences(package),
        external_references=[files],
        properties=[Property(name=MARKER, value=package.marker)] if package.marker else [],
    )


def _add_dependencies(bom: Bom, main: Component, components: Mapping[Locked, Component]) -> None:
    bom.register_dependency(main, [c for p, c in components.items() if p.groups])
    for parent, component in components.items():
        needed = [c for p, c in components.items() if parent.name in p.needed_by]
        bom.register_dependency(component, needed)


def _licences(package: Locked) -> list[License]:
    """Return what the package declares, if this version is installed here."""
    try:
        about = metadata.metadata(package.name)
    except metadata.PackageNotFoundError:
        return []
    if about["Version"].partition("+")[0] != package.version:  # a build of one's own has the same
        return []
    made = LicenseFactory()
    declared = LicenseAcknowledgement.DECLARED
    return [made.make_from_string(text, license_acknowledgement=declared) for text in _texts(about)]


def _texts(about: Message) -> list[str]:
    """Return the licence by the metadata's field for it, or else by its classifiers."""
    for field in ("License-Expression", "License"):
        text = about.get(field, "").strip()
        if text and text != "UNKNOWN" and "\n" not in text and len(text) <= _LONGEST:
            return [text]
    found = map(_LICENCE.fullmatch, about.get_all("Classifier", []))
    return sorted({match[1] for match in found if match})


def main(folder: str) -> None:
    """Write every document to `folder`, and print the paths."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in DOCUMENTS:
        path = Path(folder) / f"{name}.cdx.json"
        path.write_text(document(name))
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
