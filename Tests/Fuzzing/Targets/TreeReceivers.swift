import BatonFiles
import BatonProtocol
import NIOCore

@testable import BatonFiles

extension FuzzTarget {
    /// What writes a tree, on a disk in memory: whatever comes, nothing outside its stage and its destination changes, nothing is
    /// left of a tree that did not come whole, and what is published is what is said of it.
    ///
    /// Input: the options of the order, then the steps of a ``TreeScript``.
    static let treeReceiver = FuzzTarget(
        name: "tree-receiver",
        code: [
            "BatonFiles/Writing/TreeWriter.swift", "BatonFiles/Writing/IncomingTree.swift",
            "BatonFiles/Writing/StageBuilder.swift", "BatonFiles/Writing/StageDirectories.swift",
            "BatonFiles/Writing/SkippedList.swift",
        ],
        longest: 2048,
        seeds: {
            Vectors.trees.flatMap { sequence in
                let frames = sequence.frames.map(TreeScript.step)
                let options: UInt8 = sequence.base == nil ? 0 : 2
                let half = frames.count / 2
                return [
                    [options] + frames.joined(),
                    [options | 1 | 8] + frames[..<half].joined() + [0x1E] + frames[half...].joined(),
                ]
            }
        },
        check: { input in
            var choices = Choices(input)
            var receiver = try Receiver(options: choices.byte())
            var script = TreeScript(choices)
            // A writer costs as much as hundreds of frames.
            var writers = 1
            while let step = script.next() {
                switch step {
                case .frame(let frame): receiver.take(frame)
                case .newStream: receiver.beginStream()
                case .newWriter where writers < 3:
                    writers += 1
                    try receiver.beginAnew()
                case .newWriter: break
                }
            }
            try receiver.end()
        })

    /// The same with the bytes of a lane, as its decoder cuts them.
    ///
    /// Input: the options of the order, then bytes.
    static let treeFrames = FuzzTarget(
        name: "tree-frames",
        code: [
            "BatonFiles/Writing/TreeWriter.swift: public final class TreeWriter > public func receive",
            "BatonFiles/Writing/TreeWriter.swift: public final class TreeWriter > func receive",
            "BatonFiles/Writing/TreeWriter.swift: extension TreeWriter > private func take",
            "BatonFiles/Writing/TreeWriter.swift: extension TreeWriter > private func begin",
            "BatonFiles/Writing/IncomingTree.swift: struct IncomingTree > mutating func take",
        ],
        seeds: {
            Vectors.trees.map { [$0.base == nil ? 0 : 2] + $0.frames.flatMap(\.bytes) }.filter { $0.count <= 4096 }
        },
        check: { input in
            var choices = Choices(input)
            var receiver = try Receiver(options: choices.byte())
            var decoder = FrameDecoder(connection: .lane)
            decoder.isGreeted = true
            decoder.feed(ByteBuffer(bytes: choices.remaining()))
            while let frame = (try? decoder.next()) ?? nil {
                // What a lane's connection and credit are made of is not the receiver's.
                if frame.type.rawValue >= 0x40 || frame.type == .error { receiver.take(frame) }
            }
            try receiver.end()
        })
}

/// One order for a tree, and what surrounds it.
private struct Receiver {
    private let scratch: Scratch
    private let order: TreeWriter.Order
    private let overwrite: Bool
    private let before: [UInt64]
    private var writer: TreeWriter
    /// A frame was refused: this writer takes no more.
    private var isRefused = false

    init(options: UInt8) throws {
        guard let scratch = Scratch.shared else { throw Finding(description: "there is no directory to work in") }
        self.scratch = scratch
        var order = TreeWriter.Order(
            source: Reference(origin: try WorkName("origin"), path: .root), attributes: options & 1 != 0,
            strict: options & 4 != 0)
        if options & 2 != 0 { order.base = scratch.base }
        order.notesVersions = options & 8 != 0
        self.order = order
        overwrite = options & 16 != 0
        if overwrite { _ = try scratch.folder.directory.createFile("copy") }
        before = try scratch.surroundings
        writer = try TreeWriter(
            destination: scratch.destination, overwrite: overwrite, folder: scratch.folder, order: order)
    }

    mutating func take(_ frame: Frame) {
        if isRefused { return }
        // An ERROR harms nothing, but ends the stream.
        do { try writer.receive(frame) } catch { isRefused = true }
    }

    func beginStream() { writer.beginStream() }

    /// What has come is left to another writer of the same order.
    mutating func beginAnew() throws {
        writer.keepPartial()
        writer = try TreeWriter(
            destination: scratch.destination, overwrite: overwrite, folder: scratch.folder, order: order)
        isRefused = false
    }

    func end() throws {
        let publication = try? writer.publish()
        writer.discard()
        if let publication {
            try expect(!isRefused, "a tree is published that was refused")
            let found = try scratch.measure()
            let isAsTold = found.files == publication.files && found.bytes == publication.bytes
            try expect(
                isAsTold, "\(found) lie there, \(publication.files) files of \(publication.bytes) bytes were told")
        }
        if overwrite || publication != nil { try scratch.removeDestination() }
        let left = scratch.leftovers
        try expect(left == [".baton"], "\(left) is left")
        try expect(try scratch.surroundings == before, "something outside the work's folder has changed")
    }
}
