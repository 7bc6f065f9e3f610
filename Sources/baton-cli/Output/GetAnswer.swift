import BatonCommandLine
import BatonProtocol

/// What `get` and `restore` print of one path.
struct GetAnswer: Encodable {
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
    let generation: UInt64?
    let resumedBytes: UInt64
    let skipped: [Skipped]
    let skippedCount: UInt64
    let atomic: Bool
    /// As the file system has it.
    private let place: [UInt8]

    /// All but `place`.
    private enum CodingKeys: CodingKey {
        case path, origin, destination, kind, bytes, files, seconds, source, generation, resumedBytes, skipped,
            skippedCount, atomic
    }

    init(_ reference: Reference, _ own: WorkName, _ fetched: Fetched, _ seconds: Double) {
        path = reference.description
        origin = (reference.origin ?? own).description
        // A place in the file system, to be used as it is: '%' stays '%'.
        destination = Escaping.printable(fetched.destination.bytes)
        place = fetched.destination.bytes
        kind = fetched.kind.name
        bytes = fetched.bytes
        files = fetched.files
        self.seconds = (seconds * 1000).rounded() / 1000
        source = fetched.source.name
        generation = fetched.source.generation
        resumedBytes = fetched.resumed
        skipped = fetched.listed.map { Skipped(path: Escaping.encode($0.path.bytes), reason: $0.reason.name) }
        skippedCount = fetched.skipped
        atomic = fetched.isAtomic
    }

    /// Prints it for a person, or, for a script (`--quiet`), only where the copy lies: byte for byte, but on a terminal, which would
    /// take a name for commands.
    func show(isQuiet: Bool) {
        guard isQuiet, !StandardOutput.isTerminal else { return print(isQuiet ? destination : lines) }
        StandardOutput.write(place + [UInt8(ascii: "\n")])
    }

    private var lines: String {
        let rate = seconds > 0 ? Double(bytes) / seconds : 0
        var lines = [
            "\(path) -> \(destination)",
            "\(Amounts.bytes(bytes)) in \(Amounts.files(files)), \(Amounts.tenths(seconds)) s, \(Amounts.bytes(rate))/s (\(AnswerSource.text(source, generation)))",
        ]
        if !atomic { lines.append("the file system cannot exchange: the destination was replaced in two steps") }
        lines += skipped.map { "skipped \($0.path): \($0.reason)" }
        if skippedCount > UInt64(skipped.count) {
            lines.append("and \(skippedCount - UInt64(skipped.count)) more were skipped")
        }
        return lines.joined(separator: "\n")
    }
}
