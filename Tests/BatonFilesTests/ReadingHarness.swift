import BatonProtocol
import Foundation
import NIOCore
import Synchronization
import Testing

@testable import BatonFiles

extension TreeReader {
    /// The next burst, after the pauses that the reader asks for; `nil` after END.
    func nextBurst() throws -> LaneBurst? {
        for _ in 0..<10_000 {
            switch try next() {
            case .burst(let burst): return burst
            case .pause(let milliseconds):
                if milliseconds > 0 { Thread.sleep(forTimeInterval: Double(milliseconds) / 1000) }
            case nil: return nil
            }
        }
        throw Flaw(what: "the reader only pauses")
    }
}

/// A clock that stands still until it is told to go on, so that minutes pass in no time, and a slow machine makes no difference.
final class HandClock: Sendable {
    private let milliseconds = Atomic(0)
    private let wall: Timestamp

    /// - Parameter wall: what files are compared with; with the default all are from the future, so that each waits once.
    init(wall: Timestamp = Timestamp(seconds: 0, nanoseconds: 0)) { self.wall = wall }

    func advance(_ milliseconds: Int) { self.milliseconds.add(milliseconds, ordering: .relaxed) }

    var clock: ReaderClock {
        ReaderClock(wall: { [wall] in wall }, steady: { self.milliseconds.load(ordering: .relaxed) })
    }
}

struct Flaw: Error { let what: String }

/// What a receiver has after the messages of a stream, by the rules of chapter 7; in memory, and as strict as the rules.
final class Replica {
    final class Node {
        var entry: TreeEntry
        var data: [UInt8] = []
        init(_ entry: TreeEntry) { self.entry = entry }
    }

    private(set) var nodes: [PathName: Node] = [:]
    private(set) var passes = 0
    private(set) var restartedFiles = 0
    private(set) var skipped: [SkippedEntry] = []
    private(set) var isComplete = false
    private(set) var received: [Message] = []

    private var last: PathName?
    private var open: Node?
    private var end = TreeEnd(entries: 0, bytes: 0, skipped: 0)
    /// Directories that were announced in this pass, with what was named in them.
    private var announced: [(path: PathName, named: Set<PathName>)] = []

    func text(_ path: String) throws -> String? {
        try nodes[PathName(path)].map { String(decoding: $0.data, as: UTF8.self) }
    }

    var paths: [String] { nodes.keys.sorted().map { String(decoding: $0.bytes, as: UTF8.self) } }

    func receive(_ message: Message) throws {
        received.append(message)
        guard !isComplete else { throw Flaw(what: "something after END") }
        switch message {
        case .entry(let entry): try receive(entry)
        case .skipped(let entry):
            if open != nil { throw Flaw(what: "SKIPPED inside a file") }
            if entry.reason != .attributes || last != entry.path { try name(entry.path) }
            if entry.reason != .attributes { remove(entry.path) }
            skipped.append(entry)
            end.skipped += 1
        case .chunk(let chunk):
            guard let open, chunk.offset >= UInt64(open.data.count) else { throw Flaw(what: "a misplaced chunk") }
            open.data += Array(repeating: 0, count: Int(chunk.offset) - open.data.count)
            open.data += Array(buffer: chunk.data)
            end.bytes += UInt64(chunk.data.readableBytes)
            if chunk.isLast { try close(open) }
        case .again(let pass):
            passes += 1
            guard Int(pass) == passes else { throw Flaw(what: "pass \(pass) after \(passes - 1)") }
            leaveAll()
            if let open { nodes[open.entry.path] = nil }
            open = nil
            last = nil
        case .keep(let path):
            try name(path)
            guard nodes[path] != nil else { throw Flaw(what: "\(path) is kept, but not there") }
            guard announced.last?.path == path.parent else {
                throw Flaw(what: "\(path) is kept in no announced directory")
            }
        case .end(let counts):
            guard open == nil, counts == end else { throw Flaw(what: "END does not fit: \(counts), \(end)") }
            leaveAll()
            isComplete = true
        default: throw Flaw(what: "\(message) in a tree")
        }
    }

