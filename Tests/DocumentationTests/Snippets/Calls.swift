import Baton
import Distributed

// Code that the documentation shows, and nothing else. CodeBlockTests finds it here.

struct Candidates: Codable, Sendable {
    var checkpoints: [String: Path]
    var labels: Path?
}

distributed actor Trainer: Work {
    let checkpoints: Path = "lit://outputs/checkpoints"

    distributed func run(epochs: Int) async throws -> Path {
        for epoch in 1...epochs {
            try Task.checkCancellation()
            try (checkpoints / "epoch=\(epoch).ckpt").write("loss 0.31")
        }
        return checkpoints
    }
}

distributed actor Deployer: Work {
    distributed func run(_ checkpoints: Path) throws -> String { "\(checkpoints)" }
}

struct Comparison: Flow {
    @Remote("left") var first: Trainer
    @Remote("right") var second: Trainer
    @Remote var deployer: Deployer

    func run() async throws {
        async let short = first.run(epochs: 1)
        async let long = second.run(epochs: 40)
        for checkpoints in try await [short, long] { print(try await deployer.run(checkpoints)) }
    }
}

func call(_ trainer: Trainer) async throws -> Path {
    try await withCallLimits(CallLimits(reach: .seconds(3600), answer: .seconds(600))) {
        try await trainer.run(epochs: 40)
    }
}

func callAgain(_ trainer: Trainer) async throws -> Path {
    do {
        return try await trainer.run(epochs: 40)
    } catch let error as CallError where [.lost, .interrupted].contains(error.code) {
        // It may have run in part, or whole. A training that begins anew does no harm.
        return try await trainer.run(epochs: 40)
    }
}
