import SystemPackage

/// Where file systems are mounted, as this process sees it: `/proc/self/mountinfo`.
struct MountTable {
    private let text: [UInt8]

    init() throws(Errno) {
        let file = try Descriptor.place(of: "/proc/self/mountinfo").reopenedFile()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 1)
        defer { buffer.deallocate() }
        var text: [UInt8] = []
        while text.count < 64 << 20 {
            let count = try file.read(into: buffer, at: UInt64(text.count))
            if count == 0 { break }
            text += buffer[..<count]
        }
        self.text = text
    }

    /// - Parameter path: absolute, free of links.
    func hasMount(below path: [UInt8]) -> Bool {
        let prefix = MountTable.escaped(path) + [UInt8(ascii: "/")]
        return text.split(separator: UInt8(ascii: "\n")).contains { line in
            let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
            return fields.count > 4 && fields[4].starts(with: prefix)
        }
    }

    /// The table writes space, tab, newline and backslash as three octal digits.
    private static func escaped(_ path: [UInt8]) -> [UInt8] {
        path.flatMap { byte -> [UInt8] in
            switch byte {
            case UInt8(ascii: " "): Array("\\040".utf8)
            case UInt8(ascii: "\t"): Array("\\011".utf8)
            case UInt8(ascii: "\n"): Array("\\012".utf8)
            case UInt8(ascii: "\\"): Array("\\134".utf8)
            default: [byte]
            }
        }
    }
}
