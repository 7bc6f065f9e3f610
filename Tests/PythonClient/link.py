"""One TLS connection to the relay: bytes and frames, keepalive, and how it ends (chapters 1 to 3)."""
import select
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

from names import NUMBERS, BatonError
from wire import Header, decode, encode, read_header

HELLO_SECONDS = 10.0  # SES-6


def make_context(certs: Path) -> ssl.SSLContext:
    """Mutual TLS. Python prefers AES-256 in TLS 1.3 and cannot be told otherwise: TLS-5 stays at its MUST."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and host name (TLS-6, TLS-21)
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # TLS-1
    context.hostname_checks_common_name = False  # TLS-6
    context.options |= ssl.OP_NO_TICKET  # TLS-4
    context.set_alpn_protocols(["baton/1"])  # TLS-3
    context.load_verify_locations(certs / "ca.pem")
    context.load_cert_chain(certs / "cert.pem", certs / "key.pem")  # TLS-2
    return context


class Budget:
    """SES-32, SES-33: so many a second are taken, more are a flood."""

    def __init__(self, most: int):
        self.most, self.since, self.count = most, 0.0, 0

    def spend(self, what: str) -> None:
        now = time.monotonic()
        if now - self.since >= 1:
            self.since, self.count = now, 0
        self.count += 1
        if self.count > self.most:
            raise BatonError("flood", f"more than {self.most} {what} in a second")


class Link:
    """A connection; `kind` is control or lane. It begins to send `first`, HELLO or JOIN, by itself (SES-1)."""

    def __init__(self, kind: str, sock: socket.socket, host: str, context: ssl.SSLContext, first: bytes):
        self.kind, self.sock, self.first = kind, sock, first
        sock.setblocking(False)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)
        self.secure = False  # the TLS handshake is over
        self.opening = True  # WELCOME or JOINED has not come (TLS-9)
        self.mute = False  # a GOAWAY that ends this connection was sent (SES-22), or close_notify
        self.ended = ""  # how the other side ended it: "closed" with close_notify, "lost" without (TLS-8)
        self.buffer, self.waiting = bytearray(), b""
        self.born = self.heard = self.spoke = time.monotonic()
        self.look_at = self.born  # when watch() is due
        self.pings, self.late = Budget(32), Budget(16_384)
        self.handle(b"")

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(self, name: str, stream: int = 0, **fields: object) -> None:
        if not self.mute and not self.ended:
            self.tls.write(encode(name, stream, fields))
            self.spoke = time.monotonic()

    def handle(self, data: bytes) -> None:
        """Takes bytes of the network."""
        self.incoming.write(data)
        try:
            if not self.secure:
                self.tls.do_handshake()
                if self.tls.selected_alpn_protocol() != "baton/1":
                    raise BatonError("unreachable", "the relay does not speak baton/1")  # TLS-3
                self.secure = True
                self.tls.write(self.first)
            while piece := self.tls.read(65_536):
                self.buffer += piece
            self.ended = "closed"
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = "closed"
        except ssl.SSLError as error:
            self.ended = f"lost: {error.reason or error}"

    def receive(self) -> None:
        try:
            data = self.sock.recv(262_144)
        except BlockingIOError:
            return
        except OSError as error:
            self.ended = self.ended or f"lost: {error.strerror}"
            return
        if data:
            self.heard = time.monotonic()
            self.handle(data)
        elif not self.ended:
            self.ended = "lost: the connection ended without close_notify"  # SES-27

    def flush(self) -> None:
        self.waiting += self.outgoing.read()
        try:
            while self.waiting:
                self.waiting = self.waiting[self.sock.send(self.waiting):]
        except BlockingIOError:
            pass
        except OSError as error:
            self.waiting, self.ended = b"", self.ended or f"lost: {error.strerror}"

    def frames(self) -> Iterator[tuple[Header, bytes]]:
        """The frames that are there. FRM-11: a header is judged as soon as its 12 bytes are."""
        while len(self.buffer) >= 12:
            header = read_header(bytes(self.buffer[:12]), self.kind, self.opening)
            if len(self.buffer) < 12 + header.length:
                return
            payload = bytes(self.buffer[12:12 + header.length])
            del self.buffer[:12 + header.length]
            if header.type not in (0x06, 0x07):
                yield header, payload
            else:  # PING and PONG are the same on every connection (SES-38)
                if self.opening:
                    raise BatonError("helloExpected", f"{header.name} before the answer to the hello")  # SES-3
                self.pings.spend("PING and PONG")
                fields = decode(header.name, 0, payload)
                if header.name == "PING":
                    self.send("PONG", opaque=fields["opaque"])
        if self.ended == "closed" and self.buffer:
            self.ended = "lost: the connection ended inside a frame"  # SES-27

    def partial_stream(self) -> int:
        """The stream whose frame is under way: its bytes are progress, too."""
        return int.from_bytes(self.buffer[8:12]) if len(self.buffer) >= 12 else 0

    def watch(self, keepalive: float) -> None:
        """SES-6, SES-20, SES-21; says in `look_at` when to look again."""
        now = time.monotonic()
        if self.opening:
            if now - self.born >= HELLO_SECONDS:
                raise BatonError("helloTimeout", "no answer to the hello in 10 seconds")
            self.look_at = self.born + HELLO_SECONDS
            return
        if now - self.heard >= 3 * keepalive:
            raise BatonError("keepaliveTimeout", "nothing came for three keepalive intervals")
        if now - self.spoke >= keepalive / 2:
            self.send("PING", opaque=int(now * 1000))
        self.look_at = min(self.heard + 3 * keepalive, self.spoke + keepalive / 2)

    def goaway(self, code: str, message: str, last_stream: int = 0) -> None:
        """From a dialer `reconnect_ms` is 0. SES-22: after any code but `shutdown` nothing else is sent."""
        if self.secure:
            self.send("GOAWAY", code=NUMBERS[code], last_stream=last_stream, reconnect_ms=0,
                      message=message.encode()[:1024].decode(errors="ignore"))
        self.mute = self.mute or code != "shutdown"

    def close(self, patience: float = 1.0) -> None:
        """TLS-8: close_notify; TLS-15: reads and discards for up to a second."""
        self.mute = True
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass  # wants the other side's close_notify, or there is no TLS (any more)
        until = time.monotonic() + patience
        self.flush()
        while not self.ended and (rest := until - time.monotonic()) > 0:
            select.select([self], [self] if self.waiting else [], [], rest)
            self.flush()
            self.receive()
            self.buffer.clear()
        self.ended = self.ended or "closed"
        self.sock.close()


