import BatonProtocol
import NIOCore

extension FrameType {
    /// The name that the specification gives the type: `FETCH_REPLY` for `fetchReply`.
    var specificationName: String {
        self == .goAway
            ? "GOAWAY" : "\(self)".reduce(into: "") { $0 += $1.isUppercase ? "_\($1)" : $1.uppercased() }
    }
}

extension Message {
    /// What was decoded, written as the vectors write it.
    var fields: [String: JSONValue] {
        switch self {
        case .hello(let hello):
            [
                "version": .int(hello.version), "capabilities": .decimal(hello.capabilities.rawValue),
                "max_streams": .int(hello.maxStreams), "keepalive": .int(hello.keepalive),
                "software": .string(hello.software),
            ]
        case .welcome(let welcome):
            [
                "version": .int(welcome.version), "capabilities": .decimal(welcome.capabilities.rawValue),
                "session": .decimal(welcome.session), "max_streams": .int(welcome.maxStreams),
                "keepalive": .int(welcome.keepalive), "window": .int(welcome.window), "app": .name(welcome.app),
                "work": .name(welcome.work), "ticket": .hex(welcome.ticket), "software": .string(welcome.software),
            ]
        case .join(let join): ["version": .int(join.version), "ticket": .hex(join.ticket)]
        case .joined(let lane): ["lane": .int(lane)]
        case .ticket(let ticket): ["ticket": .hex(ticket)]
        case .ping(let opaque), .pong(let opaque): ["opaque": .decimal(opaque)]
        case .goAway(let goAway):
            [
                "code": .int(goAway.code.rawValue), "last_stream": .int(goAway.lastStream),
                "reconnect_ms": .int(goAway.reconnect), "message": .string(goAway.message),
            ]
        case .request(let request): request.fields
        case .reply(let reply): reply.fields
        case .cancel(let code): ["code": .int(code.rawValue)]
        case .credit(let limit): ["limit": .decimal(limit)]
        case .progress(let progress):
            [
                "bytes_in": .decimal(progress.bytesIn), "bytes_out": .decimal(progress.bytesOut),
                "entries": .decimal(progress.entries),
                "waiting": .string("\(progress.waiting)"), "note": .string(progress.note),
            ]
        case .report(let report):
            [
                "hop": .string("\(report.hop)"), "waiting": .string("\(report.waiting)"),
                "bytes": .decimal(report.bytes),
            ]
        case .entry(let entry):
            JSONValue.metadata(entry.kind, entry.mode, entry.size, entry.modified)
                .merging([
                    "version": .decimal(entry.version), "path": .path(entry.path), "target": .hex(entry.target),
                    "attributes": .array(
                        entry.attributes.map { .object(["name": .hex($0.name), "value": .hex($0.value)]) }),
                ]) { $1 }
        case .chunk(let chunk):
            [
                "offset": .decimal(chunk.offset), "checksum": .decimal(chunk.checksum),
                "data": .hex(chunk.data.readableBytesView),
            ]
        case .skipped(let skipped): skipped.fields
        case .end(let end):
            ["entries": .decimal(end.entries), "bytes": .decimal(end.bytes), "skipped": .decimal(end.skipped)]
        case .again(let pass): ["pass": .int(pass)]
        case .keep(let path): ["path": .path(path)]
        case .source(let generation): ["generation": .decimal(generation)]
        }
    }
}

extension Request {
    fileprivate var fields: [String: JSONValue] {
        var fields: [String: JSONValue] = ["deadline_ms": .int(deadline)]
        switch operation {
        case .share: fields["path"] = .path(path)
        case .echo, .call: fields["origin"] = .name(origin)
        case .attach: break
        default: (fields["origin"], fields["path"]) = (.name(origin), .path(path))
        }
        switch operation {
        case .exists, .echo, .wait, .share: break
        case .stat(let digest): fields["options"] = .number(digest ? 1 : 0)
        case .persist(let all): fields["options"] = .number(all ? 1 : 0)
        case .artifacts(let query):
            fields["action"] = .string("\(query.action)")
            fields["generation"] = .decimal(query.generation)
            fields["after_path"] = .path(query.afterPath)
            fields["after_generation"] = .decimal(query.afterGeneration)
        case .list(let after, let limit):
            fields["after"] = .hex(after)
            fields["limit"] = .int(limit)
        case .get(let options):
            fields["credit"] = .decimal(options.credit)
            let resume = options.resume.map { $0.offset == nil ? 2 : 6 } ?? 0
            let store = (options.base == nil ? 0 : 8) + (options.storedOnly ? 16 : 0)
            fields["options"] = .int((options.attributes ? 1 : 0) + resume + store)
            fields["base"] = options.base.map { .decimal($0) }
            fields["entries"] = .decimal(options.resume?.entries ?? 0)
            fields["offset"] = .decimal(options.resume?.offset ?? 0)
            fields["digest"] = .decimal(options.resume?.digest ?? 0)
        case .fetch(let destination):
            fields["destination"] = .path(destination.path)
            let flags = [
                destination.overwrite, destination.attributes, destination.strict, destination.durable,
                destination.storedOnly,
            ]
            fields["options"] = .int(zip(flags, [1, 2, 4, 8, 16]).reduce(0) { $0 + ($1.0 ? $1.1 : 0) })
            fields["wait_ms"] = .int(destination.wait)
            fields["stall_ms"] = .int(destination.stall)
        case .attach(let takesCalls): fields["options"] = .number(takesCalls ? 1 : 0)
        case .call(let order):
            fields["run_s"] = .int(order.runSeconds)
            fields["options"] = .number(order.isAgain ? 1 : 0)
            fields["call"] = .hex(order.id)
            fields["build"] = .hex(order.build)
            fields["method"] = .string(order.method)
            fields["references"] = order.values.list
            fields["arguments"] = .hex(order.values.bytes)
        }
        return fields
    }
}

