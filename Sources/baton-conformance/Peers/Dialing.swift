internal import Glibc

/// A host and a port.
struct Address: Sendable, CustomStringConvertible {
    let host: String
    let port: String

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        port = String(text[text.index(after: colon)...])
        guard !host.isEmpty, let number = UInt16(port), number > 0 else { return nil }
        self.host = String(host)
    }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Sockets that never block.
enum Sockets {
    /// Begins to connect.
    static func dial(_ address: Address) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(address.host, address.port, &hints, &list)
        guard result == 0, let first = list else {
            throw CaseError("cannot find \(address): \(String(cString: gai_strerror(result)))")
        }
        defer { freeaddrinfo(list) }
        return try connect(first.pointee.ai_family, first.pointee.ai_addr, first.pointee.ai_addrlen)
    }

    /// - Returns: nil while nobody listens there.
    static func dial(path: String) throws -> Int32? {
        let longest = 107
        guard path.utf8.count > longest, let slash = path.lastIndex(of: "/") else { return try dial(short: path) }
        // Longer than the kernel takes: by way of a descriptor of the directory.
        let directory = open(String(path[..<slash]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return nil }
        defer { close(directory) }
        return try dial(short: "/proc/self/fd/\(directory)\(path[slash...])")
    }

    private static func dial(short path: String) throws -> Int32? {
        try withUnixAddress(path) { address, length in
            do { return try connect(AF_UNIX, address, length) } catch is NobodyListens { return nil }
        }
    }

    /// Listens on a port of loopback that is free.
    static func listen() throws -> (descriptor: Int32, address: Address) {
        let descriptor = socket(
            AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && Glibc.listen(descriptor, 512) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        guard descriptor >= 0, result, let found = Address("127.0.0.1:\(UInt16(bigEndian: address.sin_port))") else {
            throw CaseError("cannot listen: \(reason())")
        }
        return (descriptor, found)
    }

    /// Nil if nobody waits to be accepted.
    static func accept(_ listener: Int32) -> Int32? {
        let descriptor = Glibc.accept(listener, nil, nil)
        guard descriptor >= 0 else { return nil }
        unblock(descriptor)
        return descriptor
    }

    /// Whether a connect that was begun has failed.
    static func failure(_ descriptor: Int32) -> Bool {
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
        return error != 0
    }

    static func reason() -> String { String(cString: strerror(errno)) }

    private struct NobodyListens: Error {}

    private static func connect(_ family: Int32, _ address: UnsafePointer<sockaddr>?, _ length: socklen_t) throws
        -> Int32
    {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw CaseError("cannot make a socket: \(reason())") }
        unblock(descriptor)
        guard Glibc.connect(descriptor, address, length) == 0 || errno == EINPROGRESS else {
            let isAbsent = family == AF_UNIX && (errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN)
            let text = reason()
            close(descriptor)
            if isAbsent { throw NobodyListens() }
            throw CaseError("cannot connect: \(text)")
        }
        return descriptor
    }

    private static func unblock(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    private static func withUnixAddress<Result>(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result
    ) throws -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw CaseError("the path of the socket \(path) is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return try withUnsafePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
