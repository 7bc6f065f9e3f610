import BatonFiles
import BatonProtocol
public import FoundationEssentials
public import SystemPackage

// Where a path lies on this machine. That depends on the work in whose run it is asked.

extension Path {
    /// Where the path, or the copy of it, lies on this machine, absolute: below the work's root directory, or, if another work owns it,
    /// where ``get(to:overwrite:within:stall:)`` puts it. For everything that takes a `FilePath`.
    ///
    /// - Throws: ``PathError`` `outsideWork`.
    public var filePath: FilePath {
        get throws(PathError) { try WorkContext.required(for: self).place(of: reference) }
    }

    /// The same as a file URL, for everything that takes one: `try Data(contentsOf: path.url)`.
    ///
    /// - Throws: ``PathError`` `outsideWork`; `unsupported` if a name in it is no UTF-8, which URLs cannot carry: use ``filePath``.
    public var url: URL {
        get throws(PathError) { URL(filePath: try string, directoryHint: .notDirectory) }
    }

    /// The same as text, for everything that takes a path as a `String`. (``description`` is the reference.)
    ///
    /// - Throws: as ``url``.
    public var string: String {
        get throws(PathError) {
            let place = try filePath
            guard let text = String(validating: place.bytes, as: UTF8.self) else {
                throw PathError(.unsupported, "'\(self)' is no UTF-8, so it is no text: use its filePath", path: self)
            }
            return text
        }
    }
}

extension WorkContext {
    /// - Throws: ``PathError`` `outsideWork`.
    static func required(for path: Path?) throws(PathError) -> WorkContext {
        guard let current else { throw .outsideWork(path) }
        return current
    }

    var layout: WorkLayout { WorkLayout(root: root) }

    func isOwn(_ reference: Reference) -> Bool { reference.origin ?? work == work }

    func place(of reference: Reference) -> FilePath {
        guard let origin = reference.origin, origin != work else { return layout.ownPath(reference.path) }
        return layout.localPath(origin: origin, path: reference.path)
    }
}
