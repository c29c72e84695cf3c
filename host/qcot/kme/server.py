"""The key server: ETSI GS QKD 014 over HTTPS with certificates on both sides, for the link of a :class:`Kme`.

Who asks is the common name of its certificate, never a word of its request.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from aiohttp import web

from qcot.errors import QcotError
from qcot.kme import api
from qcot.kme.delivery import Kme
from qcot.kme.problems import BAD_REQUEST, NO_SAE, NOT_STARTED, OUT_OF_ORDER, TOO_FAST
from qcot.kme.tls import TlsFiles
from qcot.rates import Bucket, Rate

MAX_BODY = 16 << 10
"""Bytes of one request."""
BODY_S = 10.0
"""How long a request may take to arrive."""
HANDSHAKE_S = 5.0
"""How long a connection may take to show a certificate; one that asks nothing then ends after IDLE_S."""
IDLE_S = 15.0
SAE_RATE = Rate(per_s=20, burst=100)
"""Requests of one SAE."""
MAX_SAES = 4096
_log = logging.getLogger(__name__)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class KmeServer:
    """Serves ``kme`` on a thread of its own. ``port`` 0 takes a free one; ``rate`` bounds each SAE."""

    def __init__(
        self, kme: Kme, files: TlsFiles, *, host: str = "127.0.0.1", port: int = 0, rate: Rate = SAE_RATE
    ) -> None:
        self.host, self.port = host, port
        self._kme = kme
        self._context = files.server_context()
        self._rate = rate
        self._buckets: dict[str, Bucket] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """What clients are told."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"

    def start(self) -> None:
        """Listen; raises `kme-not-started`."""
        started: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="kme", daemon=True)
        self._thread.start()
        try:
            self.port = started.result()
        except OSError as error:
            raise QcotError(NOT_STARTED, f"{self.host}:{self.port}: {error.strerror or error}") from error

    def stop(self) -> None:
        """Answer what was asked, and end."""
        if self._loop and self._ended:
            self._loop.call_soon_threadsafe(self._ended.set)
        if self._thread:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> KmeServer:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _serve(self, started: Future[int]) -> None:
        application = web.Application(client_max_size=MAX_BODY, middlewares=[_answered])
        application.router.add_get(api.ROOT + "/{sae}/status", self._status)
        application.router.add_get(api.ROOT + "/{sae}/enc_keys", self._enc_keys)
        application.router.add_post(api.ROOT + "/{sae}/enc_keys", self._enc_keys)
        application.router.add_get(api.ROOT + "/{sae}/dec_keys", self._dec_keys)
        application.router.add_post(api.ROOT + "/{sae}/dec_keys", self._dec_keys)
        runner = web.AppRunner(application, access_log=None, keepalive_timeout=IDLE_S, shutdown_timeout=2)
        await runner.setup()
        assert runner.server is not None
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            listening = await self._loop.create_server(
                runner.server, self.host, self.port, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S, backlog=64
            )
        except OSError as error:
            await runner.cleanup()
            started.set_exception(error)
            return
        started.set_result(listening.sockets[0].getsockname()[1])
        await self._ended.wait()
        listening.close()
        await runner.cleanup()

    async def _status(self, request: web.Request) -> web.StreamResponse:
        caller, other = self._parties(request)
        return _json(200, await asyncio.to_thread(self._kme.status, caller, other))

    async def _enc_keys(self, request: web.Request) -> web.StreamResponse:
        caller, other = self._parties(request)
        wanted = (
            api.parse_key_query(request.query.items())
            if request.method == "GET"
            else api.parse_key_request(await _body(request))
        )
        keys = await asyncio.to_thread(self._kme.issue, caller, other, wanted)
        _log.info("%s for %s: %d keys of %d bits", caller, other, wanted.number, wanted.bits)
        return _json(200, api.keys_body(keys))

    async def _dec_keys(self, request: web.Request) -> web.StreamResponse:
        caller, other = self._parties(request)
        ids = (
            api.parse_key_id_query(request.query.items())
            if request.method == "GET"
            else api.parse_key_ids(await _body(request))
        )
        keys = await asyncio.to_thread(self._kme.collect, other, caller, ids)
        return _json(200, api.keys_body(keys))

    def _parties(self, request: web.Request) -> tuple[str, str]:
        """Who asks, and whom its path names; counted against the limit of who asks."""
        caller = common_name(request.transport.get_extra_info("peercert") if request.transport else None)
        now = time.monotonic()
        bucket = self._buckets.pop(caller, None) or Bucket(self._rate, now)
        self._buckets[caller] = bucket  # at the end: the first is the one that was not used for longest
        if len(self._buckets) > MAX_SAES:
            del self._buckets[next(iter(self._buckets))]
        if not bucket.has(1, now):
            raise QcotError(TOO_FAST, f"{caller} asks more than {self._rate.per_s:g} times a second")
        bucket.take(1)
        return caller, api.require_sae(request.match_info["sae"])


def common_name(certificate: Mapping[str, Any] | None) -> str:
    """The SAE that a verified certificate (as `ssl` describes one) is for; raises `kme-no-sae`."""
    subject = (certificate or {}).get("subject", ())
    names = [value for group in subject for kind, value in group if kind == "commonName"]
    if len(names) != 1:
        raise QcotError(NO_SAE, f"the certificate has {len(names)} common names")
    return api.require_sae(names[0], NO_SAE)


@web.middleware
async def _answered(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Every refusal as the standard's error object; a bug says nothing of itself."""
    try:
        return await handler(request)
    except QcotError as error:
        if error.problem not in api.STATUS:
            _log.error("%s", error)
        status, body = api.error_body(error)
        return _json(status, body)
    except web.HTTPRequestEntityTooLarge:
        status, body = api.error_body(QcotError(BAD_REQUEST, f"more than {MAX_BODY} bytes"))
        return _json(status, body)
    except web.HTTPException as error:  # no such path or method
        return _json(error.status, api.error_body(QcotError(BAD_REQUEST, error.reason))[1])
    except Exception:
        _log.exception("a request failed")
        return _json(*api.error_body(QcotError(OUT_OF_ORDER, "internal error")))


async def _body(request: web.Request) -> Any:
    try:
        async with asyncio.timeout(BODY_S):
            raw = await request.read()
    except TimeoutError as error:
        raise QcotError(BAD_REQUEST, f"the request took more than {BODY_S:g} s") from error
    return api.load_json(raw, BAD_REQUEST)


def _json(status: int, body: Mapping[str, Any]) -> web.Response:
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})
