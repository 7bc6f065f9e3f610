import BatonProtocol
import BatonTLS
import SystemPackage

/// Reads a manifest, entry by entry in tree order, from the start or from any path; a few lines are in memory.
struct ManifestReader {
    private let file: Descriptor
    let header: Manifest.Header
    let totals: Manifest.Totals
    /// Where the entries lie in the file.
    private let body: Range<UInt64>
    private var lines: ManifestLines
    private var pending: Manifest.Entry?
    private var last: PathName?
    /// Entries so far, as long as none was passed over.
    private var count: UInt64? = 0

    /// - Throws: ``FileFault`` for a file that does not begin and end as a manifest does. The checksum is ``check(_:)``'s.
    init(_ file: Descriptor) throws(FileFault) {
        self.file = file
        let size = try faulting { () throws(Errno) in try file.status().size }
        var head = ManifestLines(file, from: 0, to: size)
        header = try Manifest.Header(&head)
        let tail = size - min(size, UInt64(Manifest.largestTrailer))
        let text = try faulting { () throws(Errno) in try file.bytes(Manifest.largestTrailer, at: tail) }
        guard let start = text.lastRange(of: Array("\nentries ".utf8))?.lowerBound else {
            throw Manifest.flaw("has no end")
        }
        let end = tail + UInt64(start) + 1
        guard head.offset <= end else { throw Manifest.flaw("has no entries") }
        var rest = ManifestLines(file, from: end, to: size)
        totals = try Manifest.Totals(&rest)
        body = head.offset..<end
        lines = ManifestLines(file, from: body.lowerBound, to: body.upperBound)
    }

    /// Reads all of the file, and compares it with its last line.
    static func check(_ file: Descriptor) throws(FileFault) {
        let size = try faulting { () throws(Errno) in try file.status().size }
        let length = UInt64(Manifest.checksumKey.count + Limits.digest * 2 + 1)
        guard size > length else { throw Manifest.flaw("has no end") }
        var checksum = SHA256()
        var offset: UInt64 = 0
        while offset < size - length {
            let count = Int(min(131_072, size - length - offset))
            let bytes = try faulting { () throws(Errno) in try file.bytes(count, at: offset) }
            guard !bytes.isEmpty else { throw Manifest.flaw("is cut off") }
            checksum.update(bytes)
            offset += UInt64(bytes.count)
        }
        var expected = Manifest.checksumKey
        expected.write(hexadecimal: checksum.finalize())
        expected.append(UInt8(ascii: "\n"))
        let found = try faulting { () throws(Errno) in try file.bytes(Int(length), at: offset) }
        guard found == expected else {
            throw Manifest.flaw("is cut off, or somebody changed it: its checksum is wrong")
        }
    }

    mutating func next() throws(FileFault) -> Manifest.Entry? {
        if let entry = pending {
            pending = nil
            return entry
        }
        guard let line = try lines.next() else {
            guard count == nil || count == totals.entries else { throw Manifest.flaw("lacks entries") }
            return nil
        }
        guard let entry = Manifest.Entry(line), entry.since <= header.generation else {
            throw Manifest.flaw("has a line that is none")
        }
        guard last.map({ $0 < entry.path }) ?? (count == nil || entry.path.isRoot) else {
            throw Manifest.flaw("is out of order at '\(entry.path)'")
        }
        last = entry.path
        count = count.map { $0 + 1 }
        return entry
    }

    /// The next entry, which ``next()`` is still to give.
    mutating func peek() throws(FileFault) -> Manifest.Entry? {
        if pending == nil { pending = try next() }
        return pending
    }

    /// Goes, forwards or backwards, to the first entry that is `path` or comes after it.
    mutating func seek(to path: PathName) throws(FileFault) {
        // A line begins at `low`, and is of an entry before `path` unless it is the first.
        var (low, high) = (body.lowerBound, body.upperBound)
        while high - low > 65_536 {
            let middle = low + (high - low) / 2
            var lines = ManifestLines(file, from: middle, to: body.upperBound)
            _ = try lines.next()
            let start = lines.offset
            guard start < high, let line = try lines.next() else {
                high = middle
                continue
            }
            guard let entry = Manifest.Entry(line) else { throw Manifest.flaw("has a line that is none") }
            if entry.path < path { low = start } else { high = middle }
        }
        lines = ManifestLines(file, from: low, to: body.upperBound)
        (pending, last, count) = (nil, nil, nil)
        while let entry = try peek(), entry.path < path { pending = nil }
    }

    /// What the manifest says of `path`.
    mutating func entry(at path: PathName) throws(FileFault) -> Manifest.Entry? {
        try seek(to: path)
        return try peek().flatMap { $0.path == path ? $0 : nil }
    }
}

// MARK: First and last lines

extension ManifestLines {
    /// The value of a line with this key.
    fileprivate mutating func value(_ key: String) throws(FileFault) -> ArraySlice<UInt8> {
        guard let line = try next(), line.starts(with: key.utf8),
            line.dropFirst(key.utf8.count).first == UInt8(ascii: " ")
        else { throw Manifest.flaw("has no line '\(key)' where it belongs") }
        return line.dropFirst(key.utf8.count + 1)
    }

    fileprivate mutating func value<T>(
        _ key: String, _ parse: (ArraySlice<UInt8>) -> T?
    ) throws(FileFault) -> T {
        guard let value = parse(try value(key)) else { throw Manifest.flaw("has a bad line '\(key)'") }
        return value
    }
}

extension Manifest.Header {
    fileprivate init(_ lines: inout ManifestLines) throws(FileFault) {
        guard try lines.value("baton-manifest", ManifestText.decimal) == Manifest.version else {
            throw Manifest.flaw("is of a version that this relay does not know")
        }
        owner = try lines.value("work", OwnerKey.init)
        reference = try lines.value("reference") { try? Reference(String(decoding: $0, as: UTF8.self)) }
        generation = try lines.value("generation", ManifestText.decimal)
        stamp = try lines.value("stamp", ManifestText.word)
        created = try lines.value("created", ManifestText.timestamp)
        epoch = try lines.value("epoch", ManifestText.decimal)
        guard generation > 0, stamp > 0 else { throw Manifest.flaw("names no generation") }
    }
}

extension Manifest.Totals {
    fileprivate init(_ lines: inout ManifestLines) throws(FileFault) {
        entries = try lines.value("entries", ManifestText.decimal)
        files = try lines.value("files", ManifestText.decimal)
        bytes = try lines.value("bytes", ManifestText.decimal)
        hardLinks = try lines.value("hardlinks", ManifestText.decimal)
        digest = try lines.value("digest", ManifestText.digest)
        _ = try lines.value("checksum", ManifestText.digest)
        guard digest.count == Limits.digest, entries > 0, try lines.next() == nil else {
            throw Manifest.flaw("does not end as it should")
        }
    }
}

extension [UInt8] {
    /// Where `pattern` occurs last.
    fileprivate func lastRange(of pattern: [UInt8]) -> Range<Int>? {
        guard !pattern.isEmpty, count >= pattern.count else { return nil }
        for start in stride(from: count - pattern.count, through: 0, by: -1)
        where self[start..<(start + pattern.count)].elementsEqual(pattern) { return start..<(start + pattern.count) }
        return nil
    }
}
