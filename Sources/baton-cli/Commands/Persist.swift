import ArgumentParser
import BatonClient
import BatonCommandLine
import BatonProtocol

struct Persist: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Has the relay keep declared paths of this work, each as a new generation that outlives the work.",
        discussion: """
            Without PATH: every declared path, in the order in which they were declared. What is printed is on the relay's \
            disk. Files that have not changed since are not sent again. A path at which there is nothing is a warning.
            """)

    @ParentCommand var parent: BatonCommand
    @OptionGroup var options: GlobalOptions
    @Argument(help: OwnPath.help, completion: .file())
    var path: [String] = []
    @Option(
        help: ArgumentHelp("How long all of it may take: a day if not given. [$BATON_WITHIN]", valueName: "seconds"))
    var within: Int?

    func run() async throws {
        let conversation = try Conversation(parent.options, options)
        let references = try path.map { try OwnPath.parse($0) }
        let seconds = try Fallback.number(within, flag: "--within", "BATON_WITHIN", in: 1...86_400)
        let end = ContinuousClock.now + (seconds.map { .seconds($0) } ?? conversation.transferLimit)
        try await conversation.ask(about: nil) { client throws(BatonError) in
            // No path stands for all of them.
            await conversation.each(references.isEmpty ? [nil] : references, PersistAnswer.init) { receipt in
                if let line = receipt.line { print(line) } else { StandardError.write("baton: \(receipt.warning)") }
            } _: { reference throws(BatonError) in
                var path: PathName?
                if let reference { path = try client.ownPath(reference) }
                let receipts = try await conversation.showingProgress(of: hop) { onProgress throws(BatonError) in
                    let left = max(.milliseconds(1), end - .now)
                    return try await client.persist(path, within: left, onProgress: onProgress)
                }
                return receipts.map { ReceiptAnswer($0, client.work) }
            }
        }
    }
}

/// The hops of a transfer as they are called here, where the relay is its receiver.
private func hop(_ waiting: Progress.Waiting) -> String {
    switch waiting {
    case .nothing: "nothing"
    case .originDisk: "this machine's disk"
    case .originNetwork: "the network between this machine and the relay"
    case .relay, .receiverNetwork: "the relay"
    case .receiverDisk, .origin: "the relay's disk"
    }
}

private struct PersistAnswer: Encodable {
    let persisted: [ReceiptAnswer]
    let error: ErrorReport.Failure?
}

private struct ReceiptAnswer: Encodable {
    let path: String
    let outcome: String
    let generation: UInt64
    let digest: String
    let files: UInt64
    let bytes: UInt64
    let sent: UInt64

    init(_ receipt: Receipt, _ own: WorkName) {
        path = Reference(origin: own, path: receipt.path).description
        outcome = receipt.outcome.name
        generation = receipt.generation
        digest = Amounts.hexadecimal(receipt.digest)
        files = receipt.files
        bytes = receipt.bytes
        sent = receipt.sent
    }

    /// `nil` if there is nothing to tell but the ``warning``.
    var line: String? {
        switch outcome {
        case Receipt.Outcome.missing.name: nil
        case Receipt.Outcome.unchanged.name: "\(path) unchanged: generation \(generation)"
        default:
            "\(path) stored: generation \(generation), \(Amounts.bytes(bytes)) (\(bytes) bytes) in \(Amounts.files(files)), \(Amounts.bytes(sent)) sent, sha256 \(digest)"
        }
    }

    var warning: String { "there is nothing at \(path): nothing of it was stored" }
}
