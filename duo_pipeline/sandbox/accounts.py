"""Emulate several Duo accounts, each with its own server, log and keys, and write the file of accounts."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from ruamel.yaml import YAML

from duo_pipeline.sandbox.admin_api import AdminApi
from duo_pipeline.sandbox.knobs import Knobs
from duo_pipeline.sandbox.log import GeneratedLog
from duo_pipeline.sandbox.serving import serve


class Accounts:
    """Emulated Duo accounts that run inside the context.

    Args:
        names: The names of the accounts.
        file: The path of the file of accounts to write.
        knobs: The initial behaviour of each account.

    Attributes:
        apis: The emulated API of each account, by name.
        urls: The URL of each API, by name.
    """

    def __init__(self, names: Iterable[str], file: Path, *, knobs: Knobs | None = None) -> None:
        self._file = file
        self._running = ExitStack()
        self.urls: dict[str, str] = {}
        self.apis = {
            name: AdminApi(
                f"DISANDBOX{number:011}",
                f"sandbox-skey-that-opens-nothing-{number:08}",
                log=GeneratedLog(name),
                knobs=knobs,
            )
            for number, name in enumerate(names)
        }

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self.urls = {name: starting.enter_context(serve(api)) for name, api in self.apis.items()}
            self._running = starting.pop_all()
        listed = [
            {
                "name": name,
                "host": url,
                "ikey_variable": _variable(name, "IKEY"),
                "skey_variable": _variable(name, "SKEY"),
            }
            for name, url in self.urls.items()
        ]
        if listed:
            YAML().dump({"accounts": listed}, self._file)
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings that point the pipeline to these accounts, never to a real file of accounts."""
        found = {"DUO_ACCOUNTS_FILE": str(self._file) if self.apis else ""}
        for name, api in self.apis.items():
            found[_variable(name, "IKEY")] = api.integration_key
            found[_variable(name, "SKEY")] = api.secret_key
        return found


def _variable(name: str, key: str) -> str:
    return f"DUO_{key}_{name.upper()}"
