"""MQTT as QCoT uses it: topics, and one link to a broker that reconnects by itself.

Correctness never leans on the broker: sessions are clean, so a broker keeps nothing for a client that is away, and
whoever publishes keeps what it sent until the other side's signed answer. MQTT 3.1.1 at QoS 1, because that is what
every broker and board library speaks.
"""

from __future__ import annotations

import logging
import re
import ssl
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from qcot.errors import Problem, QcotError

MAX_PAYLOAD = 1 << 20
"""Bytes in one message, either way (docs/evidence.md: no input over 1 MiB)."""

QUEUE_FULL = Problem("mqtt-queue-full", "Wait until the broker answers again; what was refused is sent again later.")
PAYLOAD_TOO_LARGE = Problem("mqtt-payload-too-large", "Send at most 1 MiB in one message.")
BAD_LEVEL = Problem("mqtt-bad-level", "Use 1 to 64 characters of a-z A-Z 0-9 _ - for a site or a bridge.")
BAD_TOPIC = Problem("mqtt-bad-topic", "Use the topics qcot/v1/<site>/<bridge>/tx, receipt and status.")
TLS_FILES = Problem("mqtt-tls-files", "Make the files with broker/make-certificates.sh and name all three.")
KEY_MODE = Problem("mqtt-key-mode", "Run chmod 600 on the key file: nobody but its owner may read it.")

Ack = Callable[[], None]
Handler = Callable[[str, bytes, Ack], None]
"""Gets topic, payload and an ack to call once the message is taken care of; on the link's thread, so never block."""

_LEVEL = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_ROOT = "qcot/v1"
_LEAVES = ("tx", "receipt", "status")
_log = logging.getLogger(__name__)


def level(text: str) -> str:
    """Return ``text`` if it may stand as one topic level (a site or bridge name), else raise ``mqtt-bad-level``."""
    if not _LEVEL.match(text):
        raise QcotError(BAD_LEVEL, f"{text!r} cannot be a topic level")
    return text


def tx_topic(site: str, bridge: str) -> str:
    """Transactions of one bridge."""
    return f"{_ROOT}/{level(site)}/{level(bridge)}/tx"


def receipt_topic(site: str, bridge: str) -> str:
    """The gateway's receipts for one bridge."""
    return f"{_ROOT}/{level(site)}/{level(bridge)}/receipt"


def status_topic(site: str, bridge: str) -> str:
    """One bridge's status: retained, and its last will."""
    return f"{_ROOT}/{level(site)}/{level(bridge)}/status"


def checkpoint_topic(site: str) -> str:
    """The newest checkpoint of the site's log, retained."""
    return f"{_ROOT}/{level(site)}/ledger/checkpoint"


def channel_topic(site: str, gateway: str) -> str:
    """A gateway's offer to open a channel to it, retained."""
    return f"{_ROOT}/{level(site)}/{level(gateway)}/channel"


def board_topic(site: str, bridge: str, board: str, leaf: str) -> str:
    """One board's frames to its bridge (``up``) or from it (``down``), or whether it is there (``state``, retained)."""
    return f"{_ROOT}/{level(site)}/{level(bridge)}/boards/{level(board)}/{leaf}"


def all_boards(site: str, bridge: str, leaf: str) -> str:
    """A subscription to ``leaf`` (up, state) of every board of a bridge."""
    return f"{_ROOT}/{level(site)}/{level(bridge)}/boards/+/{leaf}"


def all_bridges(site: str, leaf: str) -> str:
    """A subscription to ``leaf`` (tx, receipt, status) of every bridge of a site."""
    return f"{_ROOT}/{level(site)}/+/{leaf}"


def parse_topic(topic: str) -> tuple[str, str, str]:
    """Split a bridge's topic into site, bridge and leaf; raises ``mqtt-bad-topic``."""
    parts = topic.split("/")
    if len(parts) != 5 or "/".join(parts[:2]) != _ROOT or parts[4] not in _LEAVES:
        raise QcotError(BAD_TOPIC, f"{topic[:200]!r} is not a bridge's topic")
    return level(parts[2]), level(parts[3]), parts[4]


