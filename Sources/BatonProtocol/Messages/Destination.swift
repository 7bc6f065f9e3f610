import NIOCore

extension Request {
    /// What FETCH does with what it gets: destination bytes16, options u8, wait_ms u32, stall_ms u32 (chapter 5).
    public struct Destination: Hashable, Sendable {
        /// An absolute path of this machine; empty for the default place.
        public var path: PathName
        /// Replace what is there.
        public var overwrite: Bool
        /// Bring extended attributes and access control lists, too.
        public var attributes: Bool
        /// Fail if anything cannot travel.
        public var strict: Bool
        /// Have it on the disk before it is published.
        public var durable: Bool
        /// Take what the relay has stored, even if the work is there.
        public var storedOnly: Bool
        /// Milliseconds to wait for the path and its work to be there.
        public var wait: UInt32
        /// Milliseconds without progress after which to give up.
        public var stall: UInt32

        public init(
            path: PathName = .root, overwrite: Bool = false, attributes: Bool = false, strict: Bool = false,
            durable: Bool = false, storedOnly: Bool = false, wait: UInt32 = 0, stall: UInt32 = Limits.defaultStall
        ) {
            self.path = path
            self.overwrite = overwrite
            self.attributes = attributes
            self.strict = strict
            self.durable = durable
            self.storedOnly = storedOnly
            self.wait = min(wait, Limits.deadline.upperBound)
            self.stall = min(max(stall, Limits.stall.lowerBound), Limits.stall.upperBound)
        }

        init(_ fields: inout PayloadReader) throws(ProtocolViolation) {
            let path = try fields.path("destination")
            guard path.isRoot || path.isAbsolute else { throw fields.malformed("destination", "is not absolute") }
            let options = try fields.options("options", known: 0b1_1111)
            self.init(
                path: path, overwrite: options & 1 != 0, attributes: options & 2 != 0, strict: options & 4 != 0,
                durable: options & 8 != 0, storedOnly: options & 16 != 0, wait: try fields.integer("wait_ms"),
                stall: try fields.integer("stall_ms"))
        }

        func write(to buffer: inout ByteBuffer) {
            buffer.write(path)
            let flags = [overwrite, attributes, strict, durable, storedOnly]
            buffer.writeInteger(flags.enumerated().reduce(UInt8(0)) { $0 | ($1.element ? 1 << $1.offset : 0) })
            buffer.writeMultipleIntegers(wait, stall)
        }
    }
}
