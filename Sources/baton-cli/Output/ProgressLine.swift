import BatonCommandLine
import BatonProtocol
import Synchronization

/// One line on the terminal that says how far a transfer is: bytes, entries, rate, time left.
final class ProgressLine: Sendable {
    private let began = ContinuousClock.now
    private let total = Mutex<UInt64?>(nil)
    private let isShown = Mutex(false)

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
        if progress.waiting != .nothing { parts.append("waiting for \(progress.waiting.name)") }
        isShown.withLock { $0 = true }
        StandardError.writeRaw("\r\u{1B}[K" + parts.joined(separator: ", "))
    }

    /// Makes room for what is printed next.
    func clear() {
        if isShown.withLock({ $0 }) { StandardError.writeRaw("\r\u{1B}[K") }
    }
}
