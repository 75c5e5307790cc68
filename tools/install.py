"""Install the project, with an extra, into a virtual environment: by uv in seconds, or else by pip.

    python tools/install.py ENVIRONMENT CONSTRAINTS EXTRA [OPTION …]

It needs only Python. uv does not read pip's configuration, so this program passes pip's options for indexes
and certificates on to it.
"""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - people with an older one should read this
    sys.exit("Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 …")

PASSED_ON = {
    "index-url": "UV_INDEX_URL",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
}
"""Options of pip, and the variables through which uv takes the same options."""

LIKE_PIP = {
    "UV_INDEX_STRATEGY": "unsafe-best-match",  # a pinned release may be in any of the indexes
    "UV_SYSTEM_CERTS": "true",
    "UV_NATIVE_TLS": "true",  # what older releases call it
}
"""Settings that make uv behave as pip does."""


def main(environment: Path, constraints: str, extra: str, *options: str) -> int:
    """Make the environment if it does not exist, install into it, and return the exit code."""
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    python = environment / "bin" / "python"
    if not (environment / "bin" / "pip").exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    what = ["--quiet", "--constraint", constraints, "--editable", f".[{extra}]", *options]
    uv = shutil.which("uv") or _uv_by_pip(python, constraints)
    if uv:
        command = [uv, "pip", "install", "--python", str(python), *what]
        if subprocess.call(command, env=LIKE_PIP | variables(pip_options(python)) | os.environ) == 0:
            return 0
    sys.stderr.write(
        "uv is not available or has failed: pip installs instead, which takes a minute or two.\n"
    )
    return subprocess.call([python, "-m", "pip", "install", *what])


def pip_options(python: Path) -> dict[str, str]:
    """Return the options that pip takes from its variables and files, by name."""
    command = [str(python), "-m", "pip", "config", "list"]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    options = {}
    for section in ("global.", "install.", ":env:."):  # each overrules those before it
        for line in lines:
            name, _, value = line.partition("=")
            if name.startswith(section):
                options[name.removeprefix(section)] = str(ast.literal_eval(value))
    return options


def variables(options: dict[str, str]) -> dict[str, str]:
    """Return the variables that pass pip's options on to uv."""
    return {
        PASSED_ON[name]: ("," if name == "find-links" else " ").join(value.split())
        for name, value in options.items()
        if name in PASSED_ON and value.strip()
    }


def _uv_by_pip(python: Path, constraints: str) -> str | None:
    command = [str(python), "-m", "pip", "install", "-qq", "--only-binary", "uv", "-c", constraints, "uv"]
    return str(python.with_name("uv")) if subprocess.call(command) == 0 else None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
