import Foundation
import Testing

@Suite("Waiting for a path, by notification", .timeLimit(.patientMinutes(30)))
struct WaitTests {
    // MARK: What is there

    @Test("What exists is answered at once")
    func exists() async throws {
        try await Cluster.run("mkdir outputs; echo x > outputs/f") { cluster in
            let asker = try await cluster.session().control
            asker.send(.wait("outputs/f", of: "trainer", stream: 1))
            try await asker.expectYes()
        }
    }

    @Test("A file that is renamed into place ends the wait")
    func rename() async throws {
        try await Cluster.run { cluster in
            try await cluster.waiting("outputs/f") { asker in
                try await shell("echo x > .tmp; mv .tmp outputs/f", in: cluster.trainer.root)
                try await asker.expectYes()
            }
        }
    }

    @Test("A file ends the wait when it is closed after writing, not before")
    func close() async throws {
        try await Cluster.run { cluster in
            try await cluster.waiting("outputs/f") { asker in
                let file = open(cluster.trainer.root + "/outputs/f", O_WRONLY | O_CREAT, 0o644)
                try #require(file >= 0)
                #expect(write(file, "x", 1) == 1)
                for stream in [3, 5, 7] as [UInt32] {
                    // The file is there for whoever only asks, and the wait goes on.
                    asker.send(.exists("outputs/f", of: "trainer", stream: stream))
                    try await asker.expectYes(stream: stream)
                }
                Glibc.close(file)
                try await asker.expectYes()
            }
        }
    }

    @Test("A file in directories that do not exist yet ends the wait")
    func missingParents() async throws {
        try await Cluster.run("true") { cluster in
            try await cluster.waiting("outputs/a/b/f") { asker in
                try await shell("mkdir -p outputs/a/b; echo x > outputs/a/b/f", in: cluster.trainer.root)
                try await asker.expectYes()
            }
        }
    }

    @Test("Many waits in one directory share its watch")
    func sharedWatch() async throws {
        try await Cluster.run { cluster in
            try await cluster.waiting("outputs/f") { asker in
                for stream in stride(from: UInt32(3), through: 41, by: 2) {
                    asker.send(.wait("outputs/\(stream)", of: "trainer", stream: stream))
                }
                try await eventually("21 waits") {
                    cluster.trainer.log.components(separatedBy: "waiting").count == 22
                }
                // The directory, and the root above it.
                #expect(try await cluster.trainer.watches == 2)
                try await shell("for i in $(seq 3 2 41); do echo x > outputs/$i; done", in: cluster.trainer.root)
                var answered: Set<UInt32> = []
                for _ in 0..<20 { answered.insert(try await asker.frame(RawFrame.existsReply).stream) }
                #expect(answered == Set(stride(from: UInt32(3), through: 41, by: 2)))
                #expect(!asker.hasFrame)
            }
        }
    }

    // MARK: What is refused

    @Test("What is not shared is refused at once")
    func notShared() async throws {
        try await Cluster.run { cluster in
            let asker = try await cluster.session().control
            asker.send(.wait("inputs/f", of: "trainer", stream: 1))
            let error = try await asker.frame(RawFrame.error)
            #expect(error.code == 4)
            #expect(error.saidBy == 2)
        }
    }

    @Test("A deadline that passes is the owner's error, which names the path and how long was waited")
    func deadline() async throws {
        try await Cluster.run { cluster in
            let began = ContinuousClock.now
            try await cluster.waiting("outputs/f", deadline: 1200) { asker in
                let error = try await asker.frame(RawFrame.error)
                let taken = ContinuousClock.now - began
                #expect(error.code == 6)
                #expect(error.saidBy == 2)
                #expect(error.words.contains("outputs/f") && error.words.contains("1.2 s"), "\(error.words)")
                #expect(taken >= .milliseconds(1200))
                try await eventually("no watches") { try await cluster.trainer.watches == 0 }
            }
        }
    }

    @Test("A deadline that passes while the work is away is the relay's error, which says that")
    func deadlineWithoutWork() async throws {
        try await Cluster.run { cluster in
            let asker = try await cluster.session().control
            asker.send(.wait("outputs/f", of: "fourth", deadline: 500, stream: 1))
            let error = try await asker.frame(RawFrame.error)
            #expect(error.code == 6)
            #expect(error.saidBy == 1)
            #expect(error.words.contains("work 'fourth' was not connected"), "\(error.words)")
        }
    }

    @Test("An agent keeps room for other requests, however many wait for its paths")
    func tooManyAtOneOwner() async throws {
        try await Cluster.run { cluster in
            let program = try await RawPeer.dial(socket: cluster.trainer.socket)
            _ = try await program.greet()
            for stream in stride(from: UInt32(1), through: 257, by: 2) {
                program.send(.wait("outputs/f", of: "trainer", stream: stream))
            }
            let error = try await program.frame(RawFrame.error)
            #expect(error.stream == 257)
            #expect(error.code == 14)
            try await cluster.expectHealthy()
            program.send(.cancel(stream: 1))
            #expect(try await program.frame(RawFrame.error).stream == 1)
            program.send(.wait("outputs/f", of: "trainer", stream: 259))
            try await shell("echo x > outputs/f", in: cluster.trainer.root)
            var answered: Set<UInt32> = []
            for _ in 0..<128 { answered.insert(try await program.frame(RawFrame.existsReply).stream) }
            #expect(answered.contains(259))
        }
    }

    // MARK: The end of those who wait

    @Test("A cancel ends the wait and frees its watches")
    func cancel() async throws {
        try await Cluster.run { cluster in
            try await cluster.waiting("outputs/f") { asker in
                #expect(try await cluster.trainer.watches > 0)
                asker.send(.cancel(stream: 1))
                #expect(try await asker.frame(RawFrame.error).code == 12)
                try await eventually("no watches") { try await cluster.trainer.watches == 0 }
            }
        }
    }

    @Test("The end of the asker frees its watches")
    func askerGoes() async throws {
        try await Cluster.run { cluster in
            try await cluster.waiting("outputs/f") { asker in
                asker.close()
                try await eventually("no watches") { try await cluster.trainer.watches == 0 }
            }
        }
    }

    @Test("A cancel reaches an owner that answers nothing, and the asker need not wait for it")
    func cancelOfSilentOwner() async throws {
        try await Cluster.run { cluster in
            let owner = try await cluster.session("fourth").control
            let asker = try await cluster.session().control
            asker.send(.wait("outputs/f", of: "fourth", stream: 1))
            let stream = try await owner.frame(RawFrame.wait).stream
            asker.send(.cancel(stream: 1))
            #expect(try await asker.frame(RawFrame.error).code == 12)
            #expect(try await owner.frame(RawFrame.cancel).stream == stream)
        }
    }
}
