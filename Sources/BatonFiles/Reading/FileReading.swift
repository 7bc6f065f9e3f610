import BatonProtocol
import BatonTLS
import SystemPackage

/// One file while it is read: which bytes come next, where its holes are, and whether its content is still the same.
struct FileReading {
    let file: Descriptor
    /// Of the version that is read.
    let status: FileStatus
    private let isSparse: Bool
    private let isKept: Bool
    /// Of a kept file that is read from its start and without holes: what its content must come to, and what has been read of it.
    private var digest: (expected: [UInt8], soFar: SHA256)?
    /// The data around ``position``, up to the next hole.
    private var extentEnd: UInt64 = 0
    /// Where the next data lies; the size when nothing but a hole is left.
    private(set) var position: UInt64

    /// Smallest piece that is not the last, in bytes.
    private static let smallestPiece = UInt64(Limits.smallestOpenChunk)

    /// - Parameters:
    ///   - status: of the file, settled.
    ///   - offset: what lies before it is not wanted.
    ///   - digest: SHA-256 of a kept file: nobody writes in it, but it gains and loses names, which changes its ctime.
    init(
        _ file: Descriptor, status: FileStatus, from offset: UInt64 = 0, digest: [UInt8]? = nil
    ) throws(FileFault) {
        isKept = digest != nil
        self.file = file
        self.status = status
        position = min(offset, status.size)
        isSparse = status.allocated < status.size
        if let digest, offset == 0, !isSparse { self.digest = (digest, SHA256()) }
        try seekData()
        if isDone { try checkContent() }
    }

    var isDone: Bool { position >= status.size }

    /// Bytes that are left at most.
    var remaining: UInt64 { status.size - min(status.size, position) }

    /// Reads the next piece; none without data is left.
    ///
    /// - Returns: its length, and whether the file ends with it (or with a hole after it). The content is known to be the
    ///   same still before the piece is handed out.
    mutating func read(into memory: UnsafeMutableRawBufferPointer) throws(FileFault) -> (count: Int, isLast: Bool) {
        var wanted = min(UInt64(memory.count), extentEnd - position)
        if wanted < FileReading.smallestPiece {
            // Too small to stand alone: some of the hole after it is read along.
            wanted = min(UInt64(memory.count), remaining, FileReading.smallestPiece)
        }
        let target = UnsafeMutableRawBufferPointer(rebasing: memory.prefix(Int(clamping: wanted)))
        let count = try faulting { () throws(Errno) in try file.read(into: target, at: position) }
        guard count == target.count, count > 0 else { throw .changed }
        position += UInt64(count)
        if position >= extentEnd { try seekData() }
        digest?.soFar.update(UnsafeRawBufferPointer(target))
        try checkContent()
        return (count, isDone)
    }

    private mutating func seekData() throws(FileFault) {
        var bounds: Range<UInt64>? = position..<max(position, status.size)
        if isSparse, position < status.size {
            bounds = try faulting { () throws(Errno) in try file.nextData(from: position, size: status.size) }
        }
        position = bounds?.lowerBound ?? status.size
        extentEnd = bounds?.upperBound ?? status.size
    }

    private func checkContent() throws(FileFault) {
        let now = try faulting { () throws(Errno) in try file.status() }
        guard now.hasContent(of: status, whateverItsNames: isKept) else { throw .changed }
        if isDone, let digest, digest.soFar.finalize() != digest.expected {
            throw .stopped(BatonError(.corrupt, "the content of a file in the store is not what was stored"))
        }
    }
}
