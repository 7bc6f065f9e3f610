import Testing

@testable import Baton

/// Expects a ``PathError`` with this code.
///
/// - Returns: the error, for a look at its words.
@discardableResult
func expect<Value>(
    _ code: PathError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Value
) -> PathError? {
    let error = #expect(throws: PathError.self, sourceLocation: sourceLocation) { _ = try body() }
    if let error { #expect(error.code == code, "\(error)", sourceLocation: sourceLocation) }
    return error
}

/// The same for what is asynchronous.
@discardableResult
func expect<Value>(
    _ code: PathError.Code, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Value
) async -> PathError? {
    let error = await #expect(throws: PathError.self, sourceLocation: sourceLocation) { _ = try await body() }
    if let error { #expect(error.code == code, "\(error)", sourceLocation: sourceLocation) }
    return error
}
