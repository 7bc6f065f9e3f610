import BatonProtocol
import BatonTransport
import Synchronization
import SystemPackage
import Testing

@testable import Baton

@Suite(.timeLimit(.minutes(1))) struct `A get that tells how far it is` {
    private let path: Path = "lit://trainer@outputs/x"

    private static func fetched() throws -> Fetched {
        var fetched = Fetched(
            kind: .directory, isAtomic: true, bytes: 300, files: 2, destination: try PathName(Array("/place".utf8)),
            skipped: 1,
            listed: [SkippedEntry(reason: .fifo, path: try PathName(Array("sub/pipe".utf8)))])
        fetched.resumed = 50
        fetched.source = .stored(generation: 7)
        return fetched
    }

    @Test func `shows each progress of the agent, then what was got, and ends`() async throws {
        let done = try Self.fetched()
        try await Bench.run { session, _, stream in
            session.send(Progress(bytesIn: 10, bytesOut: 5, entries: 1, waiting: .originDisk, note: "slow"), on: stream)
            session.send(Progress(bytesIn: 260, bytesOut: 200, entries: 3, waiting: .nothing), on: stream)
            session.reply(.fetch(done), on: stream)
        } _: { bench in
            var seen: [Path.Progress] = []
            for try await progress in path.transfer(overwrite: true) { seen.append(progress) }
            #expect(seen.map(\.bytes) == [5, 200, 300] && seen.map(\.bytesReceived) == [10, 260, 260])
            #expect(seen.first?.waitingFor == .originDisk && seen.first?.note == "slow")
            #expect(seen.dropLast().allSatisfy { $0.fetched == nil })
            let fetched = try #require(seen.last?.fetched)
            #expect(fetched.place == "/place" && fetched.kind == .directory && fetched.files == 2)
            #expect(fetched.resumedBytes == 50 && fetched.source == .stored(generation: 7) && fetched.isAtomic)
            #expect(fetched.skippedCount == 1 && fetched.skipped == ["lit://trainer@outputs/x/sub/pipe": "fifo"])
            guard case .fetch(let order) = bench.agent.asked.first?.operation else {
                throw BatonError(.internal, "no FETCH")
            }
            #expect(order.overwrite && order.path.isRoot && bench.agent.cancelled.isEmpty)
        }
    }

    @Test func `begins with the loop, and each loop is a get of its own`() async throws {
        let done = try Self.fetched()
        try await Bench.run { session, _, stream in
            session.reply(.fetch(done), on: stream)
        } _: { bench in
            let transfer = path.transfer(to: "here", within: .seconds(5), stall: .seconds(2))
            #expect(bench.agent.asked.isEmpty)
            for _ in 0..<2 { for try await _ in transfer {} }
            #expect(bench.agent.asked.count == 2)
            guard case .fetch(let order) = bench.agent.asked.first?.operation else {
                throw BatonError(.internal, "no FETCH")
            }
            #expect(order.path.bytes == Array((bench.root + "/here").utf8) && order.stall == 2000 && !order.overwrite)
            #expect((4000...5000).contains(bench.agent.asked.first?.deadline ?? 0))
        }
    }

    @Test func `is cancelled when the loop is left`() async throws {
        try await Bench.run { session, _, stream in
            session.send(Progress(bytesIn: 1, bytesOut: 1, entries: 1, waiting: .nothing), on: stream)
        } _: { bench in
            for try await _ in path.transfer() { break }
            try await eventually { bench.agent.cancelled.count == 1 }
        }
    }

    @Test func `is cancelled with its task`() async throws {
        try await Bench.run { _, _, _ in
        } _: { bench in
            let code = await withTaskGroup(of: PathError.Code?.self) { group in
                group.addTask {
                    do throws(PathError) { try await path.get() } catch { return error.code }
                    return nil
                }
                try? await eventually { bench.agent.asked.count == 1 }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(code == .cancelled)
            try await eventually { bench.agent.cancelled.count == 1 }
        }
    }

    @Test func `waits its turn behind thirty-two others, no longer than it may take, and gives its turn back`()
        async throws
    {
        let done = try Self.fetched()
        let begun = Mutex<[@Sendable () -> Void]>([])
        try await Bench.run { session, _, stream in
            begun.withLock { $0.append { session.reply(.fetch(done), on: stream) } }
        } _: { bench in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<32 { group.addTask { try await path.get() } }
                try await eventually { bench.agent.asked.count == 32 }
                await expect(.deadline) { try await path.get(within: .milliseconds(50)) }
                await withTaskGroup(of: Void.self) { waiting in
                    waiting.addTask { await expect(.cancelled) { try await path.get() } }
                    try? await Task.sleep(for: .milliseconds(50))
                    waiting.cancelAll()
                }
                for _ in 0..<8 { group.addTask { try await path.get() } }
                try await Task.sleep(for: .milliseconds(50))
                #expect(bench.agent.asked.count == 32 && bench.agent.cancelled.isEmpty)
                for count in 33...40 {
                    begun.withLock { $0.removeFirst() }()
                    try await eventually { bench.agent.asked.count == count }
                }
                for reply in begun.withLock({ $0 }) { reply() }
                try await group.waitForAll()
            }
            #expect(bench.agent.asked.count == 40)
        }
    }

    @Test func `is not begun in a task that is cancelled already`() async throws {
        try await Bench.run { _, _, _ in
        } _: { bench in
            await withTaskGroup(of: Void.self) { group in
                group.cancelAll()
                group.addTask { await expect(.cancelled) { try await path.get() } }
            }
            #expect(bench.agent.asked.isEmpty)
        }
    }

    @Test func `ends in time, also if the agent says nothing`() async throws {
        try await Bench.run(isDeaf: true) { _, _, _ in
        } _: { bench in
            let began = ContinuousClock.now
            await expect(.deadline) { try await path.get(within: .milliseconds(100)) }
            #expect(ContinuousClock.now - began < .seconds(30))
            try await eventually { !bench.agent.cancelled.isEmpty }
        }
    }

    @Test func `ends with the agent's error, and there is nothing after it`() async throws {
        try await Bench.run { session, request, stream in
            session.reply(.error(BatonError(.changed, "it changes", path: request.path, saidBy: .owner)), on: stream)
        } _: { _ in
            var iterator = path.transfer().makeAsyncIterator()
            do throws(PathError) {
                _ = try await iterator.next()
                Issue.record("no error")
            } catch {
                #expect(error == PathError(.changed, "it changes", path: path, saidBy: .owner))
            }
            let after = try await iterator.next()
            #expect(after == nil)
        }
    }

    @Test func `an existing copy is an error that says how to replace it`() async throws {
        try await Bench.run { session, request, stream in
            session.reply(.error(BatonError(.alreadyExists, "pass --overwrite")), on: stream)
        } _: { bench in
            let error = await expect(.alreadyExists) { try await path.get() }
            #expect(error?.message.contains("overwrite: true") == true && error?.message.contains("--") == false)
            #expect(error?.message.contains(bench.root + "/.baton/from/trainer/outputs/x") == true)
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct `Questions about other works' paths` {
    private let operations: [(Path) async throws -> Void] = [
        { _ = try await $0.existsRemote() }, { _ = try await $0.statRemote() }, { _ = try await $0.listRemote() },
        { try await $0.get() }, { try await $0.wait(for: .seconds(1)) }, { for try await _ in $0.transfer() {} },
    ]

    @Test func `outside of a work's run each is refused`() async {
        for path: Path in ["lit://trainer@x", "x"] {
            for operation in operations { await expect(.outsideWork) { try await operation(path) } }
            await expect(.outsideWork) { try await path.exists() }
            await expect(.outsideWork) { try await path.declare() }
        }
    }

    @Test func `about a path without an origin each is refused, and says how it gets one`() async throws {
        try await Bench.run { bench in
            for operation in operations {
                let error = await expect(.notAttached) { try await operation("x") }
                #expect(error?.message.contains("lit://WORK@PATH") == true && error?.path == "x")
            }
            let exists = try await ("x" as Path).exists()
            #expect(!exists && bench.agent.asked.isEmpty)
        }
    }

    @Test func `a transfer that leaves its work's run asks nobody`() async throws {
        let path: Path = "lit://trainer@x"
        var escaped: Path.Transfer?
        try await Bench.run { _ in escaped = path.transfer() }
        let transfer = try #require(escaped)
        await expect(.outsideWork) { for try await _ in transfer {} }
    }

    @Test func `exists asks the origin only if there is nothing here`() async throws {
        try await Bench.run { session, _, stream in
            session.reply(.exists(true, source: .live), on: stream)
        } _: { bench in
            let path: Path = "lit://trainer@x"
            #expect(try await path.exists() && bench.agent.asked.count == 1)
            try await bench.shell("mkdir .baton/from/trainer; touch .baton/from/trainer/x")
            #expect(try await path.exists() && bench.agent.asked.count == 1)
        }
    }

    @Test func `an agent that lists the same names for ever is found out`() async throws {
        try await Bench.run { session, _, stream in
            let item = Listing.Item(
                kind: .file, mode: 0o644, size: 1, modified: Timestamp(seconds: 0, nanoseconds: 0), name: [0x61])
            session.reply(.list(Listing(items: [item], more: true)), on: stream)
        } _: { bench in
            await expect(PathError.Code(rawValue: "malformed")) { try await ("lit://trainer@x" as Path).listRemote() }
            #expect(bench.agent.asked.count == 2)
        }
    }

    @Test func `each error of relay and owner keeps its code, words and source`() async throws {
        for (code, name) in [
            (ErrorCode.notFound, PathError.Code.notFound), (.notShared, .notShared), (.unreachable, .unreachable),
            (.deadline, .deadline), (.changed, .changed), (.permission, .permission), (.noSpace, .noSpace),
            (.busy, .busy),
            (.corrupt, .corrupt), (.cannotCreate, .cannotCreate), (.interrupted, .interrupted), (.tooLarge, .tooLarge),
            (.unsupported, .unsupported), (.usage, .usage), (.internal, .internal), (.cancelled, .cancelled),
            (ErrorCode(rawValue: 4711), PathError.Code(rawValue: "code 4711")),
        ] {
            try await Bench.run { session, _, stream in
                session.reply(.error(BatonError(code, "words", saidBy: .relay)), on: stream)
            } _: { _ in
                let error = await expect(name) { try await ("lit://trainer@x" as Path).existsRemote() }
                #expect(error == PathError(name, "words", path: "lit://trainer@x", saidBy: .relay))
            }
        }
    }

    @Test func `a work declares its own paths only`() async throws {
        let (work, place) = (try WorkName("deploy"), try PathName(Array("outputs".utf8)))
        try await Bench.run { session, _, stream in
            session.reply(.share(Shared(origin: work, path: place, exists: false)), on: stream)
        } _: { bench in
            for own: Path in ["outputs", "lit://deploy@outputs"] {
                let declared = try await own.declare()
                #expect(declared == "lit://deploy@outputs")
            }
            let error = await expect(.differentOrigins) { try await ("lit://trainer@outputs" as Path).declare() }
            #expect(error?.message.contains("'trainer'") == true && error?.message.contains("'deploy'") == true)
            #expect(bench.agent.asked.count == 2)
        }
    }
}

/// Waits until it holds, for at most 50 seconds: a machine may be loaded, or the test instrumented.
private func eventually(_ condition: () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(50)
    while !condition() {
        try #require(ContinuousClock.now < end)
        try await Task.sleep(for: .milliseconds(5))
    }
}