    /// Takes a message that came on an earlier stream: it does not count for this one's END.
    func take(_ message: Message) throws {
        let before = end
        try receive(message)
        end = before
    }

    private func receive(_ entry: TreeEntry) throws {
        end.entries += 1
        if let open, open.entry.path == entry.path {
            restartedFiles += 1
        } else {
            guard open == nil else { throw Flaw(what: "\(entry.path) inside a file") }
            try name(entry.path)
        }
        open = nil
        if entry.kind == .directory {
            if nodes[entry.path]?.entry.kind != .directory { remove(entry.path) }
            nodes[entry.path] = Node(entry)
            announced.append((entry.path, []))
            return
        }
        remove(entry.path)
        guard entry.kind == .hardLink else {
            let node = Node(entry)
            nodes[entry.path] = node
            if entry.isLast { try close(node) } else if entry.kind == .file { open = node }
            return
        }
        guard let file = try nodes[PathName(entry.target)], file.entry.kind == .file else {
            throw Flaw(what: "\(entry.path) links to nothing")
        }
        nodes[entry.path] = file
    }

    private func close(_ node: Node) throws {
        guard node.data.count <= Int(node.entry.size) else { throw Flaw(what: "too much data") }
        node.data += Array(repeating: 0, count: Int(node.entry.size) - node.data.count)
        open = nil
    }

    private func name(_ path: PathName) throws {
        if let last, last >= path { throw Flaw(what: "\(path) after \(last)") }
        last = path
        while let directory = announced.last, path.relative(to: directory.path) == nil { leave() }
        guard let parent = path.parent else { return }
        guard nodes[parent]?.entry.kind == .directory else { throw Flaw(what: "\(path) lies in no directory") }
        if announced.last?.path == parent { announced[announced.count - 1].named.insert(path) }
    }

    private func leaveAll() { while !announced.isEmpty { leave() } }

    private func leave() {
        guard let (directory, named) = announced.popLast() else { return }
        for path in nodes.keys where path.parent == directory && !named.contains(path) { remove(path) }
    }

    private func remove(_ path: PathName) {
        for inside in nodes.keys where inside.relative(to: path) != nil { nodes[inside] = nil }
    }
}

/// An origin that is read frame by frame, with things done to it in between.
final class Reading {
    let reader: TreeReader
    let replica = Replica()
    private var decoder = FrameDecoder(connection: .lane)

    init(_ reader: TreeReader) {
        self.reader = reader
        decoder.isGreeted = true
    }

    /// Takes one burst.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    func burst() throws -> Bool {
        guard let burst = try reader.nextBurst() else { return false }
        decoder.feed(burst.frames)
        while let frame = try decoder.next() { try replica.receive(Message(frame)) }
        return true
    }

    @discardableResult
    func finish() throws -> Replica {
        while try burst() {}
        guard replica.isComplete else { throw Flaw(what: "no END") }
        return replica
    }
}

extension Bench {
    /// A name that nothing else has.
    var name: String { String(top[(top.lastIndex(of: "/").map(top.index(after:)) ?? top.startIndex)...]) }

    /// When something of the origin was last changed.
    func changeTime(of path: String) throws -> Timestamp {
        try Descriptor.place(of: FileName(Array("\(originRoot)/\(path)".utf8))).status().changed
    }

    func reading(
        _ path: String, attributes: Bool = false, resume: ResumePoint? = nil, base: KeptVersions? = nil,
        clock: ReaderClock = ReaderClock()
    ) throws -> Reading {
        try Reading(
            shared(path).open(
                PathName(path), stream: 1, order: TreeReader.Order(attributes: attributes, resume: resume, base: base),
                clock: clock))
    }
}