extension Reply {
    fileprivate var fields: [String: JSONValue] {
        switch self {
        case .exists(let exists, let source): ["exists": .bool(exists)].merging(source.fields) { $1 }
        case .stat(let status):
            JSONValue.metadata(status.kind, status.mode, status.size, status.modified)
                .merging(
                    [
                        "files": .decimal(status.files), "digest": .hex(status.digest),
                    ]
                ) { $1 }.merging(status.source.fields) { $1 }
        case .list(let listing):
            [
                "more": .bool(listing.more),
                "entries": .array(
                    listing.items.map { item in
                        .object(
                            JSONValue.metadata(item.kind, item.mode, item.size, item.modified)
                                .merging(["name": .hex(item.name)]) { $1 })
                    }),
            ].merging(listing.source.fields) { $1 }
        case .echo(let work): ["answered_by": .name(work)]
        case .share(let shared):
            ["origin": .name(shared.origin), "path": .path(shared.path), "exists": .bool(shared.exists)]
        case .fetch(let fetched):
            [
                "kind": .string(fetched.kind.name), "atomic": .bool(fetched.isAtomic), "bytes": .decimal(fetched.bytes),
                "files": .decimal(fetched.files),
                "resumed": .decimal(fetched.resumed), "destination": .path(fetched.destination),
                "skipped": .decimal(fetched.skipped), "listed": .array(fetched.listed.map { .object($0.fields) }),
            ].merging(fetched.source.fields) { $1 }
        case .persist(let receipts): ["receipts": .array(receipts.map { .object($0.fields) })]
        case .artifacts(let listing):
            ["more": .bool(listing.more), "items": .array(listing.items.map { .object($0.fields) })]
        case .attach(let root): ["root": .path(root)]
        case .call(let result):
            [
                "outcome": .string(result.thrown == nil ? "returned" : "threw"),
                "error": .string(result.thrown?.type ?? ""), "message": .string(result.thrown?.message ?? ""),
                "references": result.values.list, "value": .hex(result.values.bytes),
            ]
        case .error(let error):
            [
                "code": .int(error.code.rawValue), "said_by": .string(error.saidBy.name),
                "path": .path(error.path ?? .root), "message": .string(error.message),
            ].merging(error.isUncovered ? ["uncovered": .bool(true)] : [:]) { $1 }
        }
    }
}

extension CallValues {
    fileprivate var list: JSONValue {
        .array(references.map { .object(["origin": .name($0.origin), "path": .path($0.path)]) })
    }
}

extension AnswerSource {
    fileprivate var fields: [String: JSONValue] {
        var fields: [String: JSONValue] = ["source": .string(name)]
        fields["generation"] = generation.map { .decimal($0) }
        return fields
    }
}

extension Receipt {
    fileprivate var fields: [String: JSONValue] {
        [
            "path": .path(path), "outcome": .string(outcome.name), "generation": .decimal(generation),
            "stamp": .decimal(stamp), "digest": .hex(digest), "files": .decimal(files), "bytes": .decimal(bytes),
            "sent": .decimal(sent),
        ]
    }
}

extension ArtifactItem {
    fileprivate var fields: [String: JSONValue] {
        [
            "path": .path(path), "generation": .decimal(generation), "created_s": .decimal(created.seconds),
            "created_ns": .int(created.nanoseconds), "files": .decimal(files), "bytes": .decimal(bytes),
            "digest": .hex(digest), "state": .int((isPinned ? 1 : 0) + (isDamaged ? 2 : 0) + (isNewest ? 4 : 0)),
        ]
    }
}

extension SkippedEntry {
    fileprivate var fields: [String: JSONValue] { ["reason": .int(reason.rawValue), "path": .path(path)] }
}

extension JSONValue {
    fileprivate static func int(_ value: some FixedWidthInteger) -> JSONValue { .number(Int64(clamping: value)) }
    fileprivate static func decimal(_ value: some FixedWidthInteger) -> JSONValue { .string("\(value)") }
    fileprivate static func hex(_ bytes: some Collection<UInt8>) -> JSONValue { .string(bytes.hex) }
    fileprivate static func path(_ path: PathName) -> JSONValue { .hex(path.bytes) }
    fileprivate static func name(_ name: WorkName?) -> JSONValue { .string(name?.description ?? "") }

    fileprivate static func metadata(
        _ kind: EntryKind, _ mode: UInt16, _ size: UInt64, _ modified: Timestamp
    ) -> [String: JSONValue] {
        [
            "kind": .string(kind.name), "mode": .int(mode), "size": .decimal(size),
            "mtime_s": .decimal(modified.seconds),
            "mtime_ns": .int(modified.nanoseconds),
        ]
    }
}
