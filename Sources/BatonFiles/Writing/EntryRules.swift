import BatonProtocol

extension TreeEntry {
    /// Judges the fields of one entry by themselves (chapter 7).
    func checkFields(takingAttributes: Bool) throws(BatonError) {
        guard mode <= 0o777 else { throw .corrupt(path, "has more than permission bits") }
        guard modified.nanoseconds < 1_000_000_000 else {
            throw .corrupt(path, "has a time with a second's worth of nanoseconds or more")
        }
        try checkTarget()
        try checkAttributes(takingAttributes)
        switch kind {
        case .file:
            guard size > 0 || isLast else { throw .corrupt(path, "is empty, yet data is to follow") }
        case .directory, .symbolicLink, .hardLink:
            guard size == 0, !isLast else { throw .corrupt(path, "has a size, but is no file") }
        case .other: throw .corrupt(path, "is of a kind that cannot be in a tree")
        }
    }

    private func checkTarget() throws(BatonError) {
        let fits =
            switch kind {
            case .symbolicLink: !target.isEmpty && target.count <= Limits.linkTarget && !target.contains(0)
            case .hardLink: hardLinkTarget.map { !$0.isRoot && !$0.isAbsolute && $0 < path } ?? false
            case .file, .directory, .other: target.isEmpty
            }
        guard fits else { throw .corrupt(path, "has a link target that does not fit its kind") }
    }

    /// The path in the tree of the file that a hard link names again.
    var hardLinkTarget: PathName? { try? PathName(target) }

    private func checkAttributes(_ areTaken: Bool) throws(BatonError) {
        if attributes.isEmpty { return }
        guard areTaken, kind == .file || kind == .directory else {
            throw .corrupt(path, "has extended attributes that nobody asked for")
        }
        var bytes = 0
        var last: [UInt8] = []
        for attribute in attributes {
            guard ExtendedAttribute.travels(attribute.name), last.lexicographicallyPrecedes(attribute.name) else {
                throw .corrupt(path, "has an extended attribute that does not travel, is out of order or came twice")
            }
            last = attribute.name
            bytes += attribute.name.count + attribute.value.count
        }
        guard attributes.count <= Limits.attributes, bytes <= Limits.attributeBytes else {
            throw .corrupt(path, "has more extended attributes than travel")
        }
    }
}
