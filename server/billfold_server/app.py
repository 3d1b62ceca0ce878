"""The composition root: one server from its settings, its start, its graceful stop.

    STARTING ──listening──► SERVING ──signal──► DRAINING ──► STOPPED
                               └──the store breaks──────────►

Draining: no new connection, no new frame; what was taken becomes durable and is acknowledged; then
every connection ends with "going away" and the store closes. A broken store skips all of that:
nothing may be acknowledged on it any more.

Spec: 30-server-api.md
"""

import asyncio
import gc
import signal
import ssl
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from importlib.util import find_spec

from billfold_protocol.crypto.signing import SigningKey
from billfold_protocol.errors import InputError, StoreError, TransportError
from billfold_server.blobs.endpoint import BlobEndpoint
from billfold_server.blobs.service import BlobService
from billfold_server.blobs.upkeep import keep_collected, open_blob_store
from billfold_server.committer import Committer, keep_maintained
from billfold_server.compaction import keep_compacted
from billfold_server.config import Address, ServerConfig
from billfold_server.connections import Admission, GuardedServer
from billfold_server.identity import load_server_seed
from billfold_server.logs import ServerLog
from billfold_server.mailbox_endpoint import MailboxEndpoint
from billfold_server.metrics import Metrics
from billfold_server.outbox import OutboxPool
from billfold_server.reads import Piece, ReadRequest
from billfold_server.relay import Relay
from billfold_server.rendezvous import Rendezvous
from billfold_server.routes import Routes, Services
from billfold_server.soundness import require_sound_libraries
from billfold_server.store import LogStore, open_store, store_path
from billfold_server.websocket import SyncEndpoint

READERS_COUNT = 2
"""Threads that read from the store; it has more connections, so the event loop never waits."""

BLOB_THREADS_COUNT = 2
"""Threads that read, write and hash chunks."""

BACKLOG = 1024
TLS_HANDSHAKE_S_MAX = 10
SHUTDOWN_S_MAX = 3

SWITCH_INTERVAL_S = 0.001
"""How long a busy thread may make the others wait for the interpreter."""

GARBAGE_THRESHOLDS = (10_000, 20, 20)
"""Python's own settings look at each connection's many objects again and again, and find nothing:
what a frame leaves behind is not garbage in cycles."""


