import BatonProtocol
import SystemPackage

// The one place where what the system says becomes a typed error with a sentence.

extension BatonError {
    /// A failure at the origin, while a shared path was looked up or read.
    static func reading(_ path: PathName, _ fault: FileFault) -> BatonError {
        switch fault {
        case .changed:
            BatonError(
                .changed, "'\(path)' changed while it was read: get it again once nobody writes it", path: path)
        case .tooLong:
            BatonError(
                .tooLarge,
                "'\(path)' holds a name of more than \(Limits.component) bytes or a path of more than \(Limits.path)",
                path: path)
        case .stopped(let error): error
        case .system(let reason): reading(path, reason)
        }
    }

    static func reading(_ path: PathName, _ reason: Errno) -> BatonError {
        let (code, text): (ErrorCode, String) =
            switch reason {
            case .noSuchFileOrDirectory, .notDirectory: (.notFound, "does not exist")
            case .fileNameTooLong: (.notFound, "cannot exist: its name is too long for this system")
            case .tooManySymbolicLinkLevels: (.notFound, "leads nowhere: its symbolic links go in a circle")
            case .permissionDenied, .notPermitted:
                (.permission, "may not be read by the user its work runs as: change its mode or its owner")
            case .readOnlyFileSystem:
                (.permission, "is on a file system mounted read-only: pass --serve-read-only to share it")
            case .staleNFSFileHandle: (.changed, "was replaced while it was read: get it again")
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory:
                (.busy, "cannot be opened right now (\(reason)): try again, with fewer transfers at once")
            case .ioError: (.internal, "cannot be read: the disk reports an error")
            default: (.internal, "cannot be read: \(reason)")
            }
        return BatonError(code, "'\(path)' \(text)", path: path)
    }

    /// A failure at the receiver, while `destination` was prepared, written or published.
    static func writing(_ destination: FilePath, _ reason: Errno) -> BatonError {
        let name = Escaping.printable(destination.bytes)
        let (code, text): (ErrorCode, String) =
            switch reason {
            case .noSpace: (.noSpace, "there is no space left for '\(name)': free some, or choose another disk")
            case .diskQuotaExceeded: (.noSpace, "the disk quota is too small for '\(name)': free some space")
            case .readOnlyFileSystem:
                (.cannotCreate, "'\(name)' is on a file system mounted read-only: choose another destination")
            case .permissionDenied, .notPermitted:
                (.permission, "'\(name)' may not be written by this user: choose another destination")
            case .fileExists: (.alreadyExists, "'\(name)' exists; pass --overwrite to replace it")
            case .notDirectory, .tooManySymbolicLinkLevels:
                (.cannotCreate, "'\(name)' cannot be made: something above it is no directory")
            case .noSuchFileOrDirectory:
                (.cannotCreate, "'\(name)' cannot be made: a directory above it has gone or is a dangling link")
            case .fileNameTooLong: (.cannotCreate, "'\(name)' cannot be made: its name is too long for the disk")
            case .fileTooLarge: (.cannotCreate, "'\(name)' cannot be made: a file is too large for the disk")
            case .improperLink:
                (
                    .cannotCreate,
                    "'\(name)' cannot be replaced: its file system (an image's layer?) cannot rename it; choose another"
                )
            case .resourceBusy:
                (.cannotCreate, "'\(name)' cannot be replaced: it is in use as a mount point")
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory:
                (.busy, "'\(name)' cannot be written right now (\(reason)): try again, with fewer transfers at once")
            default: (.cannotCreate, "'\(name)' cannot be written: \(reason)")
            }
        return BatonError(code, text, path: destination.asPathName)
    }

    static func writing(_ destination: FilePath, _ fault: FileFault) -> BatonError {
        switch fault {
        case .system(let reason): return writing(destination, reason)
        case .stopped(let error): return error
        case .changed, .tooLong:
            let name = Escaping.printable(destination.bytes)
            return BatonError(
                .cannotCreate, "'\(name)' cannot be written: somebody else changed its stage",
                path: destination.asPathName)
        }
    }

    static func refused(_ destination: FilePath, _ why: String) -> BatonError {
        let name = Escaping.printable(destination.bytes)
        return BatonError(.cannotCreate, "'\(name)' cannot be a destination: \(why)", path: destination.asPathName)
    }

    /// What came is not what the protocol allows: nothing of it is published.
    static func corrupt(_ path: PathName, _ flaw: String) -> BatonError {
        BatonError(.corrupt, "the tree that came is refused: '\(path)' \(flaw)", path: path)
    }
}

extension FilePath {
    /// The path for an error's `path` field, if it fits one.
    var asPathName: PathName? { try? PathName(resolving: bytes) }
}
