import BatonProtocol
import Foundation
import PropertyTesting
import Testing

@testable import BatonFiles

/// A tree below the origin's root that changes at random.
private struct RestlessTree {
    let top: String
    private let files = FileManager.default

    init(_ bench: Bench) throws {
        top = bench.originRoot + "/tree"
        try files.createDirectory(atPath: top, withIntermediateDirectories: false)
    }

    private var paths: [String] { (try? files.subpathsOfDirectory(atPath: top).sorted()) ?? [] }

    private func isDirectory(_ path: String) -> Bool {
        (try? files.attributesOfItem(atPath: top + "/" + path)[.type] as? FileAttributeType) == .typeDirectory
    }

    private func isFile(_ path: String) -> Bool {
        (try? files.attributesOfItem(atPath: top + "/" + path)[.type] as? FileAttributeType) == .typeRegular
    }

    /// In some directory; there may be something.
    private func place(_ run: inout Run) -> String {
        let directories = [""] + paths.filter { isDirectory($0) && $0.count < 8 }.map { $0 + "/" }
        return (run.pick(directories) ?? "") + (run.pick("abcdefgh").map { String($0) } ?? "")
    }

    private func data(_ run: inout Run) -> Data {
        let count = run.oneIn(3) ? run.number(100_000...600_000) : run.number(0...20_000)
        return Data(repeating: UInt8(run.number(0...255)), count: count)
    }

    /// Enough to be read for a while.
    func fill(_ run: inout Run) {
        for _ in 0..<run.number(2...8) {
            try? files.createDirectory(atPath: top + "/" + place(&run), withIntermediateDirectories: false)
        }
        for _ in 0..<40 { write(place(&run), &run) }
    }

    private func write(_ new: String, _ run: inout Run) {
        run.note("write \(new)")
        if !isFile(new) { try? files.removeItem(atPath: top + "/" + new) }
        try? data(&run).write(to: URL(filePath: top + "/" + new))
    }

    /// One change. What cannot be done is not: a directory is not moved into itself.
    func change(_ run: inout Run) {
        let new = place(&run)
        let old = run.pick(paths) ?? new
        let (oldPlace, newPlace) = (top + "/" + old, top + "/" + new)
        switch run.number(0...11) {
        case 0...2: write(new, &run)
        case 3:
            run.note("append to \(old)")
            guard isFile(old), let handle = FileHandle(forWritingAtPath: oldPlace) else { return }
            _ = try? handle.seekToEnd()
            try? handle.write(contentsOf: data(&run))
            try? handle.close()
        case 4...5:
            run.note("make the directory \(new)")
            try? files.createDirectory(atPath: newPlace, withIntermediateDirectories: false)
        case 6:
            run.note("remove \(old)")
            try? files.removeItem(atPath: oldPlace)
        case 7...8:
            run.note("move \(old) to \(new)")
            guard !new.hasPrefix(old), !old.hasPrefix(new) else { return }
            try? files.removeItem(atPath: newPlace)
            try? files.moveItem(atPath: oldPlace, toPath: newPlace)
        case 9:
            run.note("link \(new) to \(old)")
            guard !new.hasPrefix(old), !old.hasPrefix(new) else { return }
            try? files.removeItem(atPath: newPlace)
            try? files.createSymbolicLink(atPath: newPlace, withDestinationPath: old)
        case 10:
            run.note("give \(old) the name \(new), too")
            guard isFile(old), old != new else { return }
            try? files.removeItem(atPath: newPlace)
            try? files.linkItem(atPath: oldPlace, toPath: newPlace)
        default:
            guard isFile(old) || isDirectory(old), let mode = run.pick([0o700, 0o711, 0o755]) else { return }
            run.note("mode \(String(mode, radix: 8)) for \(old)")
            try? files.setAttributes([.posixPermissions: mode], ofItemAtPath: oldPlace)
        }
    }
}

/// What reads the tree at its origin, and what writes it at the receiver.
private final class Copying {
    private let reader: TreeReader
    private let writer: TreeWriter
    private var decoder = FrameDecoder(connection: .lane)
    private(set) var isOver = false

    init(_ bench: Bench, to destination: String) throws {
        reader = try bench.reading("tree").reader
        writer = try bench.writer(destination)
        decoder.isGreeted = true
    }

    func step() throws {
        switch try reader.next() {
        case .burst(let burst):
            decoder.feed(burst.frames)
            while let frame = try decoder.next() { try writer.receive(frame) }
            // What changes from here on is too late.
            guard burst.isTerminal else { return }
            isOver = true
            _ = try writer.publish()
        case .pause(let milliseconds): Thread.sleep(forTimeInterval: Double(milliseconds) / 1000)
        case nil: throw Flaw(what: "no END")
        }
    }
}

@Suite("A tree that changes between its passes", .timeLimit(.minutes(60)))
struct PassPropertyTests {
    @Test func `whatever changes, and whenever, the copy is the tree as it is in the end`() async throws {
        try await checkProperty(runs: 8, steps: 12) { run in
            let bench = try Bench()
            let tree = try RestlessTree(bench)
            let destination = bench.receiverRoot + "/copy"
            tree.fill(&run)
            for _ in 0..<run.number(0...10) { tree.change(&run) }
            let copying = try Copying(bench, to: destination)
            while !copying.isOver, run.step() {
                for _ in 0..<run.number(0...2) { tree.change(&run) }
                for _ in 0..<run.number(1...2) where !copying.isOver { try copying.step() }
            }
            for _ in 0..<1000 where !copying.isOver { try copying.step() }
            try run.expect(copying.isOver, "the passes never end")
            let (expected, copied) = (try bench.description(of: tree.top), try bench.description(of: destination))
            try run.expect(copied == expected, "the copy is\n\(copied)\nand the tree is\n\(expected)")
            try run.expect(try bench.leftovers.isEmpty, "something is left beside the copy")
        }
    }
}
