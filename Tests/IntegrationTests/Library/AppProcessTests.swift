import Foundation
import Glibc
import Testing

@Suite("The parts of an app as processes", .timeLimit(.patientMinutes(30)))
struct AppProcessTests {
    /// Runs `body` beside the work `left` and a flow whose call waits there for the file `go`.
    private func duringACall(
        _ body: (Cluster, TestApp, TestApp.Part, TestApp.Part) async throws -> Void
    ) async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            let work = try app.work("left")
            let flow = try app.flow("wait")
            try await work.says("begun flow")
            try await body(cluster, app, work, flow)
        }
    }

    private func expectResult(_ flow: TestApp.Part, within limit: Duration = .seconds(30)) async throws {
        let output = try await flow.program.output(within: limit)
        #expect(output.status == 0 && output.stdout == "done flow\n", "\(output)")
    }

    // MARK: Together

    @Test(
        "Works and flow come together in whatever order they and the relay are started",
        arguments: ["work", "flow", "relay"])
    func order(_ last: String) async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            let address = cluster.relay.address
            if last == "relay" { try await cluster.relay.program.kill() }
            let flow = last == "flow" ? nil : try app.flow("hand-over")
            if last != "flow" { try await Task.sleep(for: .seconds(1)) }
            let works = [try app.work("left"), try app.work("right")]
            var relay: Relay?
            if last == "flow" {
                for work in works { try await work.ready() }
            } else if last == "relay" {
                try await Task.sleep(for: .seconds(1))
                relay = try await Relay(in: cluster.folder, certificates: cluster.certificates.relay, listen: address)
            }
            let output = try await (try flow ?? app.flow("hand-over")).program.output()
            #expect(output.status == 0 && output.stdout == "handed over\n", "\(output)\n\(relay?.log ?? "")")
        }
    }

    @Test("A work runs under baton-agent, with its agent, root and name, and what it leaves behind is kept")
    func underAnAgent() async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            let agent = try cluster.agent(
                "left", command: [app.executable, "work", "left"], environment: ["TMPDIR": app.temporary])
            let flow = try await app.flow("keep").program.output()
            #expect(flow.status == 0 && flow.stdout == "lit://left@outputs/file\n", "\(flow)\n\(agent.log)")
            #expect(try await agent.end() == 0)
            let get = try await cluster.deploy.baton("get", "lit://left@outputs/file", "copy")
            #expect(get.status == 0, "\(get)")
            #expect(try await contents(cluster.deploy.root + "/copy") == "kept")
        }
    }

    @Test("Under an agent that runs already a work takes its calls")
    func withAnAgent() async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            let agent = try cluster.agent("left")
            try await agent.ready()
            let work = try app.work("left", at: agent)
            let flow = try await app.flow("keep").program.output()
            #expect(flow.status == 0, "\(flow)")
            #expect(try await contents(agent.root + "/outputs/file") == "kept")
            work.program.send(SIGTERM)
            #expect(try await work.program.status() == 0)
            #expect(agent.program.isRunning)
        }
    }

    // MARK: Failures

    @Test(
        "A relay that is killed and started again in the middle of a call: the call goes on, once, and its result arrives",
        arguments: [SIGKILL, SIGTERM])
    func relayRestarted(_ signal: CInt) async throws {
        try await duringACall { cluster, _, work, flow in
            cluster.relay.program.send(signal)
            _ = try await cluster.relay.program.status(within: .seconds(10))
            try await Task.sleep(for: .seconds(1))
            let relay = try await Relay(
                in: cluster.folder, certificates: cluster.certificates.relay, listen: cluster.relay.address)
            try work.go()
            try await expectResult(flow)
            #expect(work.log == ["begun flow", "done flow"], "\(relay.log)")
        }
    }

    @Test("CAL-19: A call that comes to its end while the relay is away: its result arrives when that is back")
    func endsWithoutRelay() async throws {
        try await duringACall { cluster, _, work, flow in
            try await cluster.relay.program.kill()
            try work.go()
            try await work.says("done flow")
            let relay = try await Relay(
                in: cluster.folder, certificates: cluster.certificates.relay, listen: cluster.relay.address)
            try await expectResult(flow)
            #expect(work.log == ["begun flow", "done flow"], "\(relay.log)")
        }
    }

    @Test("A work that is killed under its agent: the flow is told at once that the call is lost")
    func workKilled() async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            let agent = try cluster.agent("left")
            try await agent.ready()
            let work = try app.work("left", at: agent)
            let flow = try app.flow("wait")
            try await work.says("begun flow")
            try await work.program.kill()
            let output = try await flow.program.output(within: .seconds(10))
            #expect(output.status == 75 && output.stderr.contains("'left' ended in the middle"), "\(output)")
            // It is not run again by itself.
            let next = try app.work("left", at: agent)
            try await next.ready()
            let count = try await app.flow("count").program.output()
            #expect(count.stdout == "0\n", "\(count)")
        }
    }

    @Test("A work that is killed with its agent, and started again: the call is lost, and does not run again")
    func workKilledWithItsAgent() async throws {
        try await duringACall { _, app, work, flow in
            try await work.program.kill()
            let next = try app.work("left")
            try await next.ready()
            let output = try await flow.program.output(within: .seconds(20))
            #expect(output.status == 75 && output.stderr.contains("knows nothing of this call"), "\(output)")
            #expect(next.log == ["begun flow"])
        }
    }

    @Test("A flow that is killed: its call goes on for a while, and the next flow's waits until it has ended")
    func flowKilled() async throws {
        try await duringACall { _, app, work, flow in
            try await flow.program.kill()
            let next = try app.flow("count")
            try await Task.sleep(for: .seconds(2))
            #expect(next.program.isRunning && work.log == ["begun flow"])
            try work.go()
            let output = try await next.program.output()
            #expect(output.status == 0 && output.stdout == "1\n", "\(output)")
            #expect(work.log == ["begun flow", "done flow"])
        }
    }

    @Test("What a work throws ends the flow, and is said in one line")
    func throwing() async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            let work = try app.work("left")
            let output = try await app.flow("fail").program.output()
            #expect(output.status == 70 && output.stderr.contains("it was to fail"), "\(output)")
            #expect(work.program.isRunning)
        }
    }

    // MARK: Ends

    @Test(
        "A work that is told to end stops its call, has what it leaves behind kept, and ends with 0",
        arguments: [SIGTERM, SIGINT])
    func endWork(_ signal: CInt) async throws {
        try await duringACall { cluster, app, work, flow in
            work.program.send(signal)
            let status = try await work.program.status(within: .seconds(20))
            #expect(status == 0, "\(work.program.stderr)")
            #expect(work.log == ["begun flow", "stopped flow"])
            #expect(!FileManager.default.fileExists(atPath: work.root + "/.baton/agent.sock"))
            let get = try await cluster.deploy.baton("get", "lit://left@outputs/log", "copy")
            #expect(get.status == 0, "\(get)")
            #expect(try await contents(cluster.deploy.root + "/copy") == "begun flow\nstopped flow\n")
            let output = try await flow.program.output(within: .seconds(10))
            #expect(output.status != 0, "\(output)")
            try expectNothingTemporary(app)
        }
    }

    @Test("A flow that is told to end cancels its call, and ends as who was told so", arguments: [SIGTERM, SIGINT])
    func endFlow(_ signal: CInt) async throws {
        try await duringACall { _, app, work, flow in
            flow.program.send(signal)
            #expect(try await flow.program.status(within: .seconds(10)) == 128 + signal)
            try await work.says("stopped flow", within: .seconds(5))
            #expect(work.program.isRunning)
            try expectNothingTemporary(app)
        }
    }

    @Test(
        "All in one process ends, too: calls stop, works' files stay, nothing temporary is left",
        arguments: [SIGTERM, SIGINT])
    func endRun(_ signal: CInt) async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            let run = try app.run("wait", root: cluster.folder.path("run"))
            try await run.says("begun flow")
            run.program.send(signal)
            #expect(try await run.program.status(within: .seconds(20)) == 128 + signal, "\(run.program.stderr)")
            #expect(run.log == ["begun flow", "stopped flow"])
            try expectNothingTemporary(app)
            let sockets = try await shell("find . -type s", in: cluster.folder.path("run"))
            #expect(sockets.isEmpty)
            // The next run finds the files of the one before.
            try run.go()
            try await expectResult(try app.run("wait", root: cluster.folder.path("run")))
            #expect(run.log == ["begun flow", "stopped flow", "begun flow", "done flow"])
            try expectNothingTemporary(app)
        }
    }

    @Test("A part that has not found the relay yet ends all the same when it is told to", arguments: ["work", "flow"])
    func endWithoutRelay(_ part: String) async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            try await cluster.relay.program.kill()
            let program = try (part == "work" ? app.work("left") : app.flow("none")).program
            try await eventually("a look for the relay") { program.stderr.contains("cannot reach the relay") }
            program.send(SIGTERM)
            #expect(try await program.status(within: .seconds(10)) == 128 + SIGTERM)
            try expectNothingTemporary(app)
        }
    }

    @Test("Ctrl-C in a terminal reaches an agent and its work, and this by two ways: both end in peace all the same")
    func interruptGroup() async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            // A process group of its own, as a shell gives to each of its commands.
            let agent = try cluster.agent(
                "left", command: [app.executable, "work", "left"], environment: ["TMPDIR": app.temporary],
                prefix: ["setsid"])
            let flow = try app.flow("wait")
            let work = TestApp.Part(program: agent.program, root: agent.root)
            try await work.says("begun flow")
            kill(-agent.program.pid, SIGINT)
            #expect(try await agent.program.status(within: .seconds(20)) == 0, "\(agent.log)")
            #expect(work.log == ["begun flow", "stopped flow"])
            let get = try await cluster.deploy.baton("get", "lit://left@outputs/log", "copy")
            #expect(get.status == 0, "\(get)\n\(agent.log)")
            try await flow.program.kill()
        }
    }

    @Test("A second signal ends a part at once, whatever it does", arguments: ["work", "run"])
    func secondSignal(_ part: String) async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            var flow: TestApp.Part?
            let stubborn: TestApp.Part
            if part == "work" {
                stubborn = try app.work("left")
                flow = try app.flow("stubborn")
            } else {
                stubborn = try app.run("stubborn", root: cluster.folder.path("run"))
            }
            try await stubborn.says("begun standing")
            stubborn.program.send(SIGINT)
            try await Task.sleep(for: .seconds(1))
            #expect(stubborn.program.isRunning)
            stubborn.program.send(SIGINT)
            #expect(try await stubborn.program.status(within: .seconds(2)) == 128 + SIGINT)
            try await flow?.program.kill()
            if part == "run" { try expectNothingTemporary(app) }
        }
    }

    private func expectNothingTemporary(_ app: TestApp, sourceLocation: SourceLocation = #_sourceLocation) throws {
        // Those that still run, such as the flow beside a work, have theirs.
        let left = try FileManager.default.contentsOfDirectory(atPath: app.temporary)
        #expect(left.isEmpty, "\(left)", sourceLocation: sourceLocation)
    }

    // MARK: Who is who

    @Test("A work with the certificate of another is refused, and told which to take")
    func wrongCertificate() async throws {
        try await Cluster.run { cluster in
            let work = try TestApp(cluster).work("left", certificates: cluster.certificates.work("right"))
            let output = try await work.program.output()
            #expect(output.status == 64 && output.stderr.contains("take that of 'left'"), "\(output)")
        }
    }

    @Test("A flow with the certificate of one of its works is refused, and does not take that work's place")
    func flowAsWork() async throws {
        try await Cluster.run { cluster in
            let output = try await TestApp(cluster).flow("", as: "left").program.output()
            #expect(output.status == 64 && output.stderr.contains("of work 'left'"), "\(output)")
            #expect(!cluster.relay.log.contains("work=left"))
        }
    }

    @Test(
        "A second process for a work, with an agent of its own, takes the first one's place; the first ends with 69 and says why"
    )
    func twoProcesses() async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            let first = try app.work("left")
            try await first.ready()
            let second = try app.work("left", root: cluster.folder.path("second"))
            try await second.ready()
            let output = try await first.program.output(within: .seconds(10))
            #expect(output.status == 69 && output.stderr.contains("identity of 'left'"), "\(output)")
            #expect(try await app.flow("count").program.output().stdout == "0\n")
            #expect(second.program.isRunning)
        }
    }

    @Test(
        "A second process for a work is refused with 73 if it has the same root, or the same agent; the first goes on")
    func sameRootOrAgent() async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            let first = try app.work("left")
            try await first.ready()
            let sameRoot = try await app.work("left").program.output()
            #expect(sameRoot.status == 73, "\(sameRoot)")
            let agent = try cluster.agent("right")
            try await agent.ready()
            let host = try app.work("right", at: agent)
            try await host.ready()
            let sameAgent = try await app.work("right", at: agent).program.output()
            #expect(sameAgent.status == 73 && sameAgent.stderr.contains("'right'"), "\(sameAgent)")
            let output = try await app.flow("hand-over").program.output()
            #expect(output.status == 0, "\(output)")
        }
    }

    @Test("A work of another build is not called, and the flow says what to do")
    func otherBuild() async throws {
        try await Cluster.run { cluster in
            let copy = cluster.folder.path("other-build")
            // By another process: what one has open for writing while a third is started cannot be run.
            let original = try Program.ours("baton-test-app")
            try await shell("cp '\(original)' '\(copy)'; printf x >> '\(copy)'", in: cluster.folder.path)
            let work = try TestApp(cluster, executable: copy).work("left")
            try await work.ready()
            let output = try await TestApp(cluster).flow("count").program.output()
            #expect(output.status == 70 && output.stderr.contains("same executable"), "\(output)")
        }
    }

    @Test("works lists the names, and a name that there is not is a usage error that lists them")
    func names() async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            let works = try await Program([app.executable, "works"]).output()
            #expect(works.status == 0 && works.stdout == "left\nright\nother\n", "\(works)")
            let unknown = try await app.work("nobody", certificates: cluster.certificates.work("left")).program.output()
            #expect(unknown.status == 64 && unknown.stderr.contains("left, right, other"), "\(unknown)")
            let nowhere = try await Program([app.executable, "work", "left"]).output()
            #expect(nowhere.status == 64 && nowhere.stderr.contains("--relay"), "\(nowhere)")
        }
    }

    @Test("All in one process hands files over as on many machines")
    func together() async throws {
        try await Cluster.run { cluster in
            let app = try TestApp(cluster)
            let output = try await app.run("hand-over", root: cluster.folder.path("run")).program.output()
            #expect(output.status == 0 && output.stdout == "handed over\n", "\(output)")
            try expectNothingTemporary(app)
        }
    }
}
