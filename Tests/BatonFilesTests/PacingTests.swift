import BatonProtocol
import Foundation
import NIOCore
import Testing

@testable import BatonFiles

/// When the reader looks, when it sends, and when it lets its caller have a say.
@Suite struct PacingTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    @Test func `data leaves before the walk has opened its third directory`() throws {
        try bench.run(
            "mkdir origin/tree; cd origin/tree; for i in 1 2 3 4; do mkdir $i; echo $i > $i/f; done; sleep 0.1")
        let reading = try bench.reading("tree")
        try reading.burst()
        #expect(reading.replica.received.map(\.type).contains(.chunk))
        #expect(reading.reader.directoriesOpened == 2)
        try reading.finish()
        #expect(reading.reader.directoriesOpened == 10, "each once to send, once to look again")
    }

    @Test func `a long walk without anything to send returns to its caller again and again`() throws {
        try bench.run("mkdir origin/tree; cd origin/tree; seq 3000 | xargs touch; sleep 0.1")
        let reader = try bench.reading("tree").reader
        var pauses = 0
        while let step = try reader.next() {
            if case .pause(let milliseconds) = step {
                #expect(milliseconds == 0)
                pauses += 1
            }
        }
        #expect((4...7).contains(pauses))
    }

    @Test func `what is ready leaves before a pause`() throws {
        try bench.run("mkdir -p origin/tree/b; cd origin/tree; touch a b/f; sleep 0.1; printf fresh > b/f")
        let clock = HandClock(wall: try bench.changeTime(of: "tree/b/f")).clock
        let reader = try bench.reading("tree", clock: clock).reader
        guard case .burst = try reader.next() else { throw Flaw(what: "the first burst waits") }
        guard case .pause(51) = try reader.next() else { throw Flaw(what: "the fresh file is not waited for") }
    }

    @Test func `a directory that was just written to is listed once it has settled`() throws {
        try bench.run("mkdir origin/tree; touch origin/tree/f")
        let hand = HandClock(wall: try bench.changeTime(of: "tree"))
        let reader = try bench.reading("tree", clock: hand.clock).reader
        for wait in [51, 21, 1] {
            guard case .pause(wait) = try reader.next() else { throw Flaw(what: "no pause of \(wait) ms") }
            #expect(reader.directoriesOpened == 0)
            hand.advance(wait == 51 ? 30 : 20)
        }
        _ = try reader.next()
        #expect(reader.directoriesOpened == 1)
    }

    @Test func `a directory that is written to all the time ends with changed, naming it`() throws {
        try bench.run("mkdir -p origin/tree/busy; touch origin/tree/busy/f")
        let hand = HandClock()
        let reader = try bench.reading("tree", clock: hand.clock).reader
        let error = try expectError(.changed) {
            for round in 0..<1000 {
                guard let step = try reader.next() else { return }
                if case .pause(let milliseconds) = step { hand.advance(milliseconds) }
                try Data().write(to: URL(filePath: bench.originRoot + "/tree/busy/\(round)"))
            }
        }
        #expect(error.path == (try PathName("tree/busy")))
    }
}

/// When something has been left alone for long enough.
@Suite struct SettlingTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    /// The status of a file, and the time of its last change plus `milliseconds`.
    private func status(after script: String = "touch file") throws -> FileStatus {
        try bench.run(script)
        return try Descriptor.place(of: FileName(Array((bench.top + "/file").utf8))).status()
    }

    private func time(_ milliseconds: Int, after stamp: Timestamp) -> Timestamp {
        let nanoseconds = Int64(stamp.nanoseconds) + Int64(milliseconds) * 1_000_000
        let (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return rest < 0
            ? Timestamp(seconds: stamp.seconds + seconds - 1, nanoseconds: UInt32(rest + 1_000_000_000))
            : Timestamp(seconds: stamp.seconds + seconds, nanoseconds: UInt32(rest))
    }

    private func look(_ settling: inout Settling, _ status: FileStatus, age: Int, steady: Int) -> Settling.Verdict {
        settling.look(at: status, wall: time(age, after: status.changed), steady: steady)
    }

    @Test func `what was changed 50 ms ago has settled, at the first look`() throws {
        var settling = Settling()
        #expect(look(&settling, try status(), age: 50, steady: 0) == .settled)
    }

    @Test func `what was changed later waits for the rest, and is then looked at once more`() throws {
        var settling = Settling()
        let status = try status()
        #expect(look(&settling, status, age: 20, steady: 0) == .wait(31))
        #expect(look(&settling, status, age: 40, steady: 20) == .wait(11))
        #expect(look(&settling, status, age: 51, steady: 31) == .settled)
    }

    @Test func `an mtime that was set back does not make a file older`() throws {
        var settling = Settling()
        let status = try status(after: "touch file; touch -d 2001-01-01 file")
        #expect(look(&settling, status, age: 0, steady: 0) == .wait(51))
    }

    @Test func `what was written while it was waited for waits anew, also if its mtime was set back`() throws {
        var settling = Settling()
        #expect(
            look(&settling, try status(after: "touch file; touch -d 2001-01-01 file"), age: 0, steady: 0) == .wait(51))
        let written = try status(after: "printf x > file; touch -d 2001-01-01 file")
        #expect(look(&settling, written, age: 1, steady: 51) == .wait(50))
        #expect(look(&settling, written, age: 51, steady: 101) == .settled)
    }

    @Test func `a name more or less is no write`() throws {
        var settling = Settling()
        #expect(look(&settling, try status(), age: 0, steady: 0) == .wait(51))
        #expect(look(&settling, try status(after: "ln file name"), age: 0, steady: 51) == .settled)
    }

    @Test(arguments: [-1, -3_600_000, -400 * 86_400_000])
    func `a stamp from the future waits the whole time once`(age: Int) throws {
        var settling = Settling()
        let status = try status()
        #expect(look(&settling, status, age: age, steady: 0) == .wait(51))
        #expect(look(&settling, status, age: age + 51, steady: 51) == .settled)
    }

    @Test func `what never rests is given up after five seconds`() throws {
        var settling = Settling()
        var steady = 0
        while steady < Settling.patience {
            #expect(look(&settling, try status(after: "touch file"), age: 0, steady: steady) == .wait(51))
            steady += 500
        }
        #expect(look(&settling, try status(after: "touch file"), age: 0, steady: steady) == .never)
    }
}
