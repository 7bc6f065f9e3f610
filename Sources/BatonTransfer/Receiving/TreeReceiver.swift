package import BatonFiles
package import BatonProtocol
package import BatonTransport
import NIOCore
import Synchronization

/// Asks for a tree and writes what comes on the lane. Blocking: to be run on threads that may.
package struct TreeReceiver: Sendable {
    private let session: Session
    private let lane: Lane
    private let meter: TransferMeter
    /// Who is at the other end, for messages.
    private let peerName: String
    private let endsWithin: Duration?

    /// - Parameters:
    ///   - lane: of `session`.
    ///   - peerName: who is at the other end, for messages.
    ///   - endsWithin: how long to wait for the end of a GET that was cancelled; `nil`: not at all.
    package init(
        session: Session, lane: Lane, meter: TransferMeter, peerName: String, endsWithin: Duration? = nil
    ) {
        self.peerName = peerName
        self.endsWithin = endsWithin
        self.session = session
        self.lane = lane
        self.meter = meter
    }

    /// One GET, from where `writer` stands to the end of the tree.
    ///
    /// - Parameter request: a GET; its credit is the window of the stream, in bytes.
    /// - Throws: what the other side, the network or the disk says; `busy` if there are too many requests.
    package func receive(_ request: Request, into writer: TreeWriter) async throws(BatonError) {
        guard case .get(let options) = request.operation else {
            throw BatonError(.internal, "a tree was asked for with something else than a GET")
        }
        let inbox = Inbox<Frame>()
        let meter = meter
        let lane = lane
        let peerName = peerName
        let known = Mutex<StreamID?>(nil)
        meter.begin()
        writer.beginStream()
        let opened = await session.open(request) { stream in
            known.withLock { $0 = stream }
            lane.expect(stream, window: options.credit, .deliver(inbox))
        } onEvent: { event in
            switch event {
            case .progress: break
            case .report(let report): meter.hear(report)
            case .reply(.error(let error)):
                // Nothing of it comes on the lane any more.
                if let stream = known.withLock({ $0 }) { lane.forget(stream) }
                inbox.finish(error)
            case .lost(let error):
                inbox.finish(BatonError(.interrupted, "the connection to \(peerName) was lost: \(error.message)"))
            case .reply: inbox.finish(BatonError(.internal, "a get was answered with something else"))
            }
        }
        guard let stream = opened else {
            throw BatonError(.busy, "too many requests are under way; try again", path: request.path)
        }
        do throws(BatonError) {
            while let batch = try await inbox.next() {
                for (number, frame) in batch.enumerated() {
                    // What came before the end is written: the next attempt need not have it sent again. Unless that takes long.
                    if number % 256 == 255 { try inbox.checkOpen() }
                    if Task.isCancelled { throw BatonError(.cancelled, "the get was cancelled") }
                    meter.beginWriting(frame.payload.readableBytes)
                    try writer.receive(frame)
                    meter.endWriting(writer.progress, from: writer.source)
                    lane.consumed(frame.payload.readableBytes, of: stream)
                }
            }
        } catch {
            lane.redirect(stream, .awaitEnd(inbox))
            // A task that is cancelled does not know why; who has cancelled it does.
            session.cancel(stream, because: error.code == .cancelled ? meter.end ?? .cancelled : error.code)
            if let endsWithin { await TreeReceiver.awaitEnd(of: inbox, within: endsWithin) }
            throw error
        }
    }

    private static func awaitEnd(of inbox: Inbox<Frame>, within limit: Duration) async {
        // A task of its own: the one that runs here may be cancelled already.
        let rest = Task {
            do throws(BatonError) { while try await inbox.next() != nil {} } catch {}
        }
        let timer = Task {
            do { try await Task.sleep(for: limit) } catch { return }
            rest.cancel()
        }
        await rest.value
        timer.cancel()
    }
}
