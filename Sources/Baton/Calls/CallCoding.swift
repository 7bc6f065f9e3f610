import BatonProtocol
import Distributed
import FoundationEssentials
import NIOCore

/// How the values of a call become bytes: each is JSON, behind its length as a u32. Relay and agents never look into them.
struct CallCoding {
    /// What decoded references to works are resolved with.
    let system: BatonSystem

    static func encode(_ value: some Encodable, handing: Handing) throws(CallError) -> Data {
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        do { return try Handing.$current.withValue(handing) { try encoder.encode(value) } } catch {
            throw CallError(.unreadable, "a value of type \(type(of: value)) cannot be encoded: \(error)")
        }
    }

    func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws(CallError) -> Value {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        decoder.userInfo[.actorSystemKey] = system
        do { return try decoder.decode(type, from: data) } catch {
            throw CallError(.unreadable, "a value of type \(type) cannot be decoded: \(error)")
        }
    }

    static func join(_ values: [Data]) -> [UInt8] {
        var buffer = ByteBuffer()
        for value in values {
            buffer.writeInteger(UInt32(clamping: value.count))
            buffer.writeBytes(value)
        }
        return Array(buffer.readableBytesView)
    }

    static func split(_ bytes: [UInt8]) throws(CallError) -> [Data] {
        var buffer = ByteBuffer(bytes: bytes)
        var values: [Data] = []
        while buffer.readableBytes > 0 {
            guard let count: UInt32 = buffer.readInteger(), let value = buffer.readBytes(length: Int(clamping: count))
            else { throw CallError(.unreadable, "the values of a call are cut short") }
            values.append(Data(value))
        }
        return values
    }
}
