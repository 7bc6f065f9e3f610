import ArgumentParser
import Baton
import BatonCommandLine
import BatonProtocol

struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copies what is at the path to this machine.",
        discussion: """
            The destination changes in one step: whoever reads it sees all of the old content or all of the new. Without \
            DEST the copy lies in the agent's own place, which is printed. A get that is interrupted goes on by itself when \
            the connection is back, and one that failed half way goes on when it is repeated.
            """)

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @Argument(help: "lit://WORK@PATH") var reference: String
    @Argument(
        help: "The copy itself; with a / at its end, or . or ..: the directory to put it in.", completion: .file())
    var destination: String?
    @OptionGroup var transfer: TransferOptions

    func run() async throws {
        let reference = try parseReference(reference)
        let conversation = try Conversation(parent.options, options)
        let place = Request.Destination(
            path: try destination.map { try Destination.resolve($0, source: reference) } ?? .root,
            overwrite: try transfer.overwrite || Fallback.flag("BATON_OVERWRITE"),
            attributes: try transfer.xattrs || Fallback.flag("BATON_XATTRS"),
            strict: try transfer.strict || Fallback.flag("BATON_STRICT"),
            durable: try transfer.durable || Fallback.flag("BATON_DURABLE"), wait: try transfer.waitMilliseconds(),
            stall: try transfer.stallMilliseconds())
        try await conversation.ask(about: reference) { client throws(BatonError) in
            let began = ContinuousClock.now
            let fetched = try await get(client, reference, place, conversation)
            let seconds = (ContinuousClock.now - began).seconds
            let answer = GetAnswer(reference, client.work, fetched, seconds)
            conversation.print(json: answer, orLine: conversation.isQuiet ? answer.destination : answer.lines)
            return 0
        }
    }
}

/// Transfers and, on a terminal, shows how far it is.
private func get(
    _ client: AgentClient, _ reference: Reference, _ place: Request.Destination, _ conversation: Conversation
) async throws(BatonError) -> Fetched {
    guard StandardError.isTerminal, !conversation.isQuiet else {
        return try await client.get(reference, to: place, within: conversation.transferLimit) { progress in
            if !conversation.isQuiet, !progress.note.isEmpty { tell(progress.note) }
        }
    }
    let line = ProgressLine()
    defer { line.clear() }
    let result = await withTaskGroup(of: Void.self, returning: Result<Fetched, BatonError>.self) { group in
        // How much there is in all takes a walk at the origin: it runs beside, and nobody waits for it.
        group.addTask {
            let status = try? await client.stat(reference, digest: false, within: conversation.limit)
            if let status { line.expect(status.size) }
        }
        defer { group.cancelAll() }
        do throws(BatonError) {
            return .success(
                try await client.get(reference, to: place, within: conversation.transferLimit) { progress in
                    if !progress.note.isEmpty {
                        line.clear()
                        tell(progress.note)
                    }
                    line.show(progress)
                })
        } catch {
            return .failure(error)
        }
    }
    return try result.get()
}

/// What a person should know while the transfer goes on.
private func tell(_ note: String) {
    StandardError.write("baton: \(Escaping.printable(note)); going on when it is back")
}

enum Destination {
    /// Where the copy is to lie, absolute. A trailing slash, `.` and `..` mean: inside, under the source's name.
    static func resolve(_ text: String, source: Reference) throws -> PathName {
        guard !text.isEmpty else { throw ValidationError("the destination is empty") }
        var path = text
        let last = text.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
        if last.isEmpty || last == "." || last == ".." {
            let name = source.path.name.isEmpty ? Array((source.origin?.description ?? "").utf8)[...] : source.path.name
            guard !name.isEmpty else { throw ValidationError("the source has no name; name the copy itself") }
            return try resolve(Array((path + "/").utf8) + name)
        }
        path = text
        return try resolve(Array(path.utf8))
    }

    private static func resolve(_ bytes: [UInt8]) throws -> PathName {
        var absolute = bytes
        if bytes.first != UInt8(ascii: "/") {
            guard let directory = WorkingDirectory.bytes else { throw ValidationError("the working directory is gone") }
            absolute = directory + [UInt8(ascii: "/")] + bytes
        }
        do { return try PathName(resolving: absolute) } catch { throw ValidationError("\(error)") }
    }
}

private struct GetAnswer: Encodable {
    struct Skipped: Encodable {
        let path: String
        let reason: String
    }

    let path: String
    let origin: String
    let destination: String
    let kind: String
    let bytes: UInt64
    let files: UInt64
    let seconds: Double
    let source: String
    let resumedBytes: UInt64
    let skipped: [Skipped]
    let skippedCount: UInt64
    let atomic: Bool

    init(_ reference: Reference, _ own: WorkName, _ fetched: Fetched, _ seconds: Double) {
        path = reference.description
        origin = (reference.origin ?? own).description
        // A place in the file system, to be used as it is: '%' stays '%'.
        destination = Escaping.printable(fetched.destination.bytes)
        kind = fetched.kind.name
        bytes = fetched.bytes
        files = fetched.files
        self.seconds = (seconds * 1000).rounded() / 1000
        source = fetched.source.name
        resumedBytes = fetched.resumed
        skipped = fetched.listed.map { Skipped(path: Escaping.encode($0.path.bytes), reason: $0.reason.name) }
        skippedCount = fetched.skipped
        atomic = fetched.isAtomic
    }

    var lines: String {
        let rate = seconds > 0 ? Double(bytes) / seconds : 0
        var lines = [
            "\(path) -> \(destination)",
            "\(Amounts.bytes(bytes)) in \(Amounts.files(files)), \(Amounts.tenths(seconds)) s, \(Amounts.bytes(rate))/s (\(source))",
        ]
        if !atomic { lines.append("the file system cannot exchange: the destination was replaced in two steps") }
        lines += skipped.map { "skipped \($0.path): \($0.reason)" }
        if skippedCount > UInt64(skipped.count) {
            lines.append("and \(skippedCount - UInt64(skipped.count)) more were skipped")
        }
        return lines.joined(separator: "\n")
    }
}
