import Baton

// Code that the documentation shows, and nothing else. CodeBlockTests finds it here.

func show(_ checkpoints: Path) async throws {
    try await checkpoints.wait(for: .seconds(600))
    let fetched = try await checkpoints.get(overwrite: true)
    print(fetched.bytes, fetched.source)
}

func watch(_ checkpoints: Path) async throws {
    for try await progress in checkpoints.transfer() {
        print(progress.bytes, progress.waitingFor)
    }
}

func derive(_ checkpoints: Path) throws {
    let last = try checkpoints / "last.ckpt"
    let metrics = try last.replacing(suffix: ".json")
    print(metrics)
}

func replace(_ checkpoints: Path) throws {
    let stage = try checkpoints.temporarySibling()
    try stage.makeDirectory()
    try (stage / "epoch=3.ckpt").write("loss 0.09")
    try stage.move(to: checkpoints, overwrite: true)
}

func besideAnAgent() async throws {
    try await withAgent {
        let checkpoints: Path = "lit://trainer@outputs/checkpoints"
        try await checkpoints.get()
        print(try checkpoints.list())
    }
}
