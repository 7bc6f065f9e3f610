public import Distributed

/// A job with a machine and a disk of its own, as a distributed actor: whoever calls one of its methods waits for the answer, wherever it
/// runs.
///
/// ```swift
/// distributed actor Trainer: Work {
///     let checkpoints: Path = "lit://outputs/checkpoints"
///
///     distributed func run() throws -> Path {
///         try checkpoints.makeDirectory()
///         try (checkpoints / "epoch=1.ckpt").write("loss 0.31")
///         try (checkpoints / "epoch=2.ckpt").write("loss 0.12")
///         return checkpoints
///     }
/// }
/// ```
///
/// - Paths of other works among the arguments of a call, at any depth, are fetched before its body runs, overwriting what an earlier call
///   has brought, as far as there is something at their origin.
/// - Paths of its own in stored properties, at any depth, are the work's state: they are declared, so that others can get them, before and
///   after each call, and what lies there is kept by the relay when a method called `run` ends, also when it throws.
/// - Calls run one after the other. Caller and work must be the same build of the program.
///
/// The type must be neither generic nor private.
public protocol Work: DistributedActor where ActorSystem == BatonSystem {
    init(actorSystem: BatonSystem)
}

extension Work {
    /// Declares a path of this work's own: from now on, and not only from the end of the call, others can get what lies there, and the relay
    /// keeps it when `run` ends. Paths in stored properties are declared without it.
    ///
    /// - Throws: ``PathError`` as ``Path/declare(within:)``.
    public nonisolated func declare(_ path: Path) async throws(PathError) { try await path.declare() }
}
