/// Every number that the protocol fixes. Chapter 9 of `Protocol/` lists the same numbers with their reasons.
public enum Limits {
    /// The protocol version that this code speaks.
    public static let version: UInt16 = 1

    /// Largest payload, in bytes, before hello (or join) has been answered.
    public static let greetingPayload = 4096
    /// Largest payload, in bytes, on a control or local connection.
    public static let controlPayload = 65_536
    /// Largest data part of one CHUNK, in bytes.
    public static let chunkData = 524_288
    /// Smallest data part of a CHUNK that is not the last of its file, in bytes.
    public static let smallestOpenChunk = 512
    /// Largest payload, in bytes, on a lane: a full CHUNK.
    public static let lanePayload = 16 + chunkData

    /// Longest path on the wire, in bytes.
    public static let path = 4096
    /// Longest component of a path, in bytes.
    public static let component = 255
    /// Longest target of a symbolic link, in bytes.
    public static let linkTarget = 4095
    /// Longest work or app name, in bytes.
    public static let name = 128
    /// Longest message for a person, in bytes of UTF-8.
    public static let text = 1024
    /// Longest name of a peer's software, in bytes of UTF-8.
    public static let software = 64
    /// Exact length of a lane ticket, in bytes.
    public static let ticket = 32
    /// Exact length of a digest, in bytes.
    public static let digest = 32
    /// Lanes that a session may have; their indexes begin at 0.
    public static let lanes: UInt8 = 8

    /// Exact length of what tells calls apart, in bytes.
    public static let callID = 16
    /// In which time a call is to be answered once its host has it, in seconds; at most a year.
    public static let runSeconds: ClosedRange<UInt32> = 1...31_536_000

    /// Streams that one side may have open towards the other.
    public static let streams: ClosedRange<UInt16> = 1...1024
    public static let defaultStreams: UInt16 = 256
    /// Keepalive interval, in milliseconds.
    public static let keepalive: ClosedRange<UInt32> = 1000...60_000
    public static let defaultKeepalive: UInt32 = 5000
    /// A connection is dead after this many keepalive intervals without a byte.
    public static let keepaliveMisses: UInt32 = 3
    /// Longest deadline of a request, in milliseconds (a day); longer ones are cut to it.
    public static let deadline: ClosedRange<UInt32> = 0...86_400_000
    /// Smallest window, in bytes, that a GET may open with: no frame is larger.
    public static let smallestWindow: UInt64 = 1 << 20
    /// Farthest that a receiver may grant ahead of what it was sent, in bytes; more is cut to it.
    public static let largestWindow: UInt64 = 64 << 20
    /// Default window per stream and hop, in bytes.
    public static let defaultWindow: UInt64 = 4 << 20

    /// TLS and hello together, in seconds.
    public static let greetingSeconds: Int64 = 10
    /// A stream that has had data to send for so many seconds and got no credit is ended with `deadline`.
    public static let stalledSeconds = 60
    /// A receiver gives up after so many seconds without progress, unless told otherwise.
    public static let defaultStall: UInt32 = 30_000
    /// Milliseconds without progress that a receiver may be told to put up with.
    public static let stall: ClosedRange<UInt32> = 1000...86_400_000
    /// What has changed less than so many milliseconds ago may still be changing: time stamps are coarser than writes.
    public static let settleMilliseconds = 50
    /// How often an origin begins again with what has changed while it was sent.
    public static let restarts = 16
    /// Passes over one tree that a receiver takes.
    public static let passes: UInt16 = 64
    /// Extended attributes of one entry, and the bytes of their names and values together.
    public static let attributes = 256
    public static let attributeBytes = 131_072
    /// `reconnect_ms` of a GOAWAY that means: do not come back.
    public static let neverReconnect = UInt32.max

    /// What one connection may send in one second (or one keepalive tick) before it counts as a flood.
    public enum PerSecond {
        public static let pings = 32
        public static let cancels = 1024
        public static let opens = 16_384
        public static let lateFrames = 16_384
    }
}
