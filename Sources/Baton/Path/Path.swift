import BatonFiles
import BatonProtocol
public import FoundationEssentials
public import SystemPackage

/// A file or directory by reference: which work has it, and the path there.
///
/// A path is a value: it holds no file open and costs nothing to hand over. `"outputs/checkpoints"` and `"lit://outputs/checkpoints"` are
/// the same path, relative to the root directory of the work that holds it; `"lit:///data/x"` is absolute. Once another work has been
/// handed a path, that path has an ``origin``, as `"lit://trainer@outputs/checkpoints"` has, and keeps it in whatever is derived from it.
///
/// Local operations (`readText`, `list`, `move`, …) are about this machine: for a path of another work about the copy that
/// ``get(to:overwrite:within:stall:)`` has brought. Remote ones (`existsRemote`, `get`, …) ask the work that owns the path. All of
/// them belong into a work's run; elsewhere they throw ``PathError/Code/outsideWork``.
///
/// Names are bytes, as Linux has them: what is no UTF-8 survives every derivation, and is percent-encoded in ``description``. Chapter 10
/// of `Protocol/` has all rules.
public struct Path: Hashable, Sendable {
    let reference: Reference

    init(_ reference: Reference) { self.reference = reference }

    /// Reads a path from text: with `lit://` a reference, whose escapes (`%20`) are decoded; without, a plain path, taken as it stands.
    ///
    /// `.`, `..` and repeated slashes are resolved, without a look at any file.
    ///
    /// A literal, also in parentheses (`Path("outputs")`), does not come here: it is read by ``init(stringLiteral:)``, which traps
    /// where this one throws.
    ///
    /// - Throws: ``PathError`` `invalidPath`: a `..` that leads above the start, a work's or a component's name that cannot be, an empty
    ///   text, another scheme than `lit://`, more than 4,096 bytes.
    public init(_ text: some StringProtocol) throws(PathError) {
        do throws(NameError) {
            if Reference.isMeant(by: text) {
                reference = try Reference(text)
            } else {
                guard !text.isEmpty else {
                    throw .invalidPath("", reason: "it is empty; '.' is the root directory of the work")
                }
                let scheme = text.prefix { $0.isLetter }
                guard scheme.isEmpty || !text[scheme.endIndex...].utf8.starts(with: "://".utf8) else {
                    throw .invalidReference(
                        Escaping.printable(String(text)),
                        reason: "it does not begin with \(Reference.scheme); for a file URL use init(url:)")
                }
                reference = Reference(path: try PathName(resolving: Array(text.utf8)))
            }
        } catch {
            throw PathError(error)
        }
    }

    /// Makes a path of any bytes.
    ///
    /// - Parameters:
    ///   - bytes: the path as it stands; empty for the root directory of the work.
    ///   - origin: the work that owns it.
    /// - Throws: ``PathError`` `invalidPath`.
    public init(bytes: some Collection<UInt8>, origin: String? = nil) throws(PathError) {
        do throws(NameError) {
            let work: WorkName? = if let origin { try WorkName(origin) } else { nil }
            reference = Reference(origin: work, path: try PathName(resolving: Array(bytes)))
        } catch {
            throw PathError(error)
        }
    }

    /// A path of the file system, as other libraries have it. One that is not absolute begins at the work's root directory.
    ///
    /// - Throws: ``PathError`` `invalidPath`.
    public init(filePath: FilePath) throws(PathError) { try self.init(bytes: filePath.bytes) }

    /// A file URL, as other libraries have it.
    ///
    /// - Throws: ``PathError`` `invalidPath`, also for a URL that is no file's.
    public init(url: URL) throws(PathError) {
        guard url.isFileURL else {
            throw PathError(.invalidPath, "'\(Escaping.printable(url.absoluteString))' is no URL of a file")
        }
        try self.init(bytes: url.path.utf8)
    }

    /// The work that owns the path; `nil`: it is not attached, and means a path of the work that holds it.
    public var origin: String? { reference.origin?.description }

    /// The path without its origin, as Linux has it: relative to the root directory of its work, and empty for that, or absolute.
    public var bytes: [UInt8] { reference.path.bytes }

    /// Whether it begins at the file system's root instead of the work's root directory.
    public var isAbsolute: Bool { reference.path.isAbsolute }

    /// The same path as one that this work owns, unless it has an origin; as it is outside of a work's run.
    var attachedToCurrentWork: Path {
        Path(Reference(origin: reference.origin ?? WorkContext.current?.work, path: reference.path))
    }
}

extension Path: CustomStringConvertible {
    /// The text form, `lit://trainer@outputs/x`: reading it gives the same path. It is safe to print: what is no printable UTF-8 is
    /// percent-encoded.
    public var description: String { reference.description }
}

extension Path: ExpressibleByStringLiteral {
    /// Traps, saying why, if the text is no path: it stands in the program's source. Everything else goes through ``init(_:)``.
    public init(stringLiteral text: String) {
        do { try self.init(text) } catch { preconditionFailure(error.message) }
    }
}

extension Path: Comparable {
    /// Paths of one work come together; among them a directory before what lies in it, names bytewise.
    public static func < (a: Path, b: Path) -> Bool {
        if a.reference.origin == b.reference.origin { return a.reference.path < b.reference.path }
        return (a.origin ?? "") < (b.origin ?? "")
    }
}

extension Path: Codable {
    /// Reads one string, as ``init(_:)`` does.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: error.message, underlyingError: error))
        }
    }

    /// Writes one string, the ``description``. In a call to another work the path is attached: a path of the caller's own gets the caller
    /// as its origin.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode((Handing.current?.attach(reference) ?? reference).description)
    }
}
