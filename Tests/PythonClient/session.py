"""A session with the relay: the control connection, a lane, and the streams on them (chapters 3, 4 and 6)."""
import select
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from link import HELLO_SECONDS, Budget, Link, make_context
from names import NUMBERS, BatonError, code_name
from tree import TreeReceiver
from wire import LANE_CAP, Fields, Header, decode, encode

SOFTWARE = "baton-client-py/1"
REPLIES = {"EXISTS": "EXISTS_REPLY", "STAT": "STAT_REPLY"}
STALL_SECONDS = 30.0  # STR-27
DRAIN_SECONDS = 2.0  # SES-23: a time of our choice


def clamp(value: int, least: int, most: int) -> int:
    return max(least, min(most, value))


class Credit:
    """The opener's side of chapter 6: lane payload that was granted, and that has come."""

    def __init__(self, window: int):
        self.window, self.limit, self.used = window, window, 0

    def take(self, name: str, length: int) -> bool:
        """Counts a lane frame; false if it must not have been sent (CRD-3; CRD-2)."""
        self.used += length
        return name in ("END", "ERROR") or self.used <= self.limit

    def next_limit(self) -> int | None:
        """CRD-5: a higher limit, once a quarter of the window or all but a full CHUNK was consumed."""
        left = self.limit - self.used
        if left > self.window * 3 // 4 and left >= LANE_CAP:
            return None
        self.limit = self.used + self.window
        return self.limit


@dataclass
class Stream:
    """One request of ours and what has come of it."""
    number: int
    operation: str
    deadline: float
    credit: Credit
    tree: TreeReceiver | None = None
    lane: Link | None = None  # on which its first lane frame came (STR-8)
    moved: float = 0.0  # when a byte of it came last
    reports: dict[str, tuple[float, Fields]] = field(default_factory=dict)
    cancelled: bool = False
    reply: Fields | None = None
    error: BatonError | None = None


