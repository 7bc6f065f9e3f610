import BatonProtocol
import BatonTLS
import SystemPackage

/// Writes a manifest, line by line, and counts what is in it.
struct ManifestWriter {
    private let file: Descriptor
    private var batch: [UInt8] = []
    private var written: UInt64 = 0
    private var checksum = SHA256()
    private var totals = Manifest.Totals()
    private let created: Timestamp

    private static let batchBytes = 131_072

    /// - Parameter file: empty, and open for writing and reading.
    init(_ file: Descriptor, _ header: Manifest.Header) {
        self.file = file
        created = header.created
        let lines = [
            "baton-manifest \(Manifest.version)", "work \(header.owner)", "reference \(header.reference)",
            "generation \(header.generation)", "stamp \(header.stamp.bigEndianBytes.hexadecimal)",
        ]
        for line in lines { batch += Array(line.utf8) + [UInt8(ascii: "\n")] }
        batch += "created ".utf8
        batch.write(header.created)
        batch += "\nepoch \(header.epoch)\n".utf8
    }

    /// - Returns: where the line begins: ``entry(at:)`` finds it again.
    @discardableResult
    mutating func append(_ entry: Manifest.Entry) throws(Errno) -> UInt64 {
        let start = written + UInt64(batch.count)
        entry.write(to: &batch)
        totals.entries += 1
        switch entry.kind {
        case .file:
            totals.files += 1
            totals.bytes = totals.bytes.addingReportingOverflow(entry.size).partialValue
        case .hardLink: totals.hardLinks += 1
        default: break
        }
        if batch.count >= ManifestWriter.batchBytes { try flush() }
        return start
    }

    /// An entry that was written before.
    mutating func entry(at start: UInt64) throws(FileFault) -> Manifest.Entry {
        try faulting { () throws(Errno) in try flush() }
        var lines = ManifestLines(file, from: start, to: written)
        guard let line = try lines.next(), let entry = Manifest.Entry(line) else {
            throw Manifest.flaw("cannot be read back")
        }
        return entry
    }

    /// Writes the last lines, and has all of it on the disk. Its modification time is that of the generation, until the owner is
    /// found to have the same tree later.
    mutating func finish(digest: [UInt8]) throws(Errno) -> Manifest.Totals {
        totals.digest = digest
        batch += "entries \(totals.entries)\nfiles \(totals.files)\nbytes \(totals.bytes)\n".utf8
        batch += "hardlinks \(totals.hardLinks)\ndigest \(digest.hexadecimal)\n".utf8
        try flush()
        batch = Manifest.checksumKey
        batch.write(hexadecimal: checksum.finalize())
        batch.append(UInt8(ascii: "\n"))
        try flush()
        try file.setModified(created)
        try file.synchronize()
        return totals
    }

    private mutating func flush() throws(Errno) {
        checksum.update(batch)
        try file.write(batch, at: written)
        written += UInt64(batch.count)
        batch.removeAll(keepingCapacity: true)
    }
}

extension Descriptor {
    func write(_ bytes: [UInt8], at offset: UInt64) throws(Errno) {
        var result: Result<Void, Errno> = .success(())
        bytes.withUnsafeBytes { bytes in
            do throws(Errno) { try write(bytes, at: offset) } catch { result = .failure(error) }
        }
        try result.get()
    }
}
