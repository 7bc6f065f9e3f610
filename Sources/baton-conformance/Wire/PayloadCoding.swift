internal import COpenSSL
internal import CXXHash

/// Writes payloads by their layout.
struct PayloadEncoder {
    private(set) var bytes: [UInt8] = []

    /// - Parameter given: the fields that a case names; the others are what they usually are.
    init(_ given: [String: Value], of message: Layouts.Message, _ bindings: Bindings) throws {
        let unknown = given.keys.filter { message.field($0) == nil }.sorted()
        guard unknown.isEmpty else {
            throw CaseError("\(message.name) has no field \(unknown.joined(separator: ", "))")
        }
        var values: [String: FieldValue] = [:]
        for field in message.fields {
            values[field.name] =
                try given[field.name]?.resolve(for: field, bindings) ?? Self.usual(field, given, of: message, bindings)
        }
        for field in message.fields {
            let isThere =
                switch field.condition {
                case .always: true
                case .ifThere: given[field.name] != nil
                case .equals(let other, let number): values[other] == .number(number)
                case .bit(let other, let bit):
                    if case .number(let number)? = values[other] { number & bit != 0 } else { false }
                }
            guard isThere else {
                guard given[field.name] == nil || bindings.isRehearsal else {
                    throw CaseError("\(message.name) has no \(field.name) with these fields; write it as tail")
                }
                continue
            }
            try append(values[field.name] ?? Value.neutral(field.kind), field)
        }
    }

    private mutating func append(_ value: FieldValue, _ field: Layouts.Field) throws {
        switch (field.kind, value) {
        case (.number(let width, let signed, _), .number(let number)):
            let least: Int128 = signed ? -(1 << (width * 8 - 1)) : 0
            let most: Int128 = 1 << Int128(signed ? width * 8 - 1 : width * 8) - 1
            guard (least...most).contains(number) else { throw CaseError("\(field.name) cannot be \(number)") }
            BigEndian.append(UInt64(truncatingIfNeeded: number), width: width, to: &bytes)
        case (.bool, .number(let number)):
            guard let byte = UInt8(exactly: number) else { throw CaseError("\(field.name) cannot be \(number)") }
            bytes.append(byte)
        case (.bytes(let width, _), .bytes(let content)):
            guard content.count < 1 << (width * 8) else {
                throw CaseError("\(field.name) cannot have \(content.count) bytes; write the payload in hex")
            }
            BigEndian.append(UInt64(content.count), width: width, to: &bytes)
            bytes += content
        case (.rest, .bytes(let content)): bytes += content
        case (.list(let fields), .list(let items)):
            guard let count = UInt16(exactly: items.count) else { throw CaseError("\(field.name) has too many items") }
            BigEndian.append(UInt64(count), width: 2, to: &bytes)
            for item in items {
                for field in fields { try append(item[field.name] ?? Value.neutral(field.kind), field) }
            }
        default: throw CaseError("\(field.name) cannot be what was kept: it is of another kind")
        }
    }

    /// A field that a case leaves out.
    private static func usual(
        _ field: Layouts.Field, _ given: [String: Value], of message: Layouts.Message, _ bindings: Bindings
    ) throws -> FieldValue {
        switch field.name {
        case "deadline_ms": return .number(10_000)
        case "credit": return .number(4 << 20)
        case "run_s": return .number(10)
        case "call": return .bytes(randomBytes(16))
        case "build": return .bytes([UInt8](repeating: 0, count: 32))
        case "checksum":
            guard let data = message.field("data"), let value = given["data"],
                case .bytes(let bytes) = try value.resolve(for: data, bindings)
            else { return .number(Int128(checksum([]))) }
            return .number(Int128(checksum(bytes)))
        default: return Value.neutral(field.kind)
        }
    }
}

/// XXH3, 64 bits, seed 0 (`Protocol/`, chapter 7).
func checksum(_ bytes: some Collection<UInt8>) -> UInt64 {
    bytes.withContiguousStorageIfAvailable { baton_xxh3_64($0.baseAddress, $0.count) }
        ?? Array(bytes).withUnsafeBytes { baton_xxh3_64($0.baseAddress, $0.count) }
}

func randomBytes(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    RAND_bytes(&bytes, Int32(count))
    return bytes
}

/// Reads payloads by their layout. What follows the last field is skipped.
struct PayloadDecoder {
    private var rest: ArraySlice<UInt8>

    /// Nil if the payload does not fit.
    static func decode(_ payload: [UInt8], as message: Layouts.Message) -> [String: FieldValue]? {
        var decoder = PayloadDecoder(rest: payload[...])
        return decoder.fields(message.fields)
    }

    private mutating func fields(_ layout: [Layouts.Field]) -> [String: FieldValue]? {
        var values: [String: FieldValue] = [:]
        for field in layout {
            switch field.condition {
            case .always: break
            case .ifThere:
                if rest.isEmpty { continue }
            case .equals(let other, let number): if values[other] != .number(number) { continue }
            case .bit(let other, let bit):
                guard case .number(let number)? = values[other], number & bit != 0 else { continue }
            }
            guard let value = value(field.kind) else { return nil }
            values[field.name] = value
        }
        return values
    }

    private mutating func value(_ kind: Layouts.Kind) -> FieldValue? {
        switch kind {
        case .number(let width, let signed, _):
            return number(width).map { .number(signed ? Int128(Int64(bitPattern: $0)) : Int128($0)) }
        case .bool:
            return number(1).flatMap { $0 < 2 ? .number(Int128($0)) : nil }
        case .bytes(let width, let isText):
            guard let count = number(width), count <= UInt64(rest.count) else { return nil }
            let bytes = Array(rest.prefix(Int(count)))
            rest = rest.dropFirst(Int(count))
            return isText && String(validating: bytes, as: UTF8.self) == nil ? nil : .bytes(bytes)
        case .rest:
            defer { rest = [] }
            return .bytes(Array(rest))
        case .list(let fields):
            guard let count = number(2) else { return nil }
            var items: [[String: FieldValue]] = []
            for _ in 0..<count {
                guard let item = self.fields(fields) else { return nil }
                items.append(item)
            }
            return .list(items)
        }
    }

    private mutating func number(_ width: Int) -> UInt64? {
        guard rest.count >= width else { return nil }
        defer { rest = rest.dropFirst(width) }
        return BigEndian.read(rest.prefix(width))
    }
}