@dataclass(frozen=True)
class TlsFiles:
    """PEM files of one client: the broker's authority, this client's certificate chain and its private key."""

    ca: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Build a TLS 1.3 client context; raises ``mqtt-tls-files`` or ``mqtt-key-mode``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        try:
            if self.key.stat().st_mode & 0o077:
                raise QcotError(KEY_MODE, f"others can read {self.key}")
            context.load_verify_locations(self.ca)
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # ssl.SSLError is one too
            raise QcotError(TLS_FILES, f"{self.ca}, {self.certificate}, {self.key}: {error}") from error
        return context


@dataclass(frozen=True, slots=True)
class _Outgoing:
    topic: str
    payload: bytes
    retain: bool


class MqttLink:
    """One client of a broker, from any thread.

    ``connected`` is true, and ``on_connect`` called, once every subscription is confirmed; so whoever publishes from
    there on cannot miss the answer. ``on_disconnect`` gets the reason as text. Messages published while the broker is
    away wait in memory, ``max_queued`` of them and ``max_queued_bytes`` at most. What one thread publishes is sent in
    that order; after a reconnect what was not acknowledged is sent again, before anything newer.
    """

    def __init__(
        self,
        host: str,
        port: int,
        client_id: str,
        *,
        tls: TlsFiles | None = None,
        username: str | None = None,
        password: str | None = None,
        will: tuple[str, bytes] | None = None,
        max_queued: int = 1000,
        max_queued_bytes: int = 64 << 20,
        back_off_s: tuple[float, float] = (0.5, 10.0),
    ) -> None:
        self.on_connect: Callable[[], None] | None = None
        self.on_disconnect: Callable[[str], None] | None = None
        self.last_error: str | None = None
        self._address = (host, port)
        self._limits = (max_queued, max_queued_bytes)
        self._handlers: dict[str, Handler] = {}
        self._changed = threading.Condition()
        self._is_up = False  # the broker has accepted us and has had all of the backlog
        self._backlog: deque[_Outgoing] = deque()
        self._waiting: dict[int, int] = {}  # mid -> bytes
        self._early: set[int] = set()  # mids acknowledged before publish() returned
        self._queued = (0, 0)
        self._generation = 0
        self._subscribing: int | None = None
        self._ready = False
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, clean_session=True, protocol=paho.MQTTv311, manual_ack=True
        )
        client.reconnect_delay_set(*back_off_s)  # type: ignore[arg-type]  # annotated int, used as a float
        client.max_inflight_messages_set(200)
        if tls is not None:
            client.tls_set_context(tls.context())
        if username is not None:
            client.username_pw_set(username, password)
        if will is not None:
            client.will_set(will[0], will[1], qos=1, retain=True)
        client.on_connect = self._connected
        client.on_connect_fail = self._connect_failed
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_publish = self._published
        self._client = client

    @property
    def connected(self) -> bool:
        """Whether the broker answers and every subscription stands."""
        return self._ready

    @property
    def queued(self) -> int:
        """Messages that the broker has not acknowledged yet."""
        return self._queued[0]

    def start(self) -> None:
        """Connect in the background, and again with back-off whenever the connection goes."""
        self._client.connect_async(*self._address, keepalive=15)
        self._client.loop_start()

    def stop(self, flush_s: float = 2.0) -> None:
        """Give waiting messages ``flush_s`` to go out, then disconnect (so the will is not sent)."""
        with self._changed:
            self._changed.wait_for(lambda: self._queued[0] == 0, flush_s)
        self._client.disconnect()
        self._client.loop_stop()
        self._ready = False

    def wait_connected(self, timeout_s: float) -> bool:
        """Block until ``connected``, at most ``timeout_s``; returns ``connected``."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ready, timeout_s)

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Queue one message at QoS 1 and return at once; raises ``mqtt-queue-full`` or ``mqtt-payload-too-large``."""
        size = len(payload)
        if not topic or set("+#") & set(topic):
            raise QcotError(BAD_TOPIC, f"{topic[:200]!r} cannot be published on")
        if size > MAX_PAYLOAD:
            raise QcotError(PAYLOAD_TOO_LARGE, f"{size} bytes for {topic}")
        with self._changed:
            count, total = self._queued
            if count >= self._limits[0] or total + size > self._limits[1]:
                raise QcotError(QUEUE_FULL, f"{count} messages of {total} bytes wait for {self._where()}")
            self._queued = (count + 1, total + size)
            outgoing = _Outgoing(topic, payload, retain)
            if not self._is_up:
                self._backlog.append(outgoing)
                return
        self._send(outgoing)

    def subscribe(self, topic: str, handler: Handler) -> None:
        """Send messages on ``topic`` (wildcards allowed) to ``handler``, now and after every reconnect."""
        with self._changed:
            self._handlers[topic] = handler
            if self._generation and self._client.is_connected():
                self._ready = False
                self._subscribing = self._client.subscribe(topic, qos=1)[1]

    def _send(self, outgoing: _Outgoing) -> None:
        # Not under our lock: the client calls _published holding its own.
        info = self._client.publish(outgoing.topic, outgoing.payload, qos=1, retain=outgoing.retain)
        with self._changed:
            if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:  # its 65,535 message ids are all taken
                self._release(len(outgoing.payload))
                raise QcotError(QUEUE_FULL, f"no message id is free for {self._where()}")
            if info.mid in self._early:
                self._early.discard(info.mid)
                self._release(len(outgoing.payload))
            else:
                self._waiting[info.mid] = len(outgoing.payload)

    def _send_backlog(self) -> None:
        """Send what waits, oldest first, and let newer messages pass only then."""
        # Left to itself the client would send new messages before those that it sends again.
        unacknowledged = self._client.drop_out_messages()
        with self._changed:
            self._waiting.clear()
            self._early.clear()
            self._backlog.extendleft(
                _Outgoing(each.topic, bytes(each.payload), each.retain) for each in reversed(unacknowledged)
            )
        while True:
            with self._changed:
                if not self._backlog:
                    self._is_up = True
                    return
                outgoing = self._backlog.popleft()
            self._send(outgoing)

    def _where(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    def _release(self, size: int) -> None:
        self._queued = (self._queued[0] - 1, self._queued[1] - size)
        self._changed.notify_all()

    def _published(
        self, _client: paho.Client, _data: object, mid: int, _reason: ReasonCode, _properties: Properties
    ) -> None:
        with self._changed:
            size = self._waiting.pop(mid, None)
            if size is None:
                self._early.add(mid)
            else:
                self._release(size)

    def _connected(
        self,
        client: paho.Client,
        _data: object,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self.last_error = f"{self._where()} refuses the connection: {reason}"
            _log.warning("%s", self.last_error)
            return
        with self._changed:
            self._generation += 1
            topics = [(topic, 1) for topic in self._handlers]
            self._subscribing = client.subscribe(topics)[1] if topics else None
        self._guarded(self._send_backlog)
        if not topics:
            self._stands()

    def _subscribed(
        self,
        _client: paho.Client,
        _data: object,
        mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self.last_error = f"{self._where()} refuses a subscription: {', '.join(refused)}"
            _log.error("%s", self.last_error)
        elif mid == self._subscribing:
            self._stands()

    def _stands(self) -> None:
        with self._changed:
            self._ready = True
            self.last_error = None
            self._changed.notify_all()
        self._guarded(self.on_connect)

    def _connect_failed(self, _client: paho.Client, _data: object) -> None:
        unreachable = f"{self._where()} cannot be reached"
        if self.last_error != unreachable:  # once until it answers; a daemon that only waits looks like one that works
            _log.warning("broker %s: start it, or correct [broker] in qcot.toml; it is tried again", unreachable)
        self.last_error = unreachable

    def _disconnected(
        self,
        _client: paho.Client,
        _data: object,
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        with self._changed:
            was_ready, self._ready, self._is_up = self._ready, False, False
            self._changed.notify_all()
        if was_ready and self.on_disconnect is not None:
            self._guarded(partial(self.on_disconnect, str(reason)))

    def _received(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        generation = self._generation

        def ack() -> None:
            # After a reconnect the same message id may stand for another message.
            if generation == self._generation:
                client.ack(message.mid, message.qos)

        for topic, handler in tuple(self._handlers.items()):
            if paho.topic_matches_sub(topic, message.topic):
                self._guarded(partial(handler, message.topic, bytes(message.payload), ack))
                return
        ack()

    def _guarded(self, call: Callable[[], None] | None) -> None:
        """Run a callback; an error in it must not end the network thread, and leaves the message unacknowledged."""
        if call is None:
            return
        try:
            call()
        except Exception:
            _log.exception("a callback of the link to %s failed", self._where())
