import BatonProtocol
import Glibc
import SystemPackage

/// The directories of a store:
///
/// ```text
/// STORE/artifacts/<trust domain>/<app>/<work>/<path>/     a shelf: all generations of one declared path
///     about                                               what the path is, and the highest number that was ever used
///     3/manifest                                          a generation, which never changes:
///     3/content                                           the file or directory itself
///     3/pinned, 3/damaged                                 if it is
/// STORE/incoming/<shelf>/                                 a generation that is being received
/// STORE/.baton/                                           stages and journals (``WorkFolder``), what is being removed (`trash`)
/// ```
final class StoreFolder: Sendable {
    let work: WorkFolder
    let artifacts: Descriptor
    let incoming: Descriptor
    let trash: Descriptor
    /// Held as long as this store is open: one relay at a time.
    private let lock: Descriptor

    /// - Throws: ``BatonError`` `busy` if another process has it; what keeps the directories from being made.
    init(root: FilePath) throws(BatonError) {
        work = try WorkFolder(root: root)
        do throws(Errno) {
            lock = try work.baton.lock("store.lock")
            artifacts = try work.directory.ownDirectory("artifacts")
            incoming = try work.directory.ownDirectory("incoming")
            trash = try work.baton.ownDirectory("trash")
        } catch .wouldBlock {
            let name = Escaping.printable(root.bytes)
            throw BatonError(.busy, "another relay uses the store '\(name)': each needs a directory of its own")
        } catch {
            throw .writing(root, error)
        }
    }

    var hidden: Hidden { Hidden(baton: work.batonIdentity) }

    /// The directory of a shelf; `nil` if there is none.
    func shelf(_ key: ShelfKey) throws(Errno) -> Descriptor? {
        do throws(Errno) {
            var directory = artifacts
            for name in key.names { directory = try directory.directory(name) }
            return directory
        } catch .noSuchFileOrDirectory {
            return nil
        }
    }

    /// The directory of a shelf, made and on the disk.
    ///
    /// - Parameter last: the highest number that was ever used.
    func makeShelf(_ key: ShelfKey, last: UInt64) throws(Errno) -> Descriptor {
        var directory = artifacts
        for name in key.names {
            do throws(Errno) {
                try directory.makeDirectory(name, mode: 0o755)
                try directory.synchronize()
            } catch .fileExists {}
            directory = try directory.directory(name)
        }
        if try About(directory) == nil { try About(path: key.path, last: last).write(in: directory) }
        return directory
    }

    /// Where the generation that is received for a shelf lies.
    func incomingPath(_ key: ShelfKey) -> FilePath {
        work.root.appending("incoming").appending(key.incomingName)
    }

    /// Free bytes of the disk that this user may write.
    func freeBytes() throws(Errno) -> (free: UInt64, all: UInt64) {
        var status = statvfs()
        let directory = try incoming.directory(.current)
        _ = try systemCall { fstatvfs(directory.number, &status) }
        let block = UInt64(status.f_frsize)
        return (
            UInt64(status.f_bavail).multipliedReportingOverflow(by: block).partialValue,
            UInt64(status.f_blocks).multipliedReportingOverflow(by: block).partialValue
        )
    }
}

extension Descriptor {
    /// A directory for this user alone.
    fileprivate func ownDirectory(_ name: FileName) throws(Errno) -> Descriptor {
        do throws(Errno) {
            try makeDirectory(name, mode: 0o700)
            try directory(.current).synchronize()
        } catch .fileExists {}
        return try directory(name)
    }

    /// Opens a file that no other process has open like this.
    ///
    /// - Throws: `EWOULDBLOCK` if one has.
    fileprivate func lock(_ name: FileName) throws(Errno) -> Descriptor {
        do throws(Errno) { _ = try createFile(name) } catch .fileExists {}
        let file = try fileForWriting(name)
        _ = try systemCall { flock(file.number, LOCK_EX | LOCK_NB) }
        return file
    }

    func move(_ name: FileName, to directory: Descriptor, as newName: FileName) throws(Errno) {
        _ = try systemCall { renameat(number, name.cString, directory.number, newName.cString) }
    }
}

/// What a shelf knows of itself when it has no generation: the file `about`.
struct About {
    var path: PathName
    /// No number up to this is used again.
    var last: UInt64

    private static let name: FileName = "about"
    private static let newName: FileName = "about.new"

    init(path: PathName, last: UInt64) {
        self.path = path
        self.last = last
    }

    /// - Returns: `nil` if there is none, or it is not what was written.
    init?(_ shelf: Descriptor) throws(Errno) {
        do throws(Errno) {
            let lines = try shelf.readNote(About.name, atMost: 32_768).split(separator: UInt8(ascii: "\n"))
            guard lines.count == 2, lines[0].starts(with: "reference ".utf8), lines[1].starts(with: "last ".utf8),
                let reference = try? Reference(String(decoding: lines[0].dropFirst(10), as: UTF8.self)),
                let last = ManifestText.decimal(lines[1].dropFirst(5)), last <= StoreNames.largestNumber
            else { return nil }
            self.init(path: reference.path, last: last)
        } catch .noSuchFileOrDirectory {
            return nil
        }
    }

    /// Has it on the disk, whole whatever happens.
    func write(in shelf: Descriptor) throws(Errno) {
        do throws(Errno) { try shelf.removeFile(About.newName) } catch .noSuchFileOrDirectory {}
        let text = "reference \(Reference(path: path))\nlast \(last)\n"
        try shelf.writeNote(About.newName, Array(text.utf8), durably: true)
        try shelf.rename(About.newName, to: About.name)
        try shelf.synchronize()
    }

    static let names: Set<FileName> = [name, newName]
}
