import NIOCore

/// An extended attribute of an entry: name bytes8, value bytes32 (chapter 7).
public struct ExtendedAttribute: Hashable, Sendable {
    /// `user.…`, `system.posix_acl_access` or `system.posix_acl_default`.
    public var name: [UInt8]
    public var value: [UInt8]

    public init(name: [UInt8], value: [UInt8]) {
        self.name = name
        self.value = value
    }

    /// Whether attributes of this name travel: those of users and access control lists, nothing that grants privileges.
    public static func travels(_ name: some Collection<UInt8>) -> Bool {
        name.count <= Int(UInt8.max) && !name.contains(0)
            && (name.count > 5 && name.starts(with: "user.".utf8)
                || name.elementsEqual("system.posix_acl_access".utf8)
                || name.elementsEqual("system.posix_acl_default".utf8))
    }
}

extension TreeEntry {
    /// ENTRY: kind u8, mode u16, size u64, mtime_s i64, mtime_ns u32, version u64, path bytes16, target bytes16,
    /// attributes u16, then as many extended attributes (chapter 7).
    init(_ fields: inout PayloadReader, isLast: Bool, isKept: Bool) throws(ProtocolViolation) {
        let kind: EntryKind = try fields.value("kind")
        guard kind != .other else { throw fields.malformed("kind", "cannot travel") }
        let mode = try fields.mode("mode")
        let size: UInt64 = try fields.integer("size")
        let modified = try fields.timestamp("mtime")
        let version: UInt64 = try fields.integer("version")
        let path = try fields.treePath("path")
        let target = try fields.bytes("target", length: UInt16.self, atMost: Limits.path)
        let attributes = try TreeEntry.attributes(&fields)
        self.init(
            kind: kind, mode: mode, size: size, modified: modified, version: version, path: path, target: target,
            attributes: attributes, isLast: isLast, isKept: isKept)
        try judge(fields)
    }

    private func judge(_ fields: PayloadReader) throws(ProtocolViolation) {
        guard !isKept || (kind == .file && isLast) else {
            throw fields.malformed("flags", "keep what is no file, or one with chunks")
        }
        guard kind == .file || (size == 0 && !isLast) else { throw fields.malformed("size", "is of no file") }
        guard kind != .file || size > 0 || isLast else {
            throw fields.malformed("size", "is 0, yet chunks are to follow")
        }
        switch kind {
        case .symbolicLink:
            guard (1...Limits.linkTarget).contains(target.count), !target.contains(0) else {
                throw fields.malformed("target", "is none that a symbolic link can have")
            }
        case .hardLink:
            guard let target = try? PathName(target), !target.isAbsolute, !target.isRoot, target < path else {
                throw fields.malformed("target", "is no path that came before")
            }
        case .file, .directory, .other:
            guard target.isEmpty else { throw fields.malformed("target", "does not fit the kind") }
        }
    }

    private static func attributes(_ fields: inout PayloadReader) throws(ProtocolViolation) -> [ExtendedAttribute] {
        let count: UInt16 = try fields.integer("attributes")
        guard count <= Limits.attributes else { throw fields.malformed("attributes", "are too many") }
        var attributes: [ExtendedAttribute] = []
        var room = Limits.attributeBytes
        for _ in 0..<count {
            let name = try fields.bytes("attribute", length: UInt8.self, atMost: Int(UInt8.max))
            guard ExtendedAttribute.travels(name) else { throw fields.malformed("attribute", "is none that travels") }
            guard attributes.last.map({ $0.name.lexicographicallyPrecedes(name) }) ?? true else {
                throw fields.malformed("attribute", "is out of order, or came twice")
            }
            let value = try fields.bytes("attribute", length: UInt32.self, atMost: Limits.attributeBytes)
            room -= name.count + value.count
            guard room >= 0 else { throw fields.malformed("attributes", "are too long") }
            attributes.append(ExtendedAttribute(name: name, value: value))
        }
        return attributes
    }

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(kind.rawValue, mode, size)
        buffer.write(modified)
        buffer.writeInteger(version)
        buffer.write(path)
        buffer.write(bytes: target, length: UInt16.self)
        buffer.writeInteger(UInt16(clamping: attributes.count))
        for attribute in attributes {
            buffer.write(bytes: attribute.name, length: UInt8.self)
            buffer.write(bytes: attribute.value, length: UInt32.self)
        }
    }
}
