import BatonProtocol
import NIOCore
import PropertyTesting
import Testing

@testable import BatonFiles

@Suite("What a reader sends, and what it knows of the receiver", .timeLimit(.minutes(5)))
struct ReadingTests {
    /// Any entry but a directory's; names rise with `number`.
    private func message(_ number: Int, _ run: inout Run) throws -> Message {
        let name = "\(10_000 + number)" + String(repeating: "x", count: run.oneIn(5) ? run.number(0...200) : 0)
        let path = try PathName(Array(name.utf8))
        let time = Timestamp(seconds: Int64(run.number(0...9)), nanoseconds: 0)
        switch run.number(0...4) {
        case 0: return .skipped(SkippedEntry(reason: .fifo, path: path))
        case 1:
            let target = [UInt8](repeating: 65, count: run.number(1...Limits.linkTarget))
            return .entry(TreeEntry(kind: .symbolicLink, mode: 0o777, modified: time, path: path, target: target))
        default:
            return .entry(
                TreeEntry(kind: .file, mode: 0o600, modified: time, version: run.next(), path: path, isLast: true))
        }
    }

    @Test func `bursts hold every frame once and in order, count its payload, and never outgrow their buffer`()
        async throws
    {
        try await checkProperty(runs: 25, steps: 300) { run in
            var builder = BurstBuilder(ByteBuffer(), number: 0)
            var bursts: [LaneBurst] = []
            var sent: [Message] = []
            func endBurst() {
                run.note("burst \(bursts.count + 1) has \(builder.payload) bytes")
                bursts.append(builder.burst)
                builder = BurstBuilder(ByteBuffer(), number: bursts.count)
            }
            func append(_ message: Message) {
                builder.append(message, stream: 9)
                sent.append(message)
                if builder.isFull { endBurst() }
            }
            while run.step() { append(try message(sent.count, &run)) }
            append(.end(TreeEnd(entries: UInt64(sent.count), bytes: 0, skipped: 0)))
            try run.expect(builder.isEmpty, "END does not end its burst")

            var decoder = FrameDecoder(connection: .lane)
            decoder.isGreeted = true
            var received: [Message] = []
            for burst in bursts {
                try run.expect(burst.frames.readableBytes <= BurstBuilder.capacity, "a burst outgrows its buffer")
                decoder.feed(burst.frames)
                var payload = 0
                while let frame = try decoder.next() {
                    payload += frame.payload.readableBytes
                    received.append(try Message(frame))
                }
                try run.expect(
                    decoder.isEmpty && payload == burst.payload, "a burst counts \(burst.payload) of \(payload) bytes")
            }
            try run.expect(received == sent, "\(received.count) other frames than the \(sent.count) that were sent")
            try run.expect(
                bursts.map(\.isTerminal) == bursts.indices.map { $0 == bursts.count - 1 }, "the end is not last")
        }
    }

    @Test func `an asker is believed just when it has the same, frame by frame`() async throws {
        try await checkProperty(runs: 100, steps: 40) { run in
            var sent: [Message] = []
            while run.step() { sent.append(try message(sent.count, &run)) }
            if sent.isEmpty { sent.append(try message(0, &run)) }
            // The asker has so many; one of them may be another than is sent now.
            let count = run.number(1...sent.count)
            let odd = run.oneIn(2) ? run.number(0...count - 1) : nil
            var digest = TreeDigest()
            for (number, message) in sent.prefix(count).enumerated() {
                digest.add(number == odd ? try self.message(50_000 + number, &run) : message)
            }
            run.note("\(count) of \(sent.count) are there, number \(odd ?? -1) is odd")
            var check = ResumeCheck(ResumePoint(entries: UInt64(count), offset: nil, digest: digest.value))
            for (number, message) in sent.prefix(count).enumerated() {
                let verdict = check.add(message)
                let expected = number < count - 1 ? ResumeCheck.Verdict.more : odd == nil ? .equal : .different
                try run.expect(verdict == expected, "frame \(number) is taken as \(verdict)")
            }
        }
    }

    @Test func `a walk ends the tree just when the receiver has what it passes, also after walks that were broken off`()
        async throws
    {
        try await checkProperty(runs: 100, steps: 60) { run in
            var versions = SentVersions()
            /// Name and version of what there is, and what the receiver has.
            var origin: [Int: UInt64] = [:]
            var receiver: [Int: UInt64] = [:]
            /// The last walk was broken off: all may be sent again.
            var isInDoubt = false
            func change() {
                let name = run.number(0...30)
                origin[name] = run.oneIn(3) ? nil : UInt64(run.number(1...3))
                run.note("\(name) is \(origin[name] ?? 0)")
            }
            /// Passes all, in order; what the receiver has is kept, and all else of the directory goes.
            func walk(upTo end: Int = .max) throws -> Bool {
                run.note("a walk\(end == .max ? "" : " up to \(end)")")
                versions.beginWalk()
                var named: Set<Int> = []
                for (name, version) in origin.sorted(by: { $0.key < $1.key }) {
                    guard name < end else {
                        versions.breakOff()
                        isInDoubt = true
                        return false
                    }
                    let print = versions.fingerprint([UInt8(name)], version: version)
                    if versions.holds(print) {
                        try run.expect(receiver[name] == version, "\(name) is kept, but the receiver does not have it")
                    } else {
                        receiver[name] = version
                    }
                    versions.pass(print)
                    named.insert(name)
                }
                for name in receiver.keys where !named.contains(name) { receiver[name] = nil }
                return true
            }
            func walkToTheEnd() throws -> Bool {
                let before = receiver
                guard try walk() else { return false }
                let isOver = versions.endWalk()
                try run.expect(!isOver || before == origin, "the tree ends before the receiver has all of it")
                try run.expect(
                    isOver || before != origin || isInDoubt, "a walk without a difference does not end the tree")
                isInDoubt = false
                return isOver
            }
            while run.step() {
                switch run.number(0...5) {
                case 0...3: change()
                case 4: if try walk(upTo: run.number(0...31)) { _ = versions.endWalk() }
                default: _ = try walkToTheEnd()
                }
            }
            if try !walkToTheEnd() { try run.expect(walkToTheEnd(), "two walks of a tree at rest do not end it") }
            try run.expect(receiver == origin, "the receiver has something else")
        }
    }

    @Test func `a note of what was kept comes back as it was, and not at all if a byte of it is another`() async throws
    {
        try await checkProperty(runs: 100, steps: 40) { run in
            var fingerprints: [UInt64] = []
            while run.step() { fingerprints.append(run.next()) }
            let kept = KeptVersions(seed: run.next(), fingerprints: fingerprints)
            let stamp = run.next()
            var note = kept.encoded(stamp: stamp)
            try run.expect(KeptVersions(note, stamp: stamp) == kept, "the note says something else")
            try run.expect(KeptVersions(note, stamp: stamp &+ 1) == nil, "the note is taken for another generation's")
            let place = run.number(0...note.count - 1)
            let flip = UInt8(run.number(1...255))
            run.note("byte \(place) of \(note.count) changes by \(flip)")
            note[place] ^= flip
            try run.expect(KeptVersions(note, stamp: stamp) == nil, "a note with a wrong byte is believed")
            let short = note.prefix(run.number(0...note.count - 1))
            try run.expect(KeptVersions(Array(short), stamp: stamp) == nil, "a note that is cut short is believed")
        }
    }
}
