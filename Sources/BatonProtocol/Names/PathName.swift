/// A path as it travels and as Linux has it: bytes, already resolved (chapter 10).
///
/// Relative to a work's root directory (or to the top of a tree), or absolute with a leading `/`. No component is empty,
/// `.` or `..`; there is no NUL and no trailing slash; the empty path is the root directory (the top) itself.
public struct PathName: Hashable, Sendable {
    public let bytes: [UInt8]

    /// The work's root directory, or the top of a tree.
    public static let root = PathName(unchecked: [])

    private init(unchecked bytes: [UInt8]) { self.bytes = bytes }

    /// Takes bytes that must already be resolved, as on the wire.
    ///
    /// - Throws: ``NameError/invalidPath(_:reason:)``
    public init(_ bytes: some Collection<UInt8>) throws(NameError) {
        let bytes = Array(bytes)
        if let reason = PathName.flaw(in: bytes) {
            throw .invalidPath(Escaping.printable(bytes.prefix(Limits.path)), reason: reason)
        }
        self.bytes = bytes
    }

    /// Resolves `.`, `..`, repeated and trailing slashes lexically.
    ///
    /// - Throws: ``NameError/invalidPath(_:reason:)``, also for a `..` that leads above the start.
    public init(resolving bytes: some Collection<UInt8>) throws(NameError) {
        let isAbsolute = bytes.first == PathName.slash
        var components: [ArraySlice<UInt8>] = []
        for component in Array(bytes).split(separator: PathName.slash) {
            if component.elementsEqual(".".utf8) { continue }
            if component.elementsEqual("..".utf8) {
                guard components.popLast() != nil else {
                    throw .invalidPath(Escaping.printable(bytes), reason: "'..' leads above its start")
                }
            } else {
                components.append(component)
            }
        }
        try self.init((isAbsolute ? [PathName.slash] : []) + components.joined(separator: [PathName.slash]))
    }

    static let slash = UInt8(ascii: "/")

    private static func flaw(in bytes: [UInt8]) -> String? {
        if bytes.count > Limits.path { return "it is longer than \(Limits.path) bytes" }
        if bytes.isEmpty || bytes == [slash] { return nil }
        // Without a list of the components: every path of every request comes by here.
        var start = bytes.first == slash ? 1 : 0
        while true {
            let end = bytes[start...].firstIndex(of: slash) ?? bytes.endIndex
            if let flaw = flaw(inComponent: bytes[start..<end]) { return flaw }
            if end == bytes.endIndex { return nil }
            start = end + 1
        }
    }

    private static func flaw(inComponent component: ArraySlice<UInt8>) -> String? {
        if component.isEmpty { return "it has an empty component" }
        if component.count > Limits.component { return "a component is longer than \(Limits.component) bytes" }
        if component.count <= 2, component.allSatisfy({ $0 == UInt8(ascii: ".") }) {
            return "it has a component '.' or '..'"
        }
        return component.contains(0) ? "it has a NUL byte" : nil
    }
}

extension PathName {
    public var isAbsolute: Bool { bytes.first == PathName.slash }
    public var isRoot: Bool { bytes.isEmpty }

    public var components: [ArraySlice<UInt8>] { bytes.split(separator: PathName.slash) }

    /// The last component; empty for the root and for `/`.
    public var name: ArraySlice<UInt8> {
        bytes.lastIndex(of: PathName.slash).map { bytes[($0 + 1)...] } ?? bytes[...]
    }

    /// The path without its last component; `nil` for the root and for `/`.
    public var parent: PathName? {
        guard !name.isEmpty else { return nil }
        guard let slash = bytes.lastIndex(of: PathName.slash) else { return .root }
        return PathName(unchecked: Array(slash == 0 ? bytes[...0] : bytes[..<slash]))
    }

    /// - Throws: ``NameError/invalidPath(_:reason:)`` if `name` is no component or the whole grows too long.
    public func appending(_ name: some Collection<UInt8>) throws(NameError) -> PathName {
        if let reason = PathName.flaw(inComponent: Array(name)[...])
            ?? (name.contains(PathName.slash) ? "a name cannot hold '/'" : nil)
        {
            throw .invalidPath(Escaping.printable(name), reason: reason)
        }
        let separator = bytes.isEmpty || bytes == [PathName.slash] ? [] : [PathName.slash]
        return try PathName(bytes + separator + name)
    }

    /// What is left of this path below `ancestor`; `nil` if it is neither `ancestor` nor below it.
    public func relative(to ancestor: PathName) -> PathName? {
        guard isAbsolute == ancestor.isAbsolute, bytes.starts(with: ancestor.bytes) else { return nil }
        let rest = bytes.dropFirst(ancestor.bytes.count)
        if rest.isEmpty { return .root }
        if rest.first == PathName.slash { return PathName(unchecked: Array(rest.dropFirst())) }
        return ancestor.isRoot || ancestor.bytes == [PathName.slash] ? PathName(unchecked: Array(rest)) : nil
    }
}

extension PathName: Comparable {
    /// Tree order: component by component, bytewise. It is the order of a depth-first walk with sorted names, and the
    /// same as comparing the bytes with `/` before every other byte.
    public static func < (a: PathName, b: PathName) -> Bool {
        a.bytes.lexicographicallyPrecedes(b.bytes) { x, y in
            if x == y || y == slash { return false }
            return x == slash || x < y
        }
    }
}

extension PathName: CustomStringConvertible {
    /// The path as text that is safe to print, `.` for the root.
    public var description: String { isRoot ? "." : Escaping.printable(bytes) }
}
