import Glibc
public import SystemPackage

/// One component of a path (or a whole path), ended by a NUL as system calls want it.
struct FileName: Hashable, Sendable {
    let cString: [CChar]

    /// `bytes` hold no NUL: they come from a checked path or from the file system.
    init(_ bytes: some Collection<UInt8>) {
        var cString: [CChar] = []
        cString.reserveCapacity(bytes.count + 1)
        for byte in bytes { cString.append(CChar(bitPattern: byte)) }
        cString.append(0)
        self.cString = cString
    }

    init(_ bytes: UnsafeBufferPointer<CChar>) {
        cString = [CChar](unsafeUninitializedCapacity: bytes.count + 1) { memory, count in
            _ = memory.update(fromContentsOf: bytes)
            memory[bytes.count] = 0
            count = bytes.count + 1
        }
    }

    var bytes: [UInt8] { cString.dropLast().map(UInt8.init(bitPattern:)) }

    static let current: FileName = "."
    static let parent: FileName = ".."
}

extension FileName: ExpressibleByStringLiteral {
    init(stringLiteral text: String) { self.init(Array(text.utf8)) }
}

extension FilePath {
    /// A path of any bytes but NUL.
    public init(bytes: some Collection<UInt8>) {
        self.init(platformString: FileName(bytes).cString)
    }

    /// The path as Linux has it, without a NUL.
    public var bytes: [UInt8] {
        withPlatformString { text in UnsafeBufferPointer(start: text, count: strlen(text)).map(UInt8.init(bitPattern:))
        }
    }
}
