import Glibc
import SystemPackage

/// The names in one directory in bytewise order, packed: a directory may hold millions.
struct DirectoryNames {
    private struct Name {
        let start: Int
        let count: Int
        let isFile: Bool
    }

    private var text: [CChar] = []
    private var names: [Name] = []

    init(of directory: Descriptor) throws(Errno) {
        try directory.readDirectory { append(records: $0) }
        text.withUnsafeBufferPointer { text in
            names.sort { a, b in
                guard let base = text.baseAddress else { return false }
                let order = memcmp(base + a.start, base + b.start, min(a.count, b.count))
                return order != 0 ? order < 0 : a.count < b.count
            }
        }
    }

    var count: Int { names.count }

    subscript(index: Int) -> FileName {
        let name = names[index]
        return text[name.start..<(name.start + name.count)].withUnsafeBufferPointer(FileName.init)
    }

    /// Whether the directory itself says that this is a regular file; not every file system knows.
    func isFile(_ index: Int) -> Bool { names[index].isFile }

    /// The index of the first name that comes after `name`, whether or not there is a `name`.
    func firstIndex(after name: [UInt8]) -> Int {
        var bounds = 0..<count
        while !bounds.isEmpty {
            let middle = bounds.lowerBound + bounds.count / 2
            if name.lexicographicallyPrecedes(self[middle].bytes) {
                bounds = bounds.lowerBound..<middle
            } else {
                bounds = (middle + 1)..<bounds.upperBound
            }
        }
        return bounds.lowerBound
    }

    /// `linux_dirent64`: inode u64, offset i64, record length u16, type u8, then the name and a NUL.
    private mutating func append(records: UnsafeRawBufferPointer) {
        var start = 0
        while start + 19 < records.count {
            let length = Int(records.loadUnaligned(fromByteOffset: start + 16, as: UInt16.self))
            guard length > 19, start + length <= records.count else { return }
            let name = records[(start + 19)..<(start + length)].prefix { $0 != 0 }
            let isFile = records[start + 18] == UInt8(DT_REG)
            start += length
            if name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8) { continue }
            names.append(Name(start: text.count, count: name.count, isFile: isFile))
            UnsafeRawBufferPointer(rebasing: name).withMemoryRebound(to: CChar.self) { text.append(contentsOf: $0) }
        }
    }
}
