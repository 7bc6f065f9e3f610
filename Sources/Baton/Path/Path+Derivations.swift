import BatonFiles
import BatonProtocol

// Everything here is about the text of paths: no file is looked at. What is derived has the origin of what it was derived from.

extension Path {
    /// The last component, `epoch=9.ckpt`; empty for the root directory and for `/`. For people: bytes that are no UTF-8 are replaced by `�`.
    public var name: String { String(decoding: reference.path.name, as: UTF8.self) }

    /// The name without its suffix, `epoch=9`. For people, as ``name``.
    public var stem: String { String(decoding: splitName.stem, as: UTF8.self) }

    /// The end of the name from its last dot on, `.ckpt`; empty if there is none, or only at the beginning or end of the name. For people,
    /// as ``name``.
    public var suffix: String { String(decoding: splitName.suffix, as: UTF8.self) }

    /// All suffixes, in their order: `[".tar", ".gz"]`. For people, as ``name``.
    public var suffixes: [String] {
        let name = reference.path.name
        guard name.last != Path.dot else { return [] }
        return name.drop { $0 == Path.dot }.split(separator: Path.dot, omittingEmptySubsequences: false).dropFirst()
            .map { "." + String(decoding: $0, as: UTF8.self) }
    }

    /// All components, from the first to the ``name``. For people, as that is.
    public var components: [String] { reference.path.components.map { String(decoding: $0, as: UTF8.self) } }

    /// The path without its last component. The root directory of a work, and `/`, are their own.
    public var parent: Path { derived(reference.path.parent ?? reference.path) }

    var hasParent: Bool { reference.path.parent != nil }

    /// What lies above the path, from its ``parent`` to the root directory of its work or `/`; nothing for these.
    public var parents: [Path] {
        var parents: [Path] = []
        var next = reference.path.parent
        while let parent = next {
            parents.append(derived(parent))
            next = parent.parent
        }
        return parents
    }

    /// The path with another last component.
    ///
    /// - Throws: ``PathError`` `invalidPath` if that is no name, or the path has none.
    public func replacing(name: String) throws(PathError) -> Path { try replacing(nameBytes: name.utf8) }

    /// The path with another name and the same ``suffix``.
    ///
    /// - Throws: as ``replacing(name:)``.
    public func replacing(stem: String) throws(PathError) -> Path {
        try replacing(nameBytes: Array(stem.utf8) + splitName.suffix)
    }

    /// The path with another suffix: `.json`, or an empty one to take it away. A name that has none gets it.
    ///
    /// - Throws: as ``replacing(name:)``, also if the suffix does not begin with a dot.
    public func replacing(suffix: String) throws(PathError) -> Path {
        guard suffix.isEmpty || (suffix.utf8.first == UInt8(ascii: ".") && suffix != ".") else {
            throw PathError(
                .invalidPath, "'\(Escaping.printable(suffix))' is no suffix: write a dot, then something", path: self)
        }
        return try replacing(nameBytes: Array(splitName.stem) + Array(suffix.utf8))
    }

    private func replacing(nameBytes: some Collection<UInt8>) throws(PathError) -> Path {
        guard let parent = reference.path.parent else {
            throw PathError(.invalidPath, "'\(self)' has no name that could be replaced", path: self)
        }
        do throws(NameError) { return derived(try parent.appending(nameBytes)) } catch {
            throw PathError(error, about: self)
        }
    }

    private var splitName: (stem: ArraySlice<UInt8>, suffix: ArraySlice<UInt8>) {
        let name = reference.path.name
        guard let dot = name.lastIndex(of: Path.dot), dot > name.startIndex, dot < name.endIndex - 1,
            name[..<dot].contains(where: { $0 != Path.dot })
        else { return (name, []) }
        return (name[..<dot], name[dot...])
    }

    func derived(_ path: PathName) -> Path { Path(Reference(origin: reference.origin, path: path)) }

    private static let dot = UInt8(ascii: ".")
}

// MARK: Joining and relating

extension Path {
    /// The path below this one. `..` in it goes up again; one that is absolute takes the place of this path, in the same work.
    ///
    /// - Throws: ``PathError`` `differentOrigins` if `other` has an origin that is not that of this path, `invalidPath`.
    // A literal behind it is to be text, which may begin with `..`, and not a path of its own.
    @_disfavoredOverload
    public func appending(_ other: Path) throws(PathError) -> Path {
        guard other.reference.origin == nil || other.reference.origin == reference.origin else {
            throw .differentOrigins(self, other, "joined to")
        }
        return try appending(bytes: other.bytes)
    }

    /// The path below this one. The text is read as ``init(_:)`` reads it, but that `..` in it may lead above its start.
    ///
    /// - Throws: as ``appending(_:)-(Path)``.
    public func appending(_ text: String) throws(PathError) -> Path {
        if Reference.isMeant(by: text) { return try appending(try Path(text)) }
        return try appending(bytes: text.utf8)
    }

    /// The path below this one, of any bytes: a name as the file system gave it.
    ///
    /// - Throws: as ``appending(_:)-(Path)``.
    public func appending(bytes other: some Collection<UInt8>) throws(PathError) -> Path {
        let slash = UInt8(ascii: "/")
        do throws(NameError) {
            if other.first == slash { return derived(try PathName(resolving: Array(other))) }
            // The root directory of the work is empty: a slash behind it would make the path an absolute one.
            let separator = bytes.isEmpty ? [] : [slash]
            return derived(try PathName(resolving: bytes + separator + Array(other)))
        } catch {
            throw PathError(error, about: self)
        }
    }

    /// ``appending(_:)-(Path)``; `nil` adds nothing.
    // Optional, so that a literal behind the slash is a `String` to the compiler, which prefers operands of the same type.
    public static func / (directory: Path, other: Path?) throws(PathError) -> Path {
        guard let other else { return directory }
        return try directory.appending(other)
    }

    /// ``appending(_:)-(String)``
    public static func / (directory: Path, other: String) throws(PathError) -> Path {
        try directory.appending(other)
    }

    /// The way from a directory to this path: `directory / relative == path`. It keeps the origin.
    ///
    /// - Throws: ``PathError`` `differentOrigins` if `directory` has an origin that is not that of this path, `invalidPath` if this
    ///   path is not below it.
    public func relative(to directory: Path) throws(PathError) -> Path {
        guard directory.reference.origin == nil || directory.reference.origin == reference.origin else {
            throw .differentOrigins(directory, self, "related to")
        }
        guard let rest = reference.path.relative(to: directory.reference.path) else {
            throw PathError(.invalidPath, "'\(self)' does not lie below '\(directory)'", path: self)
        }
        return derived(rest)
    }

    /// Whether the path is `directory` or lies below it, in the same work.
    public func isBelow(_ directory: Path) -> Bool {
        reference.origin == directory.reference.origin && reference.path.relative(to: directory.reference.path) != nil
    }

    /// A name beside this path that nobody else has, hidden by a leading dot: write there, then ``move(to:overwrite:)`` it here, and whoever
    /// reads sees all of the old or all of the new.
    ///
    /// - Throws: ``PathError`` `invalidPath` if the path has no name, or grows too long.
    public func temporarySibling() throws(PathError) -> Path {
        let random = UInt64.random(in: .min ... .max)
        let tag = [Path.dot] + Array(String(random | 1 << 63, radix: 36).utf8)
        let kept = reference.path.name.prefix(Limits.component - tag.count - 1)
        return try replacing(nameBytes: [Path.dot] + kept + tag)
    }
}
