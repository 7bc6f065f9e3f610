/// The name of a stage: `.baton-stage-` and 32 hexadecimal digits (chapter 10).
struct StageName: Hashable, CustomStringConvertible {
    private static let prefix = Array(".baton-stage-".utf8)
    private static let digits = 32

    /// 32 hexadecimal digits; also the name of the stage's record.
    let token: String

    init() {
        var token = ""
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2 {
            let part = String(random.next() as UInt64, radix: 16)
            token += String(repeating: "0", count: StageName.digits / 2 - part.utf8.count) + part
        }
        self.token = token
    }

    init?(token: some Collection<UInt8>) {
        guard StageName.isToken(token) else { return nil }
        self.token = String(decoding: token, as: UTF8.self)
    }

    var fileName: FileName { FileName(StageName.prefix + token.utf8) }

    var description: String { String(decoding: StageName.prefix, as: UTF8.self) + token }

    static func matches(_ name: some Collection<UInt8>) -> Bool {
        name.starts(with: prefix) && isToken(name.dropFirst(prefix.count))
    }

    static func matches(_ name: FileName) -> Bool {
        name.cString.first == CChar(bitPattern: UInt8(ascii: ".")) && name.cString.count == prefix.count + digits + 1
            && matches(name.bytes)
    }

    private static func isToken(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.count == digits && bytes.allSatisfy { "0123456789abcdef".utf8.contains($0) }
    }
}
