import SystemPackage

/// The lines of a part of a file, one after the other; never more than a few of them in memory.
struct ManifestLines {
    private let file: Descriptor
    private let end: UInt64
    /// Where what comes after the buffer lies in the file.
    private var position: UInt64
    private var buffer: [UInt8] = []
    private var start = 0

    private static let block = 65_536

    init(_ file: Descriptor, from start: UInt64, to end: UInt64) {
        self.file = file
        self.end = end
        position = start
    }

    /// Where the next line begins.
    var offset: UInt64 { position - UInt64(buffer.count - start) }

    /// The next line without its line feed; `nil` at the end.
    mutating func next() throws(FileFault) -> ArraySlice<UInt8>? {
        var searched = start
        while true {
            if let feed = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = feed + 1 }
                return buffer[start..<feed]
            }
            searched = buffer.count - start
            guard searched <= Manifest.longestLine else { throw Manifest.flaw("has a line without end") }
            guard try fill() else {
                guard start == buffer.count else { throw Manifest.flaw("is cut off in a line") }
                return nil
            }
        }
    }

    private mutating func fill() throws(FileFault) -> Bool {
        buffer.removeSubrange(..<start)
        start = 0
        let count = Int(min(UInt64(ManifestLines.block), end - min(end, position)))
        guard count > 0 else { return false }
        let more = try faulting { () throws(Errno) in try file.bytes(count, at: position) }
        position += UInt64(more.count)
        buffer += more
        return !more.isEmpty
    }
}

extension Descriptor {
    /// Fewer than `count` only at the end of the file.
    func bytes(_ count: Int, at offset: UInt64) throws(Errno) -> [UInt8] {
        var result: Result<Int, Errno> = .success(0)
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { memory, filled in
            do throws(Errno) {
                filled = try read(into: UnsafeMutableRawBufferPointer(memory), at: offset)
            } catch {
                result = .failure(error)
            }
        }
        _ = try result.get()
        return bytes
    }
}
