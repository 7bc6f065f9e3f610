import BatonProtocol
import SystemPackage

/// What is never served, by whatever name or link it is reached: `ROOT/.baton` and the stages of gets under way.
struct Hidden {
    let baton: FileIdentity

    /// Whether a path cannot be served whatever lies there.
    static func hides(_ path: PathName) -> Bool {
        let components = path.components
        if !path.isAbsolute, components.first?.elementsEqual(".baton".utf8) == true { return true }
        return components.contains { StageName.matches($0) }
    }

    /// Whether the thing itself lies in `ROOT/.baton` or in a stage.
    func hides(_ place: Place) throws(FileFault) -> Bool {
        let real = try faulting { () throws(Errno) in try place.descriptor.realPath() }
        let components = real.split(separator: UInt8(ascii: "/"))
        if real.first != UInt8(ascii: "/") || components.contains(where: { StageName.matches($0) }) { return true }
        let directory = try place.status.kind == .directory ? place.descriptor : parent(of: place, at: components)
        return try faulting { () throws(Errno) in try directory.isOrIsBelow { $0 == baton } }
    }

    /// The directory that holds a file: the one in its real path, if the file still is where that says.
    private func parent(of place: Place, at components: [ArraySlice<UInt8>]) throws(FileFault) -> Descriptor {
        guard let name = components.last else { return place.descriptor }
        let above = [UInt8(ascii: "/")] + components.dropLast().joined(separator: [UInt8(ascii: "/")])
        let parent = try faulting { () throws(Errno) in try Descriptor.place(of: FileName(above)) }
        let found = try faulting { () throws(Errno) in try parent.status(of: FileName(name)).identity }
        guard found == place.status.identity else { throw .changed }
        return parent
    }

    static func refusal(of path: PathName) -> BatonError {
        BatonError(.notShared, "'\(path)' is not shared: it is part of Baton's own folder", path: path)
    }
}

/// The name of a stage: `.baton-stage-` and 32 hexadecimal digits (chapter 10).
struct StageName: Hashable {
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
