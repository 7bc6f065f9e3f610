import BatonProtocol

extension FuzzTarget {
    /// What a reference means can be written and read again; nothing it holds leads upwards.
    static let reference = FuzzTarget(
        name: "reference",
        code: ["BatonProtocol/Names/Reference.swift", "BatonProtocol/Names/Escaping.swift"],
        seeds: { Vectors.references.map { Array($0.text.utf8) } },
        check: { input in
            let text = String(decoding: input, as: UTF8.self)
            try judge(escaped: Escaping.printable(input))
            try expect(Escaping.decode(Escaping.encode(input).utf8) == input, "what is encoded is decoded otherwise")
            do {
                let reference = try Reference(text)
                try judge(resolved: reference.path)
                try judge(escaped: reference.description)
                try expect(
                    (try? Reference(reference.description)) == reference, "'\(reference)' is read as another reference")
            } catch let error as NameError {
                try judge(escaped: error.description)
            }
        })

    /// A path on the wire is resolved, and what is derived from it is, too; tree order is an order.
    ///
    /// Input: length u8 of a second path, the second path, the first.
    static let path = FuzzTarget(
        name: "path",
        code: ["BatonProtocol/Names/PathName.swift"],
        longest: 6000,
        seeds: {
            let paths = Vectors.paths.map { [UInt8](hex: $0.path) }
            return paths.map { [0] + $0 } + zip(paths, paths.dropFirst()).map { [UInt8(clamping: $0.count)] + $0 + $1 }
        },
        check: { input in
            var choices = Choices(input)
            let second = choices.bytes(Int(choices.byte()))
            let first = choices.remaining()
            if let resolved = try? PathName(resolving: first) { try judge(resolved: resolved) }
            guard let path = try? PathName(first) else { return }
            try judge(resolved: path)
            try judge(escaped: path.description)
            try expect(path.bytes == first, "a path that was taken is another")
            try expect((try? PathName(resolving: first)) == path, "resolving changes a path that is resolved")
            if let parent = path.parent {
                try judge(resolved: parent)
                try expect((try? parent.appending(path.name)) == path, "'\(path)' is not its parent and its name")
                try expect(parent < path, "'\(parent)' does not come before '\(path)'")
                try expect(path.relative(to: parent)?.bytes == Array(path.name), "'\(path)' is not below its parent")
            }
            if let longer = try? path.appending(second) {
                try judge(resolved: longer)
                try expect(longer.relative(to: path)?.bytes == second, "'\(longer)' is not below '\(path)'")
            }
            guard let other = try? PathName(second) else { return }
            let orders = [path < other, other < path, path == other].count { $0 }
            try expect(orders == 1, "'\(path)' and '\(other)' are in no order")
            if let rest = path.relative(to: other) {
                try judge(resolved: rest)
                try expect(rest.isRoot == (path == other), "'\(rest)' is what is left of '\(path)' below '\(other)'")
            }
        })

    /// Names of works and apps hold nothing but what they may.
    static let names = FuzzTarget(
        name: "name",
        code: ["BatonProtocol/Names/WorkName.swift"],
        longest: 200,
        seeds: { Vectors.names.map { Array($0.text.utf8) } },
        check: { input in
            let text = String(decoding: input, as: UTF8.self)
            do {
                let name = try WorkName(text)
                let isPlain = name.description.utf8.allSatisfy { byte in
                    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-".utf8.contains(byte)
                }
                try expect(isPlain && (1...128).contains(text.utf8.count), "'\(name)' is taken for a name")
                try expect(name.description == text && text != "." && text != "..", "'\(text)' is taken for a name")
                try expect(!(name < name), "'\(name)' comes before itself")
            } catch let error as NameError {
                try judge(escaped: error.description)
            }
        })
}

/// What holds of every path, by its bytes alone.
func judge(resolved path: PathName) throws(Finding) {
    var bytes = path.bytes[...]
    if bytes.first == UInt8(ascii: "/") { bytes = bytes.dropFirst() }
    try expect(path.bytes.count <= 4096 && !bytes.contains(0), "the path \(path.bytes.hex)")
    if bytes.isEmpty { return }
    for component in bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
        let isPlain = (1...255).contains(component.count) && ![[46], [46, 46]].contains(Array(component))
        try expect(isPlain, "a component of the path \(path.bytes.hex)")
    }
}

/// What goes to a terminal or a log is one line without control characters.
func judge(escaped text: String) throws(Finding) {
    let isPlain = text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    try expect(isPlain, "control characters in \([UInt8](text.utf8).hex)")
}
