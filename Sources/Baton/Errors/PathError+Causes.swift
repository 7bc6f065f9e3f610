import BatonFiles
import BatonProtocol
import SystemPackage

// The one place where what agents, relays and the system say becomes a PathError.

extension PathError {
    /// What an agent answered to a question about `path`.
    init(_ error: BatonError, about path: Path?) {
        let source = Source(rawValue: error.saidBy.name) ?? .local
        self.init(Code(rawValue: error.code.name), Escaping.printable(error.message), path: path, saidBy: source)
    }

    init(_ error: NameError, about path: Path? = nil) { self.init(.invalidPath, "\(error)", path: path) }

    /// What the system said about a file.
    ///
    /// - Parameters:
    ///   - failing: what could not be done: `cannot be read`.
    ///   - place: where the file lies.
    init(_ reason: Errno, _ failing: String, _ path: Path, at place: FilePath) {
        var (code, why) = PathError.meaning(of: reason)
        if code == .notFound, let origin = path.origin, origin != WorkContext.current?.work.description {
            why = "there is no copy of it here: get it, if there is something at work '\(origin)'"
        }
        self.init(code, "'\(path)' \(failing): \(why) ('\(Escaping.printable(place.bytes))')", path: path)
    }

    private static func meaning(of reason: Errno) -> (Code, String) {
        switch reason {
        case .noSuchFileOrDirectory: (.notFound, "there is no such file or directory")
        case .fileExists: (.alreadyExists, "there is something already; pass overwrite: true to replace it")
        case .notDirectory: (.notADirectory, "it, or something above it, is no directory")
        case .isDirectory: (.isADirectory, "it is a directory")
        case .directoryNotEmpty: (.notEmpty, "the directory is not empty; pass recursive: true to remove all of it")
        case .permissionDenied, .notPermitted: (.permission, "the user that this program runs as may not")
        case .readOnlyFileSystem: (.permission, "its file system is mounted read-only")
        case .noSpace, .diskQuotaExceeded: (.noSpace, "there is no space left; free some")
        case .fileTooLarge: (.tooLarge, "it is larger than its file system takes")
        case .fileNameTooLong: (.invalidPath, "its name is too long for this system")
        case .tooManySymbolicLinkLevels: (.invalidPath, "its symbolic links go in a circle")
        case .resourceBusy, .textFileBusy: (.busy, "it is in use")
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory: (.busy, "too much is open; try again (\(reason))")
        case .ioError: (.internal, "the disk reports an error")
        case .notSupported: (.unsupported, "this cannot be done with a socket, a FIFO or a device")
        case .improperLink: (.unsupported, "that would lead to another file system")
        case .invalidArgument: (.usage, "the system refuses that (\(reason))")
        default: (.internal, "\(reason)")
        }
    }

    static func outsideWork(_ path: Path?) -> PathError {
        let what = path.map { "'\($0)' was to be looked at or changed" } ?? "files were to be touched"
        return PathError(
            .outsideWork,
            "\(what) outside of a work's run: file operations belong there, a flow only passes paths on; a program that baton-agent runs does them in withAgent { }",
            path: path)
    }

    static func notAttached(_ path: Path) -> PathError {
        PathError(
            .notAttached,
            "'\(path)' belongs to no other work that could be asked: a path gets its origin when its work hands it over, as an argument, a result or its state; or name the work: lit://WORK@PATH",
            path: path)
    }

    static func differentOrigins(_ left: Path, _ right: Path, _ what: String) -> PathError {
        func owner(_ path: Path) -> String { path.origin.map { "work '\($0)'" } ?? "no work in particular" }
        return PathError(
            .differentOrigins,
            "'\(right)' cannot be \(what) '\(left)': the one is a path of \(owner(right)), the other of \(owner(left))",
            path: right)
    }
}
