import BatonProtocol
import Logging
import Synchronization
import Testing

@testable import BatonTransport

@Suite("Refused connections in the log")
struct RefusalLogTests {
    private final class Lines: LogHandler, Sendable {
        private let messages = Mutex<[String]>([])

        var all: [String] { messages.withLock { $0 } }

        var metadata: Logger.Metadata {
            get { [:] }
            set {}
        }
        var logLevel: Logger.Level {
            get { .trace }
            set {}
        }
        subscript(metadataKey _: String) -> Logger.Metadata.Value? {
            get { nil }
            set {}
        }

        func log(event: LogEvent) {
            messages.withLock { $0.append("\(event.message)") }
        }
    }

    private let lines = Lines()

    private func refuse(_ count: Int) {
        let log = RefusalLog()
        let logger = Logger(label: "test") { [lines] _ in lines }
        for _ in 0..<count { log.note(BatonError(.identityRefused, "an unknown authority"), logger) }
    }

    @Test("Each says why")
    func few() {
        refuse(3)
        #expect(lines.all == Array(repeating: "refused a connection: an unknown authority", count: 3))
    }

    @Test("A flood of them leaves some lines a second, of which the last says so")
    func flood() {
        let time = ContinuousClock().measure { refuse(10_000) }
        #expect(lines.all.count <= (Int(time.components.seconds) + 2) * 33)
        #expect(lines.all.contains { $0.contains("are not written down") })
    }
}
