import ArgumentParser
import BatonCommandLine
import BatonProtocol

/// A flow and its works as one program.
///
/// ```swift
/// @main
/// struct Handover: App {
///     let flow = TrainAndDeploy()
/// }
/// ```
///
/// `handover run` starts everything on this machine, in one process, without any set-up: a relay, a root directory for each work, and
/// certificates for as long as it runs. `handover work NAME --relay HOST:PORT --certs DIR` and
/// `handover flow --relay HOST:PORT --certs DIR` start the parts on many machines. The source is the same, and so are the bytes
/// between the parts. `handover works` lists the names.
public protocol App: Sendable {
    associatedtype Main: Flow

    init()

    /// The name of the app; what the works of another app have is out of reach. The name of the type, in lower case, if nothing is said.
    /// On many machines the certificates say it.
    var name: String { get }

    /// What the app does.
    var flow: Main { get }
}

extension App {
    public var name: String { String(describing: Self.self).lowercased() }

    /// Runs the part that the command line names; see ``App``.
    public static func main() async {
        await Program.run(AppCommand<Self>.self)
    }
}
