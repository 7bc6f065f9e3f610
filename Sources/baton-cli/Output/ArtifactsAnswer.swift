import BatonProtocol
import Glibc

/// What `artifacts` prints of generations.
struct ArtifactsAnswer: Encodable {
    let artifacts: [ArtifactAnswer]

    init(_ items: [ArtifactItem], _ origin: WorkName) {
        artifacts = items.map { ArtifactAnswer($0, origin) }
    }

    /// For people, with a line of titles.
    var table: String {
        Table.text(
            titles: ["PATH", "GENERATION", "CREATED", "FILES", "BYTES", "STATE", "SHA256"],
            isNumber: [false, true, false, true, true, false, false], rows: artifacts.map(\.cells))
    }
}

struct ArtifactAnswer: Encodable {
    let path: String
    let origin: String
    let generation: UInt64
    let created: String
    let files: UInt64
    let bytes: UInt64
    let digest: String
    let pinned: Bool
    let damaged: Bool
    let newest: Bool
    /// As people read it.
    private let localTime: String

    private enum CodingKeys: CodingKey {
        case path, origin, generation, created, files, bytes, digest, pinned, damaged, newest
    }

    init(_ item: ArtifactItem, _ origin: WorkName) {
        path = Reference(origin: origin, path: item.path).description
        self.origin = origin.description
        generation = item.generation
        created = item.created.text
        localTime = item.created.localText
        files = item.files
        bytes = item.bytes
        digest = Amounts.hexadecimal(item.digest)
        pinned = item.isPinned
        damaged = item.isDamaged
        newest = item.isNewest
    }

    var name: String { "\(path) generation \(generation)" }

    fileprivate var cells: [String] {
        let states = [("newest", newest), ("pinned", pinned), ("damaged", damaged)].filter(\.1).map(\.0)
        return [
            path, "\(generation)", localTime, "\(files)", Amounts.bytes(bytes), states.joined(separator: ","),
            String(digest.prefix(12)),
        ]
    }
}

extension Timestamp {
    /// ISO 8601 in this machine's time zone, to the second.
    var localText: String {
        var time = time_t(seconds)
        var parts = tm()
        var local = [CChar](repeating: 0, count: 64)
        guard localtime_r(&time, &parts) != nil else { return text }
        let count = strftime(&local, local.count, "%Y-%m-%dT%H:%M:%S%z", &parts)
        return count == 0 ? text : String(decoding: local.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