class Server:
    """One server; made and used on one event loop."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._log = ServerLog()
        self._resources = AsyncExitStack()
        self._stopping = asyncio.Event()
        self._is_ready = False
        self._failure: BaseException | None = None
        self._listeners: list[asyncio.Server] = []
        self._readers = ThreadPoolExecutor(READERS_COUNT, thread_name_prefix="billfold-reader")

    @property
    def addresses(self) -> Sequence[str]:
        """Where the server listens, as base URLs, in the order of the settings."""
        scheme = "https" if self._config.tls_cert else "http"
        names = [s.getsockname()[:2] for server in self._listeners for s in server.sockets]
        return [
            f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
            for host, port in names
        ]

    @property
    def outbox_pool(self) -> OutboxPool:
        """What waits for all devices together."""
        return self._sync.pool

    async def start(self) -> None:
        """Open the store and listen.

        Raises:
            UpdateNeeded: a library is too old to be safe, or a newer server made the store.
            StoreError: the store cannot be used.
            InputError: the certificate or its key cannot be used.
            TransportError: an address cannot be listened on.
        """
        try:
            await self._start()
        except BaseException:
            await self._resources.aclose()
            raise

    async def wait(self) -> None:
        """Wait until `stop_soon`, or until the store breaks."""
        await self._stopping.wait()

    def stop_soon(self) -> None:
        """Let `wait` return."""
        self._stopping.set()

    async def stop(self) -> None:
        """Drain and close everything; again is harmless.

        Raises:
            StoreError: the store broke while the server ran.
        """
        self._is_ready = False
        self._log.info("stopping")
        for listener in self._listeners:
            listener.close()
        if self._failure is None:
            await self._sync.drain(timeout_s=self._config.drain_s)
        else:
            self._sync.abandon()
        await self._resources.aclose()
        self._log.info("stopped")
        if self._failure is not None:
            if isinstance(self._failure, StoreError):
                raise self._failure
            raise StoreError("The server failed; its log says where.") from self._failure

    async def _start(self) -> None:
        require_sound_libraries()
        context = _tls_context(self._config)
        # The seed comes first: it refuses a store whose key is gone.
        key = SigningKey(load_server_seed(self._config.store))
        store = open_store(self._config.store)
        self._resources.callback(store.close)
        self._resources.callback(self._readers.shutdown)
        relay = Relay(store, key, self._config.relay, now_s=time.time)
        await self._listen(self._serve(store, relay), context)
        self._is_ready = True
        self._log.info("listening", addresses=self.addresses, key=relay.server_key.hex()[:8])

    def _serve(self, store: LogStore, relay: Relay) -> GuardedServer:
        """Put together what answers, in the order in which it must end."""
        config, quotas, loop = self._config, self._config.relay.quotas, asyncio.get_running_loop()
        admission = Admission(
            total_max=quotas.connections, per_address_max=quotas.connections_per_address
        )
        blobs, blob_endpoint = self._serve_blobs(store, relay)
        gauges = self._gauges(store, relay, admission) | self._blob_gauges(blobs, blob_endpoint)
        metrics = Metrics((relay.counters, blobs.counters), gauges)
        self._committer = Committer(
            relay, store, on_commit=metrics.note_commit, on_broken=self._break
        )
        self._resources.push_async_callback(self._committer.close)
        upkeep = loop.create_task(keep_maintained(store, on_broken=self._break))
        self._resources.push_async_callback(_cancel, upkeep)

        compaction = keep_compacted(relay, store, self._committer, on_broken=self._break)
        self._resources.push_async_callback(_cancel, loop.create_task(compaction))

        async def read(request: ReadRequest) -> Piece:
            return await loop.run_in_executor(self._readers, request.run, store)

        self._sync = SyncEndpoint(
            relay, self._committer, read, origins=config.origins, on_broken=self._break
        )
        rendezvous = Rendezvous(
            arrivals_per_hour=quotas.rendezvous_per_address_per_hour, now_s=time.time
        )
        services = Services(
            sync=self._sync.serve,
            blobs=blob_endpoint.serve,
            rendezvous=rendezvous.serve,
            is_rendezvous_name=rendezvous.is_name,
            mailboxes=MailboxEndpoint(relay, lambda: self._committer, on_broken=self._break).serve,
            is_ready=lambda: self._is_ready and not self._committer.is_full,
            is_draining=lambda: self._sync.is_draining,
            server_key=relay.server_key,
            metrics=metrics if config.has_metrics else None,
        )
        server = GuardedServer(Routes(services), admission)
        self._resources.push_async_callback(server.shutdown, SHUTDOWN_S_MAX)
        self._resources.callback(server.pre_shutdown)
        self._resources.callback(rendezvous.close)
        return server

    def _gauges(
        self, store: LogStore, relay: Relay, admission: Admission
    ) -> dict[str, tuple[str, Callable[[], float]]]:
        return {
            "connections": ("Open connections of any kind.", lambda: admission.count),
            "connections_refused": ("Connections above a cap.", lambda: admission.refused_count),
            "sync_connections": ("Devices connected.", lambda: self._sync.connections_count),
            "outbox_bytes": ("Bytes that wait for devices.", lambda: self._sync.pool.size),
            "active_wallets": ("Wallets with a device connected.", lambda: relay.wallets_count),
            "stored_wallets": ("Wallets in the store.", store.wallet_count),
            "store_bytes": ("Bytes the store takes on disk.", store.size),
        }

    def _serve_blobs(self, store: LogStore, relay: Relay) -> tuple[BlobService, BlobEndpoint]:
        """Put together what answers about blobs."""
        config, loop = self._config, asyncio.get_running_loop()
        path = store_path(config.store)
        blobs = BlobService(open_blob_store(path, config.relay.quotas, now_s=time.time))
        threads = ThreadPoolExecutor(BLOB_THREADS_COUNT, thread_name_prefix="billfold-blobs")
        self._resources.callback(threads.shutdown)
        endpoint = BlobEndpoint(
            relay,
            blobs,
            threads,
            instance=store.instance_id,
            origins=config.origins,
            on_broken=self._break,
        )
        collecting = loop.create_task(keep_collected(blobs, threads, on_broken=self._break))
        self._resources.push_async_callback(_cancel, collecting)
        self._resources.push_async_callback(endpoint.close)
        return blobs, endpoint

    def _blob_gauges(
        self, blobs: BlobService, endpoint: BlobEndpoint
    ) -> dict[str, tuple[str, Callable[[], float]]]:
        return {
            "blob_connections": ("Connections for blobs.", lambda: endpoint.connections_count),
            "stored_blobs": (
                "Blobs in the store, an hour ago at most.",
                lambda: blobs.stored.count,
            ),
            "blob_bytes": ("Bytes they take.", lambda: blobs.stored.size),
        }

    async def _listen(self, server: GuardedServer, context: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        for address in self._config.listen:
            try:
                listener = await loop.create_server(
                    server,
                    address.host,
                    address.port,
                    ssl=context,
                    backlog=BACKLOG,
                    reuse_address=True,
                    ssl_handshake_timeout=None if context is None else TLS_HANDSHAKE_S_MAX,
                )
            except OSError as error:
                raise TransportError(_why_not(address, error)) from error
            self._resources.callback(listener.close)
            self._listeners.append(listener)

    def _break(self, error: BaseException) -> None:
        """End the process: from here on nothing that is said could be relied on."""
        if self._failure is None:
            self._failure = error
            self._log.error("the server cannot go on", error)
            self._is_ready = False
            self._stopping.set()


def run(config: ServerConfig, *, on_ready: Callable[[Sequence[str]], None]) -> None:
    """Run a server until a signal, SIGTERM or SIGINT, stops it; a second SIGINT ends it at once.

    Raises:
        UpdateNeeded, StoreError, InputError, TransportError: see `Server.start` and `Server.stop`.
    """

    async def main() -> None:
        loop, server = asyncio.get_running_loop(), Server(config)

        def stop() -> None:
            loop.remove_signal_handler(signal.SIGINT)
            server.stop_soon()

        await server.start()
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stop)
            on_ready(server.addresses)
            await server.wait()
        finally:
            await server.stop()

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()  # The modules stay for good.
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return uvloop's, or asyncio's own where uvloop is not made for the platform."""
    if find_spec("uvloop") is None:
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415  # It may be missing.

    return uvloop.new_event_loop


def _tls_context(config: ServerConfig) -> ssl.SSLContext | None:
    if config.tls_cert is None or config.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password the key's own would be asked for on the terminal.
        context.load_cert_chain(config.tls_cert, config.tls_key, password="")
    except OSError as error:  # ssl.SSLError is one.
        raise InputError(
            f"The certificate {config.tls_cert} with the key {config.tls_key} cannot be used; "
            "both are PEM files that this user may read, and the key is not encrypted."
        ) from error
    return context


def _why_not(address: Address, error: OSError) -> str:
    place = f"{address.host}:{address.port}"
    reason = (error.strerror or str(error)).lower()
    cure = "choose another with --listen" if "use" in reason else "name an address of this machine"
    return f"The server cannot listen on {place} ({reason}); {cure}."


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