class Session:
    def __init__(self, relay: str, certs: Path):
        self.host, _, port = relay.rpartition(":")
        self.host = self.host.strip("[]")
        self.streams: dict[int, Stream] = {}
        self.highest, self.highest_of_relay = -1, 0
        self.lanes: list[Link] = []
        self.ticket = b""
        self.draining = False
        self.end: BatonError | None = None  # why the session is over
        self.requests, self.cancels = Budget(16_384), Budget(1_024)
        self.keepalive, self.window, self.work = 5.0, 1 << 20, ""
        try:
            self.context = make_context(certs)
        except OSError as error:
            raise BatonError("usage", f"the certificates cannot be used: {error}") from error
        began = time.monotonic()
        try:
            sock = socket.create_connection((self.host, int(port)), HELLO_SECONDS)
        except (OSError, ValueError) as error:
            raise BatonError("unreachable", f"the relay is out of reach: {error}") from error
        self.address = sock.getpeername()
        hello = encode("HELLO", 0, {"version": 1, "capabilities": 0, "max_streams": 1, "keepalive": 5_000,
                                    "software": SOFTWARE})
        self.control = Link("control", sock, self.host, self.context, hello)
        self.control.born = began  # SES-6 counts from dialing
        while self.control.opening and not self.end:
            self.step()
        if self.end:
            self.control.close()
            raise self.end

    # What the program wants

    def ask(self, operation: str, seconds: float, origin: bytes, path: bytes, **more: int) -> Fields:
        """EXISTS or STAT: one request, one reply."""
        stream = self.open(operation, seconds, origin, path, None, more)
        self.wait(stream)
        assert stream.reply is not None
        return stream.reply

    def get(self, seconds: float, origin: bytes, path: bytes, tree: TreeReceiver) -> None:
        """GET: the frames of the tree go to `tree`."""
        until = time.monotonic() + seconds
        self.ensure_lane(until)
        more = {"credit": self.window, "options": 0, "entries": 0, "offset": 0, "digest": 0}
        self.wait(self.open("GET", until - time.monotonic(), origin, path, tree, more))

    def open(self, operation: str, seconds: float, origin: bytes, path: bytes, tree: TreeReceiver | None,
             more: dict[str, int]) -> Stream:
        if self.end or self.draining:
            raise self.end or BatonError("busy", "the relay is about to end")  # SES-24
        self.highest += 2  # STR-1, STR-2: odd, from 1, and rising
        now = time.monotonic()
        stream = Stream(self.highest, operation, now + seconds, Credit(self.window), tree, moved=now)
        self.streams[stream.number] = stream
        self.control.send(operation, stream.number, deadline_ms=clamp(int(seconds * 1000), 0, 86_400_000),
                          origin=origin.decode(), path=path, **more)
        return stream

    def wait(self, stream: Stream) -> None:
        """Until the stream has ended. STR-28: the deadline is watched here, whatever the relay does."""
        try:
            while stream.error is None and stream.reply is None:
                until = stream.moved + STALL_SECONDS if stream.lane else stream.deadline  # STR-27
                if time.monotonic() >= until:
                    raise BatonError("deadline", f"no byte came for {STALL_SECONDS:.0f} seconds; held up by "
                                     f"{slow_hop(stream)}" if stream.lane else "no answer in time")
                self.step(until)
        except BaseException as error:
            code = error.code if isinstance(error, BatonError) else "cancelled"
            self.cancel(stream, code if code in NUMBERS else "internal")
            raise
        if stream.error:
            raise stream.error

    def cancel(self, stream: Stream, code: str) -> None:
        """STR-11: once, and not after the terminal frame."""
        if stream.number in self.streams and not stream.cancelled:
            stream.cancelled = True
            self.control.send("CANCEL", stream.number, code=NUMBERS[code])

    def close(self) -> None:
        """An orderly end: GOAWAY, the streams that are open, close_notify everywhere."""
        if not self.end and not self.control.ended:
            self.draining = True
            self.control.goaway("shutdown", "done", self.highest_of_relay)
            until = time.monotonic() + DRAIN_SECONDS
            while self.streams and not self.end and time.monotonic() < until:
                self.step(until)
        for link in [*self.lanes, self.control]:
            link.close()  # SES-19: without the control connection there are no lanes
        self.lanes = []

    # The connections

    def ensure_lane(self, until: float) -> None:
        """SES-16: a lane must have joined before a GET. A ticket is good once, so each attempt takes the newest."""
        pause, after = 0.1, 0.0
        while not any(not lane.opening for lane in self.lanes):
            if self.end or time.monotonic() >= until:
                raise self.end or BatonError("interrupted", "no lane could be joined in time")
            if not self.lanes and self.ticket and time.monotonic() >= after:
                pause, after = pause * 2, time.monotonic() + pause
                self.dial_lane()
            self.step(min(until, max(after, time.monotonic() + 0.1)))

    def dial_lane(self) -> None:
        sock = socket.socket(self.control.sock.family, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.connect_ex(self.address)  # whether it succeeds is seen when it is written to
        join = encode("JOIN", 0, {"version": 1, "ticket": self.ticket})
        self.ticket = b""
        self.lanes.append(Link("lane", sock, self.host, self.context, join))

    def step(self, until: float = float("inf")) -> None:
        """Waits for the network, no longer than until then, and handles what has come."""
        links = [self.control, *self.lanes]
        for link in links:
            link.flush()
        wake = min([until, *(link.look_at for link in links)])
        readable, _, _ = select.select(links, [link for link in links if link.waiting], [],
                                       max(0.0, min(60.0, wake - time.monotonic())))
        for link in links:
            self.serve(link, link in readable)

    def serve(self, link: Link, readable: bool) -> None:
        try:
            if readable:
                link.receive()
            for header, payload in link.frames():
                self.frame(link, header, payload)
                if link.mute or self.end:
                    return
            if link.kind == "lane" and (stream := self.streams.get(link.partial_stream())):
                stream.moved = max(stream.moved, link.heard)
            link.watch(self.keepalive)
        except BatonError as error:
            self.fail(link, error)
        link.flush()
        if link.ended:
            self.gone(link, link.ended)

    def fail(self, link: Link, error: BatonError) -> None:
        """SES-22: a session error that was found here. SES-39: `flowControl` ends the session, on control."""
        if link is self.control or error.code == "flowControl":
            self.control.goaway(error.code, error.message)
            self.over(error)
        else:
            link.goaway(error.code, error.message)
            self.gone(link, error.message)

    def gone(self, link: Link, why: str) -> None:
        """SES-18, SES-19, SES-27."""
        if link is self.control:
            code = "unreachable" if link.opening else "interrupted"
            self.over(BatonError(code, f"the connection to the relay: {why}"))
        elif link in self.lanes:
            self.lanes.remove(link)
            link.close(0)
            if not link.secure and not self.ticket:
                self.ticket = link.first[-32:]  # JOIN was not sent: its ticket is still good
            for stream in list(self.streams.values()):  # STR-29
                if stream.operation == "GET" and (stream.lane is link or not stream.lane and not self.lanes):
                    stream.error = stream.error or BatonError("interrupted", f"the lane of the transfer: {why}")
                    self.cancel(stream, "interrupted")
                    del self.streams[stream.number]  # no answer is waited for

    def over(self, error: BatonError) -> None:
        """The session has ended. ERR-5: to open streams that is `interrupted`; before WELCOME its own code."""
        self.end = self.end or error
        for stream in self.streams.values():
            text = f"the session has ended ({error.code}): {error.message}"
            stream.error = stream.error or BatonError("interrupted", text)
        self.streams.clear()

    # The frames

    def frame(self, link: Link, header: Header, payload: bytes) -> None:
        name = header.name
        if name == "GOAWAY":
            self.goaway(link, decode(name, 0, payload))
        elif link.opening:
            self.greet(link, header, payload)
        elif header.type <= 0x04:
            raise BatonError("unexpectedFrame", f"{name} on an established connection")  # SES-4
        elif name == "TICKET":
            self.ticket = decode(name, 0, payload)["ticket"]  # SES-15
        elif link.kind == "lane":
            self.lane_frame(link, header, payload)
        elif header.type < 0x20:
            self.request(header, payload)
        else:
            self.answer(header, payload)

    def greet(self, link: Link, header: Header, payload: bytes) -> None:
        if header.name != ("WELCOME" if link.kind == "control" else "JOINED"):
            raise BatonError("helloExpected", f"{header.name} as the first frame")  # SES-3
        f = decode(header.name, 0, payload)
        link.opening = False
        if link.kind == "control":
            if f["version"] != 1:
                raise BatonError("versionMismatch", f"the relay wants version {f['version']}")  # SES-35
            if f["capabilities"]:
                raise BatonError("malformed", "capabilities that were not offered")  # SES-36
            self.keepalive = clamp(f["keepalive"], 1_000, 60_000) / 1000  # SES-10
            self.window = clamp(f["window"], 1 << 20, 64 << 20)
            self.work, self.ticket = f["work"], f["ticket"]

    def goaway(self, link: Link, f: Fields) -> None:
        code, message = code_name(f["code"]), f["message"]
        if link is not self.control:
            self.gone(link, f"the relay has ended it ({code}): {message}")  # SES-26
        elif link.opening or code != "shutdown":
            self.over(BatonError(code, message, said_by="relay"))
        else:
            self.draining = True  # SES-24: what is open may still be answered

    def lane_frame(self, lane: Link, header: Header, payload: bytes) -> None:
        name, stream = header.name, self.streams.get(header.stream)
        if stream is None or stream.tree is None or stream.lane not in (None, lane):
            return lane.late.spend("late frames")  # STR-20, STR-23
        if not stream.credit.take(name, header.length):
            raise BatonError("flowControl", f"{stream.credit.used} bytes came, {stream.credit.limit} were granted")
        stream.lane, stream.moved = lane, time.monotonic()
        if stream.cancelled:  # STR-12
            if name in ("END", "ERROR"):
                del self.streams[header.stream]
            return
        try:
            f = decode(name, header.flags, payload)
            if name == "ERROR":
                self.finish(stream, None, error_of(f))
                return
            stream.tree.frame(name, header.flags, f)
        except BatonError as error:
            # TRE-1: the origin is to blame, not the connection
            stream.error = BatonError("corrupt", error.message) if error.code == "malformed" else error
            self.cancel(stream, stream.error.code)
            return
        if name == "END":
            self.finish(stream, {}, None)
        elif (limit := stream.credit.next_limit()) is not None:
            self.control.send("CREDIT", stream.number, limit=limit)

    def answer(self, header: Header, payload: bytes) -> None:
        """A frame of a stream, but a request, on control."""
        name, ours = header.name, header.name not in ("CANCEL", "CREDIT")
        if header.stream % 2 != ours or header.stream > (self.highest if ours else self.highest_of_relay):
            raise BatonError("badStream", f"{name} on stream {header.stream}, which was never opened")  # STR-19
        stream = self.streams.get(header.stream) if ours else None  # the relay's have all been answered at once
        if stream is None:
            (self.cancels if name == "CANCEL" else self.control.late).spend("late frames")  # STR-20
        elif name == "ERROR":
            self.finish(stream, None, error_of(decode(name, 0, payload)))  # STR-9
        elif name == "REPORT" and stream.operation == "GET":
            f = decode(name, 0, payload)
            stream.reports[f["hop"]] = time.monotonic(), f
        elif name == REPLIES.get(stream.operation):
            self.finish(stream, decode(name, 0, payload), None)
        else:
            raise BatonError("unexpectedFrame", f"{name} as an answer to {stream.operation}")  # STR-21

    def finish(self, stream: Stream, reply: Fields | None, error: BatonError | None) -> None:
        """The terminal frame (STR-6). After a CANCEL its outcome is forgotten (STR-12)."""
        del self.streams[stream.number]
        if not stream.cancelled:
            stream.reply, stream.error = reply, error

    def request(self, header: Header, payload: bytes) -> None:
        """The relay asks. This work declares nothing, so that each answer is ready at once."""
        name, number = header.name, header.stream
        self.requests.spend("requests")
        if number % 2:
            raise BatonError("badStream", f"{name} on stream {number}")  # STR-17
        if number <= self.highest_of_relay:
            raise BatonError("streamReused", f"{name} on stream {number}")  # STR-18
        self.highest_of_relay = number
        if name in ("EXISTS", "STAT", "LIST", "GET", "WAIT", "ECHO"):
            f = decode(name, 0, payload)
            code, message = "notShared", "this work declares no paths"  # OPS-3, ERR-8
            if self.draining:
                code, message = "busy", "this work is about to end"  # STR-15
            elif f["origin"] not in ("", self.work):
                code, message = "unreachable", f"this is the work {self.work}"  # OPS-27
            elif name == "ECHO":
                return self.control.send("ECHO_REPLY", number, answered_by=self.work)  # OPS-16
            elif name == "GET" and f["options"] & 16:
                code, message = "unsupported", "only a relay has a store"  # OPS-47
        else:
            code, message = "unsupported", f"this client does not answer {name}"
        self.control.send("ERROR", number, code=NUMBERS[code], said_by="owner", path=b"", message=message,
                          uncovered=code == "notShared")


def error_of(f: Fields) -> BatonError:
    return BatonError(code_name(f["code"]), f["message"], f["path"], f["said_by"])


def slow_hop(stream: Stream) -> str:
    """STR-32: who holds a transfer up."""
    now, nothing = time.monotonic(), (float("-inf"), {})
    (relay_at, relay), (owner_at, owner) = (stream.reports.get(hop, nothing) for hop in ("relay", "owner"))
    if now - relay_at > 3:
        return "the relay, or the way to it"
    if relay["waiting"] == "network" or relay["bytes"] > stream.credit.used:
        return "the network between relay and receiver"
    if relay["waiting"] == "credit":
        return "the receiver's disk"
    if stream.tree and stream.tree.generation:
        return "the relay's disk"
    if now - owner_at > 3 or owner["waiting"] == "network" or owner["bytes"] > relay["bytes"]:
        return "the network between origin and relay"
    return "the relay" if owner["waiting"] == "credit" else "the origin's disk"
