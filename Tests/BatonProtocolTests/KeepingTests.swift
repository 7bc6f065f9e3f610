import BatonProtocol
import NIOCore
import Testing

@Suite("What is said of kept trees fits its frame and its chapter")
struct KeepingTests {
    private let digest = [UInt8](repeating: 7, count: Limits.digest)

    /// What a peer reads of a message.
    private func read(_ message: Message) throws -> Message { try Message(Frame(message, stream: 1)) }

    private func size(of reply: Reply) -> Int { Frame(.reply(reply), stream: 1).payload.readableBytes }

    private func item(_ number: Int) throws -> ArtifactItem {
        let path = try PathName(Array(String(repeating: "p", count: 200).utf8))
        return ArtifactItem(
            path: path, generation: UInt64(number), created: Timestamp(seconds: 1, nanoseconds: 2), files: 3, bytes: 4,
            digest: digest)
    }

    @Test("Items that do not fit one reply are left for the next page, and the reply says so")
    func itemsThatFit() throws {
        let items = try (1...1000).map(item)
        let reply = Reply.artifacts(ArtifactsListing(items: items))
        guard case .reply(.artifacts(let page)) = try read(.reply(reply)) else {
            Issue.record("another reply came")
            return
        }
        let fitting = ArtifactsListing.room / (try item(1)).encodedSize
        #expect(page == ArtifactsListing(items: Array(items.prefix(fitting)), more: true))
        #expect(size(of: reply) <= Limits.controlPayload)
    }

    @Test("The size of an item and of a receipt is what it takes on the wire")
    func encodedSizes() throws {
        let item = try item(1)
        let receipt = Receipt(
            outcome: .unchanged, path: item.path, generation: 1, stamp: 2, digest: digest, files: 3, bytes: 4, sent: 5)
        #expect(size(of: .artifacts(ArtifactsListing(items: [item]))) == 3 + item.encodedSize)
        #expect(size(of: .persist([receipt])) == 2 + receipt.encodedSize)
        #expect(receipt.encodedSize == Receipt.largestEncodedSize(item.path))
    }

    @Test("Receipts never make a reply that is too large to be sent")
    func receiptsThatFit() throws {
        let path = try PathName(Array(String(repeating: "p", count: 200).utf8))
        let reply = Reply.persist([Receipt](repeating: Receipt(outcome: .missing, path: path), count: 70_000))
        #expect(size(of: reply) <= Limits.controlPayload)
    }

    @Test("A file that is kept counts as any other in the rolling digest: a resume may tell less of what travels")
    func digestOfKept() {
        var entry = TreeEntry(
            kind: .file, mode: 0o644, size: 9, modified: Timestamp(seconds: 1, nanoseconds: 2), path: .root,
            isLast: true)
        var travelling = TreeDigest()
        travelling.add(.entry(entry))
        entry.isKept = true
        var kept = TreeDigest()
        kept.add(.entry(entry))
        #expect(kept == travelling)
    }

    @Test(
        "Only an owner's notFound and notShared can say that a path is uncovered; from others it is not written",
        arguments: [
            (ErrorCode.notFound, BatonError.Source.owner, true), (.notShared, .owner, true),
            (.permission, .owner, false),
            (.notFound, .relay, false), (.notShared, .local, false),
        ])
    func uncovered(_ code: ErrorCode, _ source: BatonError.Source, _ isTold: Bool) throws {
        let error = BatonError(code, "no", saidBy: source, isUncovered: true)
        let told = BatonError(code, "no", saidBy: source, isUncovered: isTold)
        #expect(try read(.reply(.error(error))) == .reply(.error(told)))
    }

    @Test("A stored answer names its generation, a live one none")
    func source() {
        #expect(AnswerSource.live.generation == nil)
        #expect(AnswerSource.live.name == "live")
        #expect(AnswerSource.stored(generation: 3).generation == 3)
        #expect(AnswerSource.stored(generation: 3).name == "stored")
    }
}
