import BatonProtocol

@testable import BatonProtocol

/// Which lines of `Sources/BatonProtocol/Messages` read and write which type of message.
enum MessageCode {
    static func of(_ type: FrameType) -> [String] {
        switch type {
        case .hello: coding("Greeting", "public struct Hello")
        case .welcome: coding("Greeting", "public struct Welcome")
        case .join: coding("Greeting", "public struct Join") + ticket
        case .ticket: ticket + message("ticket")
        case .goAway: coding("Greeting", "public struct GoAway")
        case .ping, .pong: message("\(type)", writer: "case .ping(let opaque), .pong")
        case .joined, .cancel, .credit, .again, .keep, .source: message("\(type)")
        case .exists, .echo, .wait, .share: request("\(type)", writer: "case .exists, .echo, .wait, .share")
        case .stat, .list, .persist, .attach: request("\(type)")
        case .get: request("get") + coding("GetOptions", "public struct GetOptions")
        case .artifacts: request("artifacts") + coding("Artifacts", "public struct ArtifactsQuery")
        case .fetch: request("fetch") + coding("Destination", "extension Request > public struct Destination")
        case .call: request("call") + coding("Calls", "public struct CallOrder") + values
        case .existsReply: reply("existsReply", "exists") + source
        case .statReply: coding("PathStatus", "public struct PathStatus") + source
        case .listReply:
            coding("Listing", "public struct Listing")
                + lines("Listing", "public struct Listing > private static func judge")
                + source
        case .echoReply: reply("echoReply", "echo")
        case .persistReply: lines("Receipt", "extension Receipt")
        case .artifactsReply:
            coding("Artifacts", "public struct ArtifactItem") + coding("Artifacts", "public struct ArtifactsListing")
                + lines("Artifacts", "public struct ArtifactItem > public func precedes")
        case .shareReply: coding("LocalReplies", "public struct Shared")
        case .fetchReply:
            coding("LocalReplies", "public struct Fetched") + lines("TreeCoding", "extension SkippedEntry") + source
        case .attachReply: reply("attachReply", "attach")
        case .callReply: coding("Calls", "public struct CallResult") + values
        case .error: lines("Reply", "extension BatonError")
        case .progress: coding("Progress", "public struct Progress")
        case .report: coding("Progress", "public struct HopReport")
        case .entry:
            lines("EntryCoding", "extension TreeEntry", "public struct ExtendedAttribute > public static func travels")
        case .chunk: coding("TreeCoding", "public struct Chunk")
        case .skipped: lines("TreeCoding", "extension SkippedEntry")
        case .end: lines("TreeCoding", "extension TreeEnd")
        }
    }

    private static let ticket = lines("Greeting", "extension PayloadReader > mutating func ticket")
    private static let source = lines("AnswerSource", "extension PayloadReader", "extension ByteBuffer")
    private static let values = coding("Calls", "public struct CallValues")

    private static func lines(_ file: String, _ declarations: String...) -> [String] {
        declarations.map { "BatonProtocol/Messages/\(file).swift: \($0)" }
    }

    private static func coding(_ file: String, _ type: String) -> [String] {
        lines(file, "\(type) > init(_ fields", "\(type) > func write")
    }

    private static func message(_ name: String, writer: String? = nil) -> [String] {
        lines(
            "Message", "public enum Message > public init(_ frame > case .\(name):",
            "public enum Message > func writePayload > \(writer ?? "case .\(name)(")")
    }

    private static func request(_ name: String, writer: String? = nil) -> [String] {
        lines(
            "Request", "public struct Request > init(_ type > case .\(name):",
            "public struct Request > func write > \(writer ?? "case .\(name)(")")
    }

    private static func reply(_ type: String, _ name: String) -> [String] {
        lines(
            "Reply", "public enum Reply > init(_ type > case .\(type):",
            "public enum Reply > func write > case .\(name)(")
    }
}
