import ArgumentParser
import BatonClient
import BatonCommandLine
import BatonProtocol

/// What every subcommand has in common: connect to the agent, ask, print, and say what went wrong.
struct Conversation {
    let socket: String?
    let isJSON: Bool
    let isQuiet: Bool
    private let seconds: Int?

    /// - Parameter places: the flags as given before and after the subcommand; the later win.
    init(_ before: GlobalOptions, _ after: GlobalOptions) throws {
        socket = after.socket ?? before.socket
        isJSON = try after.json || before.json || Fallback.flag("BATON_JSON")
        isQuiet = try after.quiet || before.quiet || Fallback.flag("BATON_QUIET")
        seconds = try after.timeout ?? before.timeout ?? Fallback.integer("BATON_TIMEOUT")
        if let seconds, !(1...86_400).contains(seconds) { throw ValidationError("--timeout takes 1 to 86400 seconds") }
    }

    /// How long a question may take.
    var limit: Duration { .seconds(seconds ?? 30) }
    /// How long a transfer may take in all.
    var transferLimit: Duration { .seconds(seconds ?? 86_400) }

    /// Connects, asks and closes. An error becomes the program's last words and its exit status.
    func ask(
        about reference: Reference?, _ body: @escaping @Sendable (AgentClient) async throws(BatonError) -> Int32
    ) async throws {
        let status: Int32
        do throws(BatonError) {
            let client = try await AgentClient.connect(
                socket: try AgentSocket.find(socket), software: "baton/\(batonVersion)")
            let outcome = await Interruption.run { () async -> Result<Int32, BatonError> in
                do throws(BatonError) { return .success(try await body(client)) } catch { return .failure(error) }
            }
            await client.close()
            status = try outcome?.get() ?? ErrorCode.cancelled.exitStatus
        } catch {
            report(error, reference)
            status = error.code.exitStatus
        }
        throw ExitCode(status)
    }

    /// Asks about one path after the other; one that fails does not hold up the others.
    ///
    /// - Parameters:
    ///   - whole: the JSON object of all answers and the first failure.
    ///   - show: prints an answer as soon as it is there, unless JSON is wanted.
    /// - Returns: the exit status: that of the first failure.
    func each<Answer>(
        _ references: [Reference?], _ whole: ([Answer], ErrorReport.Failure?) -> some Encodable,
        show: (Answer) -> Void, _ body: (Reference?) async throws(BatonError) -> [Answer]
    ) async -> Int32 {
        var answers: [Answer] = []
        var first: (failure: ErrorReport.Failure, status: Int32)?
        for reference in references {
            do throws(BatonError) {
                let new = try await body(reference)
                if !isJSON { new.forEach(show) }
                answers += new
            } catch {
                if !isJSON { report(error, reference) }
                let path = reference?.description ?? error.path?.description
                first = first ?? (ErrorReport.Failure(error, path: path), error.code.exitStatus)
                if error.code == .cancelled { break }
            }
        }
        if isJSON { print(JSON.text(whole(answers, first?.failure))) }
        return first?.status ?? 0
    }

    private func report(_ error: BatonError, _ reference: Reference?) {
        let path = reference?.description ?? error.path?.description
        if isJSON {
            print(JSON.text(ErrorReport(error: .init(error, path: path))))
        } else {
            let message = error.message.isEmpty ? "failed with \(error.code.name)" : error.message
            StandardError.write("baton: \(Escaping.printable(message))")
        }
    }

    /// Says what a person should know beside the result.
    func remark(_ words: String?) {
        if let words, !isQuiet { StandardError.write("baton: \(Escaping.printable(words))") }
    }

    func print(json value: some Encodable, orLine line: @autoclosure () -> String) {
        show(value) { print(line()) }
    }

    /// Prints the object, or whatever `lines` prints.
    func show(_ value: some Encodable, orLines lines: () -> Void) {
        if isJSON { print(JSON.text(value)) } else { lines() }
    }

    private func print(_ line: String) { Swift.print(line) }
}

/// The JSON form of a failure.
struct ErrorReport: Encodable {
    struct Failure: Encodable {
        let code: String
        let message: String
        let path: String?
        let saidBy: String

        init(_ error: BatonError, path: String?) {
            code = error.code.name
            message = error.message
            self.path = path
            saidBy = error.saidBy.name
        }
    }

    let error: Failure
}

/// A reference as words of the command line.
func parseReference(_ text: String) throws -> Reference {
    do { return try Reference(text) } catch { throw ValidationError("\(error)") }
}
