public import BatonProtocol
import NIOCore
import SystemPackage

/// Reads what a reference leads to as lane frames (chapter 7), a burst at a time: nothing is read before it is asked for,
/// and nothing is kept. Blocking; for one owner.
public final class TreeReader {
    private let place: Place
    private let stream: StreamID
    private let hidden: Hidden

    private var walk: TreeWalk?
    private var file: FileReading?
    private var ring = BufferRing(count: 8, capacity: BurstBuilder.capacity)
    private var counts = TreeEnd(entries: 0, bytes: 0, skipped: 0)
    private var hasBegun = false
    private var isDone = false

    init(_ place: Place, stream: StreamID, hidden: Hidden) throws(BatonError) {
        self.place = place
        self.stream = stream
        self.hidden = hidden
        guard place.status.entryKind == .file || place.status.entryKind == .directory else {
            throw place.unsupported("copies")
        }
    }

    /// The next frames; `nil` after the burst that holds END.
    ///
    /// - Throws: ``BatonError`` `permission` for what cannot be read, `changed` for what did not stay the same,
    ///   `tooLarge` for a path that is too long for the wire; each names the entry. After that the reader is of no use.
    public func nextBurst() throws(BatonError) -> LaneBurst? {
        if isDone { return nil }
        var burst = BurstBuilder(ring.take())
        do throws(FileFault) {
            while !burst.isFull, !isDone {
                if let file, !file.isDone {
                    try appendChunk(to: &burst)
                } else if let entry = try nextEntry(&burst) {
                    burst.append(.entry(entry), stream: stream)
                    counts.entries += 1
                    Moment.entryRead()
                }
            }
        } catch {
            isDone = true
            throw .reading(place.path(of: walk?.path ?? []), error)
        }
        ring.keep(burst.buffer)
        return burst.burst
    }

    private func appendChunk(to burst: inout BurstBuilder) throws(FileFault) {
        guard let file else { return }
        let room = burst.room - FrameHeader.size - Chunk.headerSize
        var fault: FileFault?
        let count = try? burst.buffer.writeChunk(
            stream: stream, offset: file.position, capacity: min(room, Int(clamping: file.remaining))
        ) { memory throws(BatonError) in
            do throws(FileFault) {
                return try self.file?.read(into: memory) ?? (0, true)
            } catch {
                fault = error
                return (0, true)
            }
        }
        if let fault { throw fault }
        guard let count else { throw .changed }
        burst.payload += Chunk.headerSize + count
        Moment.chunkRead()
        counts.bytes += UInt64(count)
    }

    /// Goes one step on.
    ///
    /// - Returns: the entry to send; `nil` for a step without one.
    private func nextEntry(_ burst: inout BurstBuilder) throws(FileFault) -> TreeEntry? {
        file = nil
        guard hasBegun else { return try top() }
        switch try walk?.next() {
        case .entered(let status):
            return try entry(.directory, status)
        case .file(let status):
            guard let descriptor = try walk?.openFile(status) else { throw .changed }
            return try begin(descriptor, status)
        case .link(let status, let target):
            var entry = try entry(.symbolicLink, status)
            entry.target = target
            return entry
        case .skipped(let reason):
            burst.append(.skipped(SkippedEntry(reason: reason, path: try path)), stream: stream)
            counts.skipped += 1
        case .left: break
        case nil:
            Moment.beforeEnd()
            burst.append(.end(counts), stream: stream)
            isDone = true
        }
        return nil
    }

    private func top() throws(FileFault) -> TreeEntry {
        hasBegun = true
        let opened = try faulting { () throws(Errno) in
            place.status.kind == .directory
                ? try place.descriptor.directory(.current) : try place.descriptor.reopenedFile()
        }
        let status = try faulting { () throws(Errno) in try opened.status() }
        guard status.kind == .directory else { return try begin(opened, status) }
        walk = try TreeWalk(top: opened, hidden: hidden)
        return try entry(.directory, status)
    }

    private func begin(_ descriptor: Descriptor, _ status: FileStatus) throws(FileFault) -> TreeEntry {
        let reading = try FileReading(descriptor, status: status)
        var entry = try entry(.file, status)
        entry.size = status.size
        entry.isLast = reading.isDone
        file = reading
        return entry
    }

    private func entry(_ kind: EntryKind, _ status: FileStatus) throws(FileFault) -> TreeEntry {
        TreeEntry(kind: kind, mode: status.mode, modified: status.modified, path: try path)
    }

    private var path: PathName {
        get throws(FileFault) {
            do { return try PathName(walk?.path ?? []) } catch { throw .tooLong }
        }
    }
}

extension SharedFiles {
    /// Begins to read what `path` leads to, for the stream of a GET.
    ///
    /// - Throws: ``BatonError`` `notShared`, `notFound`, `permission`; `unsupported` for a socket, a FIFO or a device.
    public func open(_ path: PathName, stream: StreamID) throws(BatonError) -> sending TreeReader {
        try TreeReader(resolve(path), stream: stream, hidden: hidden)
    }
}
