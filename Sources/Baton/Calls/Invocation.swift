import BatonProtocol
public import Distributed
import FoundationEssentials
import Synchronization

/// The arguments of a call on their way out.
public struct BatonInvocationEncoder: DistributedTargetInvocationEncoder {
    public typealias SerializationRequirement = any Codable

    private let handing: Handing
    private var arguments: [Data] = []

    init(sender: WorkName?) { handing = Handing(sender: sender) }

    public mutating func recordGenericSubstitution<T>(_ type: T.Type) throws {
        throw CallError(.unsupported, "a work's distributed methods cannot be generic (\(type))")
    }

    public mutating func recordArgument<Value: Codable>(_ argument: RemoteCallArgument<Value>) throws {
        arguments.append(try CallCoding.encode(argument.value, handing: handing))
    }

    public mutating func recordReturnType<R: Codable>(_ type: R.Type) throws {}
    public mutating func recordErrorType<E: Error>(_ type: E.Type) throws {}
    public mutating func doneRecording() throws {}

    var values: CallValues { CallValues(references: handing.attached, bytes: CallCoding.join(arguments)) }
}

/// The arguments of a call that has come in.
public struct BatonInvocationDecoder: DistributedTargetInvocationDecoder {
    public typealias SerializationRequirement = any Codable

    private let coding: CallCoding
    private var arguments: ArraySlice<Data>

    init(_ bytes: [UInt8], system: BatonSystem) throws(CallError) {
        coding = CallCoding(system: system)
        arguments = try CallCoding.split(bytes)[...]
    }

    public mutating func decodeGenericSubstitutions() throws -> [any Any.Type] { [] }

    public mutating func decodeNextArgument<Argument: Codable>() throws -> Argument {
        guard let argument = arguments.popFirst() else { throw CallError(.unreadable, "a call lacks arguments") }
        return try coding.decode(Argument.self, from: argument)
    }

    public mutating func decodeErrorType() throws -> (any Any.Type)? { nil }
    public mutating func decodeReturnType() throws -> (any Any.Type)? { nil }
}

/// Takes what a work's method has returned or thrown.
public final class BatonResultHandler: DistributedTargetInvocationResultHandler {
    public typealias SerializationRequirement = any Codable

    private let sender: WorkName
    private let outcome = Mutex<CallResult?>(nil)

    init(sender: WorkName) { self.sender = sender }

    /// `nil`: nothing was reported.
    var result: CallResult? { outcome.withLock { $0 } }

    public func onReturn<Success: Codable>(value: Success) async throws {
        let handing = Handing(sender: sender)
        let data = try CallCoding.encode(value, handing: handing)
        set(CallResult(values: CallValues(references: handing.attached, bytes: Array(data))))
    }

    public func onReturnVoid() async throws { set(CallResult(values: CallValues())) }

    public func onThrow<Err: Error>(error: Err) async throws { set(ThrownError.write(error, sender: sender)) }

    private func set(_ result: CallResult) { outcome.withLock { $0 = result } }
}
