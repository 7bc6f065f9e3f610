/// What calls works, one after the other or at once, and passes on what they return. A flow has no disk: it hands paths over and never
/// touches what lies there.
///
/// ```swift
/// struct TrainAndDeploy: Flow {
///     @Remote var trainer: Trainer
///     @Remote var deployer: Deployer
///
///     func run() async throws {
///         let checkpoints = try await trainer.run()
///         print(try await deployer.run(checkpoints))
///     }
/// }
/// ```
public protocol Flow: Sendable {
    /// Calls the works. The app ends when it returns; an error ends it, too.
    func run() async throws
}
