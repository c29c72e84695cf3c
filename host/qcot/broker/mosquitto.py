"""The distribution's Mosquitto, started with the site's own configuration (broker/mosquitto.conf) on a free port."""

from __future__ import annotations

import getpass
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from qcot.errors import Problem, QcotError
from qcot.mqtt import TlsFiles

SITE_FILES = Path(__file__).resolve().parents[3] / "broker"
"""The folder with mosquitto.conf, acl and make-certificates.sh in a checkout."""

NOT_INSTALLED = Problem("mosquitto-missing", "Install the package mosquitto.")
NOT_STARTED = Problem("mosquitto-not-started", "Choose a free port, or mend what the reason names.")
NO_CERTIFICATES = Problem("certificates-not-made", "Install the package openssl; the reason says what it refused.")

_TLS_ONLY = ("cafile", "certfile", "keyfile", "tls_version", "require_certificate", "use_identity_as_username",
             "use_username_as_clientid", "acl_file")  # fmt: skip
_START_S = 20.0


def make_certificates(folder: Path, host: str, *clients: str) -> None:
    """Run broker/make-certificates.sh: an authority, the broker's certificate for ``host``, one for each client."""
    script = SITE_FILES / "make-certificates.sh"
    done = subprocess.run([script, folder, host, *clients], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise QcotError(NO_CERTIFICATES, done.stderr.strip()[-500:])


def adapt(conf: str, settings: Mapping[str, str | None]) -> str:
    """Return Mosquitto configuration ``conf`` with each named setting replaced, dropped (None) or added."""
    lines = []
    rest = dict(settings)
    for line in conf.splitlines():
        key = re.match(r"\w*", line)
        if key is None or key[0] not in settings:
            lines.append(line)
            continue
        value = rest.pop(key[0], None)
        if value is not None:
            lines.append(f"{key[0]} {value}")
    lines += [f"{key} {value}" for key, value in rest.items() if value is not None]
    return "\n".join(lines) + "\n"


class Mosquitto:
    """Mosquitto with its state in ``folder``; with ``certificates`` (a folder of make-certificates.sh) TLS and ACL too.

    With ``boards``, a file of mosquitto_passwd, boards with a password may connect to ``boards_port``.

    ``port`` 0 takes a free one at the first start and keeps it after that. Without certificates anybody on this
    machine may connect, as with the embedded broker.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        certificates: Path | None = None,
        boards: Path | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.boards_port = 0
        self.log = folder / "mosquitto.log"
        self.database = folder / "mosquitto.db"
        self._folder = folder
        self._certificates = certificates
        self._boards = boards
        self._process: subprocess.Popen[bytes] | None = None

    def client_files(self, name: str) -> TlsFiles:
        """TLS files of one client, for :class:`qcot.mqtt.MqttLink`."""
        if self._certificates is None:
            raise QcotError(NO_CERTIFICATES, "this broker was started without TLS")
        folder = self._certificates
        return TlsFiles(folder / "ca.crt", folder / f"{name}.crt", folder / f"{name}.key")

    def start(self) -> None:
        """Start, and return once it listens; raises ``mosquitto-missing`` or ``mosquitto-not-started``."""
        # Debian keeps it where only root's path looks.
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise QcotError(NOT_INSTALLED, "there is no program mosquitto")
        self.port = self._reserve(self.port)
        conf = self._folder / "mosquitto.conf"
        text = adapt((SITE_FILES / "mosquitto.conf").read_text(), self._settings())
        if self._boards:
            self.boards_port = self._reserve(self.boards_port)
            text += adapt((SITE_FILES / "boards.conf").read_text(), self._board_settings(self._boards))
        conf.write_text(text)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([program, "-c", conf], stdout=log, stderr=log)
        end = time.monotonic() + _START_S
        while time.monotonic() < end and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex((self.host, self.port)) == 0:
                    return
            time.sleep(0.02)
        self.stop()
        raise QcotError(NOT_STARTED, f"{self.log}: {self.log.read_text()[-500:].strip()}")

    def stop(self) -> None:
        """End it in order: it saves its state."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, *_exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def _reserve(self, port: int) -> int:
        # Asked here, because a connection to whoever has the port would look like a broker that is ready.
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, port))
            except OSError as error:
                raise QcotError(NOT_STARTED, f"{self.host}:{port}: {error.strerror}") from error
            return int(probe.getsockname()[1])

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def _board_settings(self, passwords: Path) -> dict[str, str | None]:
        return {
            "listener": f"{self.boards_port} {self.host}",
            "password_file": str(passwords),
            "acl_file": str(SITE_FILES / "boards.acl"),
        }

    def _settings(self) -> dict[str, str | None]:
        # Started as root it would become user mosquitto, who cannot read this folder.
        settings: dict[str, str | None] = {
            "listener": f"{self.port} {self.host}",
            "persistence_location": f"{self._folder}/",
            "user": getpass.getuser(),
        }
        if self._certificates is None:
            return settings | dict.fromkeys(_TLS_ONLY) | {"allow_anonymous": "true"}
        return settings | {
            "cafile": str(self._certificates / "ca.crt"),
            "certfile": str(self._certificates / "server.crt"),
            "keyfile": str(self._certificates / "server.key"),
            "acl_file": str(SITE_FILES / "acl"),
        }
