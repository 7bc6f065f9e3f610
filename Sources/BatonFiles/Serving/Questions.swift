public import BatonProtocol
import BatonTLS
import SystemPackage

extension SharedFiles {
    /// Whether there is something at `path` now.
    ///
    /// - Throws: ``BatonError`` `notShared`; `permission` if this user may not look.
    public func exists(_ path: PathName) throws(BatonError) -> Bool {
        do throws(BatonError) {
            return try existsAsCovered(path)
        } catch {
            if error.code == .notFound { return false }
            throw error
        }
    }

    /// The same for a relay, which may have a kept copy of what is missing.
    ///
    /// - Throws: also `notFound`, uncovered, if the declared path itself is missing.
    public func existsAsCovered(_ path: PathName) throws(BatonError) -> Bool {
        do throws(BatonError) {
            _ = try resolve(path)
            return true
        } catch {
            if error.code == .notFound, !error.isUncovered { return false }
            throw error
        }
    }

    /// The same from what the kernel has in memory, so that an event loop may ask: it never waits for a disk.
    ///
    /// - Returns: `nil` if only ``exists(_:)`` can tell.
    public func existsInMemory(_ path: PathName) -> Bool? {
        if isPlainlyThere(path) { return true }
        do throws(BatonError) {
            _ = try resolve(path, .inMemory)
            return true
        } catch {
            return error.code == .notFound && !error.isUncovered ? false : nil
        }
    }

    /// Kind, size and times of what `path` leads to. A directory is walked to add up its size.
    ///
    /// - Parameters:
    ///   - digest: read everything, too, for the digest of chapter 11.
    ///   - checkpoint: called before each entry and each piece that is read; what it throws ends the walk (a deadline).
    /// - Throws: ``BatonError`` as ``open(_:stream:order:)``, and whatever `checkpoint` throws.
    public func stat(
        _ path: PathName, digest: Bool, checkpoint: () throws(BatonError) -> Void = {}
    ) throws(BatonError) -> PathStatus {
        try resolve(path).stat(digest: digest, hidden: hidden, checkpoint: checkpoint)
    }

    /// The entries of a directory whose names come after `after`, as many as `limit` and one reply allow. For anything
    /// else one entry with an empty name.
    public func list(_ path: PathName, after: [UInt8], limit: UInt16) throws(BatonError) -> Listing {
        try resolve(path).list(after: after, limit: limit, hidden: hidden)
    }
}

extension Place {
    func stat(digest: Bool, hidden: Hidden, checkpoint: () throws(BatonError) -> Void) throws(BatonError) -> PathStatus
    {
        var reply = PathStatus(
            kind: status.entryKind, mode: status.mode, size: status.size, files: 1, modified: status.modified)
        switch status.entryKind {
        case .file:
            if digest {
                reply.digest = try TreeMeasure.digest(ofFile: self, checkpoint: checkpoint)
            }
        case .directory:
            let measure = try TreeMeasure(of: self, digests: digest, hidden: hidden, checkpoint: checkpoint)
            reply.size = measure.size
            reply.files = measure.files
            reply.digest = measure.digest
        case .symbolicLink, .other, .hardLink: throw unsupported("describes")
        }
        return reply
    }

    func list(after: [UInt8], limit: UInt16, hidden: Hidden) throws(BatonError) -> Listing {
        guard status.kind == .directory else {
            return Listing(items: [Listing.Item(status, name: [])], more: false)
        }
        do throws(FileFault) {
            return try list(after, limit: Int(limit), hidden)
        } catch {
            throw .reading(path, error)
        }
    }

    private func list(_ after: [UInt8], limit: Int, _ hidden: Hidden) throws(FileFault) -> Listing {
        let directory = try faulting { () throws(Errno) in try descriptor.directory(.current) }
        let names = try faulting { () throws(Errno) in try DirectoryNames(of: directory) }
        var items: [Listing.Item] = []
        var room = Listing.room
        for index in names.firstIndex(after: after)..<names.count {
            let name = names[index]
            if StageName.matches(name) { continue }
            let found: FileStatus
            do throws(Errno) {
                found = try directory.status(of: name)
            } catch .noSuchFileOrDirectory {
                continue
            } catch {
                throw .system(error)
            }
            if found.identity == hidden.baton { continue }
            let item = Listing.Item(found, name: name.bytes)
            guard item.name.count <= Limits.component else { throw .tooLong }
            room -= item.encodedSize
            if room < 0 || items.count == limit { return Listing(items: items, more: true) }
            items.append(item)
        }
        return Listing(items: items, more: false)
    }
}

extension Listing.Item {
    fileprivate init(_ status: FileStatus, name: [UInt8]) {
        let kind = status.entryKind
        self.init(
            kind: kind, mode: status.mode, size: kind == .file ? status.size : 0, modified: status.modified, name: name)
    }
}
