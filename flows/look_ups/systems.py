"""The systems that can be asked: over HTTP, or a database; what they say is bounded and read field by field."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import quote

import httpx2
import msgspec
import sqlalchemy as sql
from sqlalchemy import event, exc

from flows.errors import Finding, SettingsWrong
from flows.look_up_files import AskedSystem
from flows.schema import Value

MAX_BYTES = 1 << 20
MAX_TEXT = 1_024
_MOST_NUMBER = 1 << 63
_THREADS = 4


class NotLearnt(Exception):
    """Why a question has no answer, in a few words."""


class Unwell(NotLearnt):
    """The system itself is to blame: whoever asks it next will hardly fare better."""


class System(Protocol):
    """One system."""

    async def ask(self, key: Value) -> Mapping[str, Value]:
        """What it says of a key, by the rules' names; raises NotLearnt, and may take for ever."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def system_of(declared: AskedSystem, environment: Mapping[str, str], folder: Path = Path()) -> System:
    """A system as it is declared; the file of a database is taken from `folder`.

    Raises SettingsWrong for a variable that the environment lacks, or that holds no header or no database's address.
    """
    if declared.http:
        return HttpSystem(
            declared, {n: _header(environment, v, declared) for n, v in declared.headers.items()}
        )
    url = _of(environment, declared.url_from, declared) if declared.url_from else declared.url
    return SqlSystem(declared, engine_of(declared, url, folder))


def _of(environment: Mapping[str, str], name: str, declared: AskedSystem) -> str:
    # Secrets in files often end with a line.
    found = environment.get(name, "").strip()
    if not found:
        message = f"the look-up {declared.name!r} needs the environment variable {name}, which is not set"
        raise SettingsWrong([Finding("look_ups.yaml", 0, 0, declared.name, message, f"Set {name}.")])
    return found


def _header(environment: Mapping[str, str], name: str, declared: AskedSystem) -> str:
    found = _of(environment, name, declared)
    if not (found.isascii() and found.isprintable()):
        message = f"the look-up {declared.name!r} sends {name} as a header, which takes printable ASCII alone"
        raise SettingsWrong([Finding("look_ups.yaml", 0, 0, declared.name, message, f"Mend {name}.")])
    return found


class HttpSystem:
    """GET of an address; only status 200 and JSON are an answer, and no redirect is followed."""

    def __init__(self, declared: AskedSystem, headers: Mapping[str, str]) -> None:
        self._declared = declared
        seconds = declared.timeout / 1000
        self._client = httpx2.AsyncClient(
            headers={"Accept": "application/json", **headers}, timeout=seconds, follow_redirects=False
        )

    async def ask(self, key: Value) -> Mapping[str, Value]:
        """What the JSON object says."""
        text = _text(key)
        if text in (".", ".."):
            # Escaped or not, these lead to another place.
            raise NotLearnt("there is nothing to ask about")
        address = self._declared.http.replace("{key}", quote(text, safe=""))
        try:
            async with self._client.stream("GET", address) as response:
                if response.status_code != HTTPStatus.OK:
                    blame = Unwell if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else NotLearnt
                    where = ", and no redirect is followed" if response.is_redirect else ""
                    raise blame(f"it said {response.status_code}{where}")
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise NotLearnt("its answer is too long")
        except httpx2.TimeoutException as error:
            raise Unwell("it did not answer in time") from error
        except httpx2.HTTPError as error:
            raise Unwell(f"it cannot be reached ({type(error).__name__})") from error
        except httpx2.InvalidURL as error:
            raise NotLearnt("its address is none") from error
        try:
            said = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NotLearnt("its answer is no JSON") from error
        return {name: _at(said, path) for name, path in self._declared.fields.items()}

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


class SqlSystem:
    """The first row of a question to a database, read in threads of its own and never written to."""

    def __init__(self, declared: AskedSystem, engine: sql.Engine) -> None:
        self._declared, self._engine = declared, engine
        self._question = sql.text(declared.sql)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"look-up-{declared.name}")

    async def ask(self, key: Value) -> Mapping[str, Value]:
        """What the row says; no row is no answer."""
        row = await asyncio.get_running_loop().run_in_executor(self._threads, self._row, key)
        return {name: _plain(row.get(column)) for name, column in self._declared.fields.items()}

    def _row(self, key: Value) -> Mapping[str, Any]:
        try:
            with self._engine.connect() as connection:
                found = connection.execute(self._question, {"key": key}).mappings().first()
                connection.rollback()
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
            raise Unwell(f"the database refused ({type(error).__name__})") from error
        except (exc.SQLAlchemyError, OverflowError) as error:
            raise NotLearnt(f"the database refused ({type(error).__name__})") from error
        if found is None:
            raise NotLearnt("it knows nothing of it")
        return dict(found)

    async def close(self) -> None:
        """Close its connections; a question that hangs is left to itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()


def engine_of(declared: AskedSystem, url: str, folder: Path) -> sql.Engine:
    """A database to read from, and to read from alone where it can be told so; raises SettingsWrong."""
    seconds = math.ceil(declared.timeout / 1000)
    options: dict[str, Any] = {"pool_size": _THREADS, "max_overflow": 0, "pool_pre_ping": True}
    try:
        made = sql.make_url(url)
        backend = made.get_backend_name()
        if backend == "sqlite":
            return sql.create_engine(_only_read(made, folder), hide_parameters=True, **options)
        if backend == "postgresql":
            options |= {"connect_args": {"connect_timeout": seconds}}
            options |= {"execution_options": {"postgresql_readonly": True}}
        engine = sql.create_engine(made, hide_parameters=True, **options)
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        message = (
            f"the look-up {declared.name!r} names no database that can be asked ({type(error).__name__})"
        )
        hint = "For example sqlite:///orders.db or postgresql+psycopg://user@host/name."
        raise SettingsWrong([Finding("look_ups.yaml", 0, 0, declared.name, message, hint)]) from None
    if backend == "postgresql":
        # Who asks gives up after the time-out, and the database is to give up, too.
        event.listen(engine, "begin", _Bounded(declared.timeout))
    return engine


class _Bounded:
    """Bounds each statement of a PostgreSQL transaction that begins to so many ms."""

    def __init__(self, timeout: int) -> None:
        self._statement = f"SET LOCAL statement_timeout = {timeout}"

    def __call__(self, connection: sql.Connection) -> None:
        connection.exec_driver_sql(self._statement)


def _only_read(made: sql.URL, folder: Path) -> sql.URL:
    """The URL of a SQLite file that is opened to be read, so that none is made where there is none."""
    if made.database in (None, "", ":memory:") or str(made.database).startswith("file:"):
        return made
    file = (folder / str(made.database)).resolve()
    return made.set(database=file.as_uri()).update_query_dict({"mode": "ro", "uri": "true"})


def _text(key: Value) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, float) and key.is_integer():
        return str(int(key))
    return str(key)


def _at(said: object, path: str) -> Value:
    """The plain value at a dotted path; None where there is none."""
    for part in path.split("."):
        if not isinstance(said, Mapping):
            return None
        said = cast("Mapping[str, object]", said).get(part)
    return _plain(said)


def _plain(value: object) -> Value:
    """A plain value that a message holds; raises NotLearnt."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise NotLearnt("its answer holds a text that is too long")
    if isinstance(value, int) and not -_MOST_NUMBER <= value < _MOST_NUMBER:
        raise NotLearnt("its answer holds a number that is too great")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict | list):
        return None
    # Databases have decimals, dates and more.
    number = getattr(value, "__float__", None)
    return float(number()) if number is not None else _plain(str(value))
