import Baton
import Distributed
import FoundationEssentials

/// Learns to read digits, and writes what it has learned: a checkpoint after some of its epochs.
distributed actor Trainer: Work {
    let checkpoints: Path = "lit://outputs/checkpoints"

    distributed func run(epochs: Int, keeping kept: [Int]) throws -> [Path] {
        let digits = Digits()
        var written: [Path] = []
        _ = try train(on: digits.training, epochs: epochs) { epoch, classifier in
            guard kept.contains(epoch) else { return }
            let path = try checkpoints / "epoch=\(epoch)"
            try Checkpoint(classifier, epoch: epoch, testedOn: digits.heldOut).write(to: path.url)
            written.append(path)
        }
        return written
    }
}

/// Takes the checkpoint with the smallest loss, and reads digits with it.
distributed actor Deployer: Work {
    distributed func run(_ checkpoints: [Path]) throws -> Deployment {
        let candidates = try checkpoints.map { try (path: $0, metrics: Checkpoint.metrics(at: $0.url)) }
        guard let best = candidates.min(by: { $0.metrics.loss < $1.metrics.loss }) else {
            throw NoCheckpoint(reason: "no checkpoint was handed over")
        }
        let classifier = try Checkpoint(at: best.path.url).classifier
        let images = Digits().heldOut.prefix(20)
        return Deployment(
            checkpoint: best.path, metrics: candidates.map(\.metrics), predicted: images.map(classifier.predict),
            labels: images.map(\.label))
    }
}

struct Deployment: Codable, Sendable {
    let checkpoint: Path
    let metrics: [Checkpoint.Metrics]
    let predicted: [Int]
    let labels: [Int]
}

struct TrainAndDeploy: Flow {
    @Remote var trainer: Trainer
    @Remote var deployer: Deployer

    func run() async throws {
        let checkpoints = try await trainer.run(epochs: 40, keeping: [1, 40])
        let deployment = try await deployer.run(checkpoints)
        for (path, metrics) in zip(checkpoints, deployment.metrics) {
            print("\(path): loss \(rounded(metrics.loss)), accuracy \(rounded(metrics.accuracy))")
        }
        print("\(deployment.checkpoint) reads \(text(deployment.predicted)) where there is \(text(deployment.labels))")
    }
}

@main
struct Digitreader: App {
    let name = "train-and-deploy"
    let flow = TrainAndDeploy()
}

/// To three decimals.
private func rounded(_ number: Double) -> Double { (number * 1000).rounded() / 1000 }

private func text(_ digits: [Int]) -> String { digits.map(String.init).joined() }
