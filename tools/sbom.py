"""Print what an image is made of, as a CycloneDX document: its Python packages and its Debian packages.

    python sbom.py FOLDER …

Each folder is one that holds Python packages, such as a virtual environment.
"""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

DEBIAN = ("dpkg-query", "--show", "--showformat=${Package}\t${Version}\t${Architecture}\n")


def main(*folders: str) -> str:
    """Return the document."""
    components = [*python_packages(*folders), *debian_packages()]
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}
    return json.dumps(document, indent=1)


def python_packages(*folders: str) -> list[dict[str, str]]:
    """Return a component for each Python package below the folders."""
    paths = [str(path) for folder in folders for path in Path(folder).glob("lib/python*/site-packages")]
    found = {(one.name.lower().replace("_", "-"), one.version) for one in distributions(path=paths)}
    return [component(name, version, f"pkg:pypi/{name}@{version}") for name, version in sorted(found)]


def debian_packages() -> list[dict[str, str]]:
    """Return a component for each Debian package of this system."""
    lines = subprocess.run(DEBIAN, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return [
        component(name, version, f"pkg:deb/debian/{name}@{version}?arch={architecture}")
        for name, version, architecture in (line.split("\t") for line in lines)
    ]


def component(name: str, version: str, purl: str) -> dict[str, str]:
    """Return a component: a package by its name, its version and its package URL."""
    return {"type": "library", "name": name, "version": version, "purl": purl}


if __name__ == "__main__":
    sys.stdout.write(main(*sys.argv[1:]))
