"""`qcot kme ...`: a key server over our simulated link, its certificates, and how anybody's key server stands."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from contextlib import closing
from dataclasses import asdict
from enum import StrEnum
from types import FrameType
from typing import Annotated

import typer

from qcot.cli.common import HomeOption, JsonOption, open_home, out, print_json, print_table

app = typer.Typer(
    no_args_is_help=True,
    help="Keys of a quantum link from a key server (ETSI GS QKD 014), ours over a simulated link or anybody's.\n\n"
    "Example: `qcot kme certificates; qcot kme serve`",
)
PORT = 8014


class Protocol(StrEnum):
    """What the simulated link distributes keys by."""

    bb84 = "bb84"
    e91 = "e91"


@app.command()
def certificates(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="SAE IDs: who may ask. Of this home's bridge and gateway, unless named.", metavar="NAME..."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Where the key server is: a host name or address.")] = "127.0.0.1",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an authority, the key server's certificate and one for each client, in the home's kme/tls.

    Runs broker/make-certificates.sh: what is there stays, so clients can be added later.

    Example: `qcot kme certificates bridge gateway --host kme.example.org`
    """
    from qcot.broker import make_certificates

    place = open_home(home)
    settings = place.settings()
    if not names:
        names = [settings.qkd.sae_of(settings.bridge.name), settings.qkd.sae_of(settings.gateway.name)]
    folder = place.path / settings.qkd.tls
    make_certificates(folder, host, *names)
    if as_json:
        print_json({"folder": str(folder), "server": host, "clients": names})
        return
    out.print(f"in {folder}: ca, server ({host}), {', '.join(names)}", markup=False, soft_wrap=True)
    out.print(
        "next      qcot kme serve; a client elsewhere gets ca.crt and its own .crt and .key, no other key",
        soft_wrap=True,
    )


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = PORT,
    protocol: Annotated[Protocol, typer.Option(help="How the simulated link distributes.")] = Protocol.bb84,
    photons: Annotated[int, typer.Option(min=1, max=100_000_000, help="Of one run of the link.")] = 1_000_000,
    store: Annotated[int, typer.Option(min=1, max=100_000, help="How many keys are kept ready.")] = 1024,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give out keys of a simulated quantum link, both ends of it in this process, until Ctrl-C.

    A simulation: what keeps these keys secret is TLS and this machine, not physics. Real equipment brings its own
    key server; name that one by url under [qkd] instead.

    Example: `qcot kme serve --port 8014`
    """
    from qcot.kme.delivery import Kme
    from qcot.kme.link import Filler, simulated
    from qcot.kme.server import KmeServer
    from qcot.kme.tls import TlsFiles

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    place = open_home(home)
    settings = place.settings()
    files = TlsFiles.of(place.path / settings.qkd.tls, "server")
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    with closing(Kme(place.kme, capacity=store)) as kme, KmeServer(kme, files, host=host, port=port) as server:
        filler = Filler(kme, simulated(protocol.value, photons))
        filler.start()
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, stop)
        if as_json:
            print_json({"url": server.url, "link": f"simulated {protocol.value}", "stored": kme.stored()})
            sys.stdout.flush()  # who reads it waits for it
        else:
            out.print(f"kme: {server.url}, a simulated {protocol.value} link; Ctrl-C stops", markup=False)
            if settings.qkd.url != server.url:
                out.print(f'next      url = "{server.url}" under [qkd] in qcot.toml; qcot kme status', markup=False)
        while not stopped.wait(3600):
            pass
        filler.stop()


@app.command()
def status(
    as_name: Annotated[str | None, typer.Option("--as", help="Ask as this SAE. [default: the home's bridge]")] = None,
    peer: Annotated[str | None, typer.Option("--to", help="About keys with this SAE. [default: the gateway]")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the key server of the settings, ours or anybody's, how the link to a peer stands.

    Example: `qcot kme status --as bridge --to gateway`
    """
    from qcot.services import kme_client

    place = open_home(home)
    settings = place.settings()
    found = kme_client(place, as_name or settings.bridge.name).status(
        peer or settings.qkd.sae_of(settings.gateway.name)
    )
    if as_json:
        print_json({"url": settings.qkd.url} | asdict(found))
        return
    print_table(
        f"{settings.qkd.url}: {found.source_kme} to {found.target_kme}",
        ["from", "to", "keys in store", "of at most", "bits each", "sizes", "at once"],
        [[
            found.master_sae, found.slave_sae, f"{found.stored_key_count:,}", f"{found.max_key_count:,}",
            str(found.key_size), f"{found.min_key_size} to {found.max_key_size}", str(found.max_key_per_request),
        ]],
    )  # fmt: skip


COMMANDS = {"kme": app}
