/// What one component of a pattern matches: `*` any characters, `?` one, `[a-z]` one of these, `[!a-z]` one that is none of these.
/// Everything else stands for itself, a `[` without its `]`, too.
///
/// Characters are Unicode scalars; a byte that is no UTF-8 is a character of its own.
struct NamePattern: Hashable {
    private enum Part: Hashable {
        case anything
        case character
        case literal(UInt32)
        case oneOf([ClosedRange<UInt32>], isNegated: Bool)

        func matches(_ character: UInt32) -> Bool {
            switch self {
            case .anything, .character: true
            case .literal(let literal): literal == character
            case .oneOf(let ranges, let isNegated): ranges.contains { $0.contains(character) } != isNegated
            }
        }
    }

    private let parts: [Part]
    let bytes: [UInt8]

    init(_ bytes: some Collection<UInt8>) {
        self.bytes = Array(bytes)
        var rest = NamePattern.characters(of: bytes)[...]
        var parts: [Part] = []
        while let first = rest.popFirst() {
            switch first {
            case NamePattern.star: if parts.last != .anything { parts.append(.anything) }
            case NamePattern.questionMark: parts.append(.character)
            case NamePattern.bracket: parts.append(NamePattern.set(&rest) ?? .literal(first))
            default: parts.append(.literal(first))
            }
        }
        self.parts = parts
    }

    /// `**`: any number of components, also none.
    var isAnyDepth: Bool { bytes == Array("**".utf8) }

    /// Whether it is a name and matches that one only.
    var isLiteral: Bool {
        parts.allSatisfy { if case .literal = $0 { true } else { false } }
    }

    func matches(_ name: some Collection<UInt8>) -> Bool {
        wildcardMatch(parts, NamePattern.characters(of: name), isStar: { $0 == .anything }) { $0.matches($1) }
    }

    /// Reads a set after its `[`. A `]` right at the start belongs to it; `nil` if it has no end.
    private static func set(_ rest: inout ArraySlice<UInt32>) -> Part? {
        var inner = rest
        let isNegated = inner.first == UInt32(UInt8(ascii: "!"))
        if isNegated { inner.removeFirst() }
        guard let end = inner.dropFirst().firstIndex(of: UInt32(UInt8(ascii: "]"))) else { return nil }
        var content = inner[..<end]
        var ranges: [ClosedRange<UInt32>] = []
        while let low = content.popFirst() {
            if content.count >= 2, content.first == UInt32(UInt8(ascii: "-")) {
                content.removeFirst()
                // One that goes backwards is empty.
                if let high = content.popFirst(), low <= high { ranges.append(low...high) }
            } else {
                ranges.append(low...low)
            }
        }
        rest = inner[(end + 1)...]
        return .oneOf(ranges, isNegated: isNegated)
    }

    private static func characters(of bytes: some Collection<UInt8>) -> [UInt32] {
        var characters: [UInt32] = []
        var rest = Array(bytes)[...]
        while let first = rest.first {
            var decoder = UTF8()
            var input = rest.prefix(4).makeIterator()
            if case .scalarValue(let scalar) = decoder.decode(&input) {
                characters.append(scalar.value)
                rest = rest.dropFirst(UTF8.width(scalar))
            } else {
                // Beyond all of Unicode.
                characters.append(0x110000 + UInt32(first))
                rest = rest.dropFirst()
            }
        }
        return characters
    }

    private static let star = UInt32(UInt8(ascii: "*"))
    private static let questionMark = UInt32(UInt8(ascii: "?"))
    private static let bracket = UInt32(UInt8(ascii: "["))
}

/// Whether a pattern with stars, each for any number of elements, matches all of a subject. It takes at most as many steps as the product of both
/// their lengths.
func wildcardMatch<Part, Element>(
    _ pattern: [Part], _ subject: [Element], isStar: (Part) -> Bool, _ matches: (Part, Element) -> Bool
) -> Bool {
    var (next, position) = (0, 0)
    // Where the last star stands, and how far it reaches: only the last one ever needs to reach farther.
    var star: (index: Int, reach: Int)?
    while position < subject.count {
        if next < pattern.count, isStar(pattern[next]) {
            star = (next, position)
            next += 1
        } else if next < pattern.count, matches(pattern[next], subject[position]) {
            next += 1
            position += 1
        } else if let last = star {
            star = (last.index, last.reach + 1)
            next = last.index + 1
            position = last.reach + 1
        } else {
            return false
        }
    }
    return pattern[next...].allSatisfy(isStar)
}
