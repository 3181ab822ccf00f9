"""The systems that can be asked: over HTTP, or a database; what they say is bounded and read field by field."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import quote

import httpx2
import msgspec
import sqlalchemy as sql
from sqlalchemy.exc import SQLAlchemyError

from flows.errors import Finding, SettingsWrong
from flows.look_up_files import AskedSystem
from flows.schema import Value

MAX_BYTES = 1 << 20
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


def system_of(declared: AskedSystem, environment: Mapping[str, str]) -> System:
    """A system as it is declared; raises SettingsWrong for a variable that the environment lacks."""
    if declared.http:
        return HttpSystem(declared, {n: _of(environment, v, declared) for n, v in declared.headers.items()})
    return SqlSystem(
        declared, _of(environment, declared.url_from, declared) if declared.url_from else declared.url
    )


def _of(environment: Mapping[str, str], name: str, declared: AskedSystem) -> str:
    found = environment.get(name)
    if not found:
        message = f"the look-up {declared.name!r} needs the environment variable {name}, which is not set"
        raise SettingsWrong([Finding("look_ups.yaml", 0, 0, declared.name, message, f"Set {name}.")])
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
        address = self._declared.http.replace("{key}", quote(_text(key), safe=""))
        try:
            async with self._client.stream("GET", address) as response:
                if response.status_code != HTTPStatus.OK:
                    blame = Unwell if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else NotLearnt
                    raise blame(f"it said {response.status_code}")
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise NotLearnt("its answer is too long")
        except httpx2.TimeoutException as error:
            raise Unwell("it did not answer in time") from error
        except httpx2.HTTPError as error:
            raise Unwell(f"it cannot be reached ({type(error).__name__})") from error
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

    def __init__(self, declared: AskedSystem, url: str) -> None:
        self._declared = declared
        self._engine = sql.create_engine(url, pool_size=_THREADS, max_overflow=0, pool_pre_ping=True)
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
        except SQLAlchemyError as error:
            raise Unwell(f"the database refused ({type(error).__name__})") from error
        if found is None:
            raise NotLearnt("it knows nothing of it")
        return dict(found)

    async def close(self) -> None:
        """Close its connections; a question that hangs is left to itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()


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
    if value is None or isinstance(value, bool | int | float | str):
        return value
    # Databases have decimals, dates and more.
    number = getattr(value, "__float__", None)
    return float(number()) if number is not None else None if isinstance(value, dict | list) else str(value)
