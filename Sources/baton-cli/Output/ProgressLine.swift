import BatonCommandLine
import BatonProtocol
import Synchronization

/// One line on the terminal that says how far a transfer is: bytes, entries, rate, time left.
final class ProgressLine: Sendable {
    private let began = ContinuousClock.now
    private let total = Mutex<UInt64?>(nil)
    private let isShown = Mutex(false)
    private let name: @Sendable (Progress.Waiting) -> String

    /// - Parameter name: what the hop is called that holds the transfer up.
    init(_ name: @escaping @Sendable (Progress.Waiting) -> String) { self.name = name }

    /// How much there is in all, once that is known.
    func expect(_ bytes: UInt64) { total.withLock { $0 = bytes } }

    func show(_ progress: Progress) {
        let elapsed = (ContinuousClock.now - began).seconds
        let rate = elapsed > 0 ? Double(progress.bytesIn) / elapsed : 0
        var parts = [Amounts.bytes(progress.bytesIn)]
        let total = total.withLock { $0 }
        if let total, total > 0 {
            parts[0] += " of \(Amounts.bytes(total)) (\(min(100, progress.bytesIn * 100 / total)) %)"
        }
        parts.append(progress.entries == 1 ? "1 entry" : "\(progress.entries) entries")
        parts.append("\(Amounts.bytes(rate))/s")
        if let total, rate > 0, total > progress.bytesIn {
            parts.append("\(Amounts.time(Double(total - progress.bytesIn) / rate)) left")
        }
        if progress.waiting != .nothing { parts.append("waiting for \(name(progress.waiting))") }
        isShown.withLock { $0 = true }
        StandardError.writeRaw("\r\u{1B}[K" + parts.joined(separator: ", "))
    }

    /// Makes room for what is printed next.
    func clear() {
        if isShown.withLock({ $0 }) { StandardError.writeRaw("\r\u{1B}[K") }
    }
}

extension Conversation {
    /// Transfers and, on a terminal, shows how far it is.
    ///
    /// - Parameters:
    ///   - name: what the hop is called that holds the transfer up.
    ///   - total: how much there is in all; it runs beside, and nobody waits for it.
    func showingProgress<Result: Sendable>(
        of name: @escaping @Sendable (Progress.Waiting) -> String = \.name,
        total: @escaping @Sendable () async -> UInt64? = { nil },
        _ transfer: (_ onProgress: @escaping @Sendable (Progress) -> Void) async throws(BatonError) -> Result
    ) async throws(BatonError) -> Result {
        let isQuiet = isQuiet
        guard StandardError.isTerminal, !isQuiet else {
            return try await transfer { progress in
                if !isQuiet, !progress.note.isEmpty { tell(progress.note) }
            }
        }
        let line = ProgressLine(name)
        defer { line.clear() }
        // Cancelled, if it still runs, when the transfer has ended.
        async let _: Void = { if let bytes = await total() { line.expect(bytes) } }()
        return try await transfer { progress in
            if !progress.note.isEmpty {
                line.clear()
                tell(progress.note)
            }
            line.show(progress)
        }
    }
}

/// What a person should know while the transfer goes on.
private func tell(_ note: String) {
    StandardError.write("baton: \(Escaping.printable(note)); going on when it is back")
}
