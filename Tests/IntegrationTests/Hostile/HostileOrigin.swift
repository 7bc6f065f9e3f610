import Testing

/// The work `third`, played by a test that speaks the protocol by itself, answers one get of `deploy`.
struct HostileOrigin: Sendable {
    let control: RawPeer
    let lane: RawPeer
    /// The GET as it came.
    let request: RawFrame
    /// A directory beside both roots that no get may reach.
    let outside: String

    var stream: UInt32 { request.stream }

    /// Sends within the credit, as an honest origin does.
    ///
    /// - Returns: false if the GET was cancelled before all was sent.
    @discardableResult
    func send(_ frames: some Sequence<RawFrame>) async throws -> Bool {
        var limit = request.creditOfGet
        var sent: UInt64 = 0
        var bytes: [UInt8] = []
        for frame in frames {
            sent += UInt64(frame.payload.count)
            bytes += frame.bytes
            guard bytes.count > 32_768 || sent + 4096 > limit else { continue }
            lane.send(bytes)
            bytes = []
            while control.hasFrame || sent + 4096 > limit {
                let frame = try await control.frame()
                guard frame.stream == stream else { continue }
                if frame.type == RawFrame.cancel { return false }
                if frame.type == RawFrame.credit { limit = max(limit, frame.limitOfCredit) }
            }
        }
        lane.send(bytes)
        return true
    }

    /// Waits for the next GET, which goes on where this one ended.
    func next(within limit: Duration = .seconds(20)) async throws -> HostileOrigin {
        while true {
            let frame = try await control.frame(within: limit)
            guard frame.type == RawFrame.get else { continue }
            return HostileOrigin(control: control, lane: lane, request: frame, outside: outside)
        }
    }

    /// Lets `deploy` get `tree` of `third` to `copy`, which is a file with old content.
    ///
    /// - Parameters:
    ///   - environment: of `deploy`'s agent.
    ///   - answer: sends what the test wants.
    ///   - keepsPartial: what came may lie in the stage still, for a later get.
    ///   - judge: is given what `baton get --json` said, when the old content was found untouched and nothing else changed.
    static func answering(
        environment: [String: String] = [:], within limit: Duration = .seconds(20), keepsPartial: Bool = false,
        _ answer: (HostileOrigin) async throws -> Void, judge: (Program.Output) throws -> Void
    ) async throws {
        try await Cluster.run(environment: environment) { cluster in
            try await shell("echo old > copy", in: cluster.deploy.root)
            let outside = cluster.folder.path("outside")
            try await shell("mkdir outside; echo precious > outside/file; chmod 751 outside", in: cluster.folder.path)
            let before = try await surroundings(of: cluster)
            let (control, lane) = try await cluster.session()
            let get = try cluster.deploy.start(["get", "--overwrite", "--json", "lit://third@tree", "copy"])
            let request = try await control.frame(RawFrame.get)
            try await answer(HostileOrigin(control: control, lane: lane, request: request, outside: outside))
            let output = try await get.output(within: limit)
            try judge(output)
            #expect(try await contents(cluster.deploy.root + "/copy") == "old\n")
            let after = try await surroundings(of: cluster)
            #expect(after == before)
            if !keepsPartial { try await expectNothingLeft(in: cluster.deploy) }
            try await cluster.expectHealthy()
        }
    }

    /// All that is there but what agents keep for themselves: names, kinds, sizes, modes, times, targets.
    private static func surroundings(of cluster: Cluster) async throws -> String {
        // The times of a directory in which a stage came and went are its own affair.
        try await shell(
            """
            find outside trainer deploy -name .baton -prune -o -name '.baton-stage-*' -prune -o -path 'deploy' -printf '%p %m\\n' \\
                -o -printf '%p %y %s %m %n %T@ %C@ %l\\n' | LC_ALL=C sort
            """, in: cluster.folder.path)
    }
}

extension Program.Output {
    /// It failed so, as `--json` shows.
    func expectError(_ code: String, _ status: CInt, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let error = try json()["error"] as? [String: Any]
        #expect(self.status == status, "\(self)", sourceLocation: sourceLocation)
        #expect(error?["code"] as? String == code, "\(self)", sourceLocation: sourceLocation)
    }
}
