/// A failure, typed from end to end: what happened, to which path, and who found it (chapter 8).
public struct BatonError: Error, Hashable, Sendable {
    /// Who noticed.
    public enum Source: UInt8, Hashable, Sendable, CaseIterable {
        case local = 0
        case relay = 1
        case owner = 2

        public var name: String {
            switch self {
            case .local: "local"
            case .relay: "relay"
            case .owner: "owner"
            }
        }
    }

    public var code: ErrorCode
    /// A sentence for a person: what happened, where, and what to do. At most 1,024 bytes travel.
    public var message: String
    /// The path that it happened to, if it happened to one.
    public var path: PathName?
    public var saidBy: Source
    /// An owner's `notFound` or `notShared`: no declared path that exists covers the path, so a stored copy may answer.
    public var isUncovered: Bool

    public init(
        _ code: ErrorCode, _ message: String, path: PathName? = nil, saidBy: Source = .local, isUncovered: Bool = false
    ) {
        self.code = code
        self.message = message
        self.path = path
        self.saidBy = saidBy
        self.isUncovered = isUncovered
    }

    public func said(by source: Source) -> BatonError {
        var copy = self
        copy.saidBy = source
        return copy
    }
}

extension BatonError: CustomStringConvertible {
    public var description: String { "\(code.name): \(message)" }
}
