import Baton
import Distributed

distributed actor Trainer: Work {
    let checkpoints: Path = "lit://outputs/checkpoints"

    distributed func run() throws -> Path {
        try checkpoints.makeDirectory()
        try (checkpoints / "epoch=1.ckpt").write("loss 0.31")
        try (checkpoints / "epoch=2.ckpt").write("loss 0.12")
        return checkpoints
    }
}

distributed actor Deployer: Work {
    distributed func run(_ checkpoints: Path) throws -> String {
        let found = try checkpoints.list().map { (path: $0, loss: try $0.readText()) }
        guard let best = found.min(by: { $0.loss < $1.loss }) else { return "no checkpoint was handed over" }
        return "\(best.path) is the best of \(found.count): \(best.loss)"
    }
}

struct TrainAndDeploy: Flow {
    @Remote var trainer: Trainer
    @Remote var deployer: Deployer

    func run() async throws {
        let checkpoints = try await trainer.run()
        print(try await deployer.run(checkpoints))
    }
}

@main
struct Handover: App {
    let flow = TrainAndDeploy()
}
