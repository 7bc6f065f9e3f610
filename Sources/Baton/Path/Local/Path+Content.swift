import Glibc
import SystemPackage

extension Path {
    /// All bytes of the file, on this machine.
    ///
    /// - Throws: ``PathError`` `notFound`, `isADirectory`, `permission`, `outsideWork`; `tooLarge` for more than the memory of this
    ///   machine: read it in parts, by its ``filePath``.
    public func readBytes() throws(PathError) -> [UInt8] {
        try locally("cannot be read") { place throws(Errno) in try LocalFile(place, O_RDONLY).read() }
    }

    /// All of the file as text, on this machine.
    ///
    /// - Throws: as ``readBytes()``; `corrupt` if it is no UTF-8.
    public func readText() throws(PathError) -> String {
        guard let text = String(validating: try readBytes(), as: UTF8.self) else {
            throw PathError(.corrupt, "'\(self)' is no UTF-8 text: read its bytes", path: self)
        }
        return text
    }

    /// Writes a file, on this machine: what was there before is replaced. Its directory must be there, see
    /// ``makeDirectory(parents:existingOK:)``.
    ///
    /// - Parameters:
    ///   - bytes: all that is to be in the file.
    ///   - atomically: by a ``temporarySibling()`` that takes the file's name once it is complete, so that whoever reads or gets it
    ///     sees all of the old or all of the new. A symbolic link there is replaced. Otherwise it is written in place, through links.
    /// - Throws: ``PathError`` `notFound` if there is no directory for it, `isADirectory`, `permission`, `noSpace`, `outsideWork`.
    public func write(_ bytes: some Collection<UInt8>, atomically: Bool = true) throws(PathError) {
        let failing = "cannot be written"
        guard atomically, hasParent else {
            return try locally(failing) { place throws(Errno) in
                try LocalFile(place, O_WRONLY | O_CREAT | O_TRUNC).write(bytes)
            }
        }
        _ = try WorkContext.required(for: self)
        // The temporary file is nobody's business: what fails is the writing of this one.
        let temporary = try temporarySibling().filePath
        try locally(failing) { place throws(Errno) in
            let old = try? place.status(followingLinks: false)
            if let old, old.st_mode & S_IFMT == S_IFDIR { throw .isDirectory }
            do throws(Errno) {
                let file = try LocalFile(temporary, O_WRONLY | O_CREAT | O_EXCL)
                if let old, old.st_mode & S_IFMT == S_IFREG { try file.setMode(old.st_mode & 0o777) }
                try file.write(bytes)
                try temporary.takeName(of: place)
            } catch {
                if error != .fileExists { try? temporary.removeFile() }
                throw error
            }
        }
    }

    /// Writes text as UTF-8. As ``write(_:atomically:)-(Collection<UInt8>,_)``.
    public func write(_ text: String, atomically: Bool = true) throws(PathError) {
        try write(text.utf8, atomically: atomically)
    }

    /// Adds to the end of a file, on this machine, and makes it if there is none. Links are followed.
    ///
    /// - Throws: as ``write(_:atomically:)-(Collection<UInt8>,_)``.
    public func append(_ bytes: some Collection<UInt8>) throws(PathError) {
        try locally("cannot be written") { place throws(Errno) in
            try LocalFile(place, O_WRONLY | O_CREAT | O_APPEND).write(bytes)
        }
    }

    /// Adds text as UTF-8. As ``append(_:)-(Collection<UInt8>)``.
    public func append(_ text: String) throws(PathError) { try append(text.utf8) }
}

extension FilePath {
    /// Renames it over a file.
    fileprivate func takeName(of other: FilePath) throws(Errno) {
        let result = withPlatformString { old in other.withPlatformString { rename(old, $0) } }
        if result != 0 { throw Errno(rawValue: errno) }
    }
}
