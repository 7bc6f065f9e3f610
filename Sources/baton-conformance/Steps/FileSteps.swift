internal import Foundation
internal import Glibc

/// A place below the agent's root directory.
struct Place {
    private let path: String

    init(_ key: String, from keys: inout Keys) throws { path = try keys.string(key) }

    func absolute(in world: World) -> String {
        let root = world.counterpart.currentRoot
        return path == root || path.hasPrefix(root + "/") ? path : "\(root)/\(path)"
    }

    /// With the directories above it.
    func prepared(in world: World) throws -> String {
        let path = absolute(in: world)
        guard let slash = path.lastIndex(of: "/") else { return path }
        try FileManager.default.createDirectory(atPath: String(path[..<slash]), withIntermediateDirectories: true)
        return path
    }
}

extension Keys {
    /// Permission bits, in octal digits.
    mutating func mode() throws -> mode_t? {
        guard let text = try stringIfThere("mode") else { return nil }
        guard let mode = mode_t(text, radix: 8), mode <= 0o7777 else { throw CaseError("\"mode\" takes octal digits") }
        return mode
    }
}

/// Bytes of a file of which a case says only how many there are.
enum Filler {
    private static let period = 251
    private static let pattern = (0..<period + (1 << 20)).map { UInt8($0 % period) }

    static func bytes(_ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = min(range.upperBound - offset, pattern.count - period)
            bytes += pattern[offset % period..<offset % period + count]
            offset += count
        }
        return bytes
    }
}

func check(_ result: Int32, _ what: String) throws {
    guard result == 0 else { throw CaseError("\(what): \(Sockets.reason())") }
}

/// `file`, `append`: content.
struct FileStep: Step {
    private let place: Place
    private let isAppended: Bool
    private let text: String?
    private let size: Int
    private let mode: mode_t?
    private let mtime: Int?

    init(from keys: inout Keys) throws {
        isAppended = keys.has("append")
        place = try Place(isAppended ? "append" : "file", from: &keys)
        text = try keys.stringIfThere("text")
        size = try keys.numberIfThere("size", in: 0...(1 << 32)) ?? 0
        mode = try keys.mode()
        mtime = try keys.numberIfThere("mtime", in: Int.min...Int.max)
        guard text == nil || size == 0 else { throw CaseError("a file has a text or a size") }
    }

    private static let piece = 251 << 12

    func run(in world: World) throws {
        let path = try place.prepared(in: world)
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | (isAppended ? O_APPEND : O_TRUNC)
        let descriptor = open(path, flags, 0o644)
        guard descriptor >= 0 else { throw CaseError("\(path): \(Sockets.reason())") }
        defer { close(descriptor) }
        if let text {
            try write(Array(text.utf8), to: descriptor, path)
        } else {
            for start in stride(from: 0, to: size, by: Self.piece) {
                try write(Filler.bytes(start..<min(size, start + Self.piece)), to: descriptor, path)
            }
        }
        if let mode { try check(fchmod(descriptor, mode), path) }
        if let mtime {
            let times = [timespec(tv_sec: 0, tv_nsec: Int(UTIME_OMIT)), timespec(tv_sec: mtime, tv_nsec: 0)]
            try check(futimens(descriptor, times), path)
        }
    }

    private var UTIME_OMIT: Int32 { 0x3FFF_FFFE }

    private func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                Glibc.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
            }
            guard count > 0 else { throw CaseError("\(path): \(Sockets.reason())") }
            written += count
        }
    }
}

/// `directory`, `fifo`, `remove`: what needs only a path.
struct PathStep: Step {
    private enum Verb: String, CaseIterable { case directory, fifo, remove }
    private let verb: Verb
    private let place: Place
    private let mode: mode_t?

    init(from keys: inout Keys) throws {
        guard let verb = Verb.allCases.first(where: { [keys] verb in keys.has(verb.rawValue) }) else {
            throw CaseError("there is no verb in it")
        }
        self.verb = verb
        place = try Place(verb.rawValue, from: &keys)
        mode = try keys.mode()
    }

    func run(in world: World) throws {
        let path = try place.prepared(in: world)
        switch verb {
        case .directory: try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        case .fifo: try check(mkfifo(path, 0o644), path)
        case .remove: try FileManager.default.removeItem(atPath: path)
        }
        if let mode { try check(chmod(path, mode), path) }
    }
}

/// `link`, `hard_link`, `rename`: a path and another one.
struct LinkStep: Step {
    private enum Verb: String, CaseIterable { case link, hard_link, rename }
    private let verb: Verb
    private let place: Place
    private let text: String
    private let other: Place

    init(from keys: inout Keys) throws {
        guard let verb = Verb.allCases.first(where: { [keys] verb in keys.has(verb.rawValue) }) else {
            throw CaseError("there is no verb in it")
        }
        self.verb = verb
        place = try Place(verb.rawValue, from: &keys)
        var copy = keys
        other = try Place("to", from: &copy)
        text = try keys.string("to")
    }

    func run(in world: World) throws {
        let path = try place.prepared(in: world)
        switch verb {
        case .link: try check(symlink(text, path), path)
        case .hard_link: try check(Glibc.link(other.absolute(in: world), path), path)
        case .rename: try check(Glibc.rename(path, try other.prepared(in: world)), path)
        }
    }
}
