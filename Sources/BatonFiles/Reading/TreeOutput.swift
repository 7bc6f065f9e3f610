import BatonProtocol
import NIOCore

/// The frames of one stream on their way out: holds back what the asker already has, opens a new pass before the first frame that
/// belongs to it, counts what END announces, and packs all of it into bursts.
struct TreeOutput {
    private let stream: StreamID
    private var resume: ResumeCheck?
    private var ring = BufferRing(count: 8, capacity: BurstBuilder.capacity)
    private var bursts = 0
    private var burst = BurstBuilder(ByteBuffer(), number: 0)
    private var counts = TreeEnd(entries: 0, bytes: 0, skipped: 0)
    private var pass: UInt16 = 0
    private var passIsOpen = true

    init(stream: StreamID, resume: ResumePoint?) {
        self.stream = stream
        self.resume = resume.map(ResumeCheck.init)
    }

    // MARK: Bursts

    mutating func beginBurst() { burst = BurstBuilder(ring.take(), number: bursts) }

    /// - Returns: `nil` if nothing is in it.
    mutating func endBurst() -> LaneBurst? {
        ring.keep(burst.buffer)
        guard !burst.isEmpty else { return nil }
        bursts += 1
        return burst.burst
    }

    var isFull: Bool { burst.isFull }
    /// What the burst holds so far, in bytes.
    var filled: Int { burst.buffer.readableBytes }

    // MARK: Resuming

    /// What comes next is compared, not sent.
    var isComparing: Bool { resume != nil }

    /// The next ENTRY is of a file whose data the asker has up to here; `nil` if it has all of it, or none.
    var resumeOffset: UInt64? { resume?.offsetInNext }

    /// The asker has something else: all of it is sent.
    mutating func stopComparing() { resume = nil }

    // MARK: Frames

    /// What is sent from now on belongs to a pass of its own.
    mutating func beginPass() { passIsOpen = false }

    /// Sends an ENTRY or a SKIPPED, or compares it.
    ///
    /// - Returns: whether the asker is known to have something else instead.
    mutating func send(_ message: Message) -> Bool {
        if var check = resume {
            let verdict = check.add(message)
            resume = verdict == .more ? check : nil
            return verdict == .different
        }
        openPass()
        burst.append(message, stream: stream)
        Moment.entryRead()
        if case .entry = message { counts.entries += 1 } else { counts.skipped += 1 }
        return false
    }

    mutating func keep(_ path: PathName) {
        openPass()
        burst.append(.keep(path), stream: stream)
    }

    mutating func sendChunk(of file: inout FileReading) throws(FileFault) {
        counts.bytes += UInt64(try burst.appendChunk(of: &file, stream: stream))
        Moment.chunkRead()
    }

    mutating func sendEnd() {
        Moment.beforeEnd()
        burst.append(.end(counts), stream: stream)
    }

    private mutating func openPass() {
        guard !passIsOpen else { return }
        passIsOpen = true
        pass += 1
        burst.append(.again(pass), stream: stream)
    }
}
