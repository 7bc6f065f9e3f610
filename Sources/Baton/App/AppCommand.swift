import ArgumentParser
import BatonCommandLine
import BatonProtocol
import BatonTLS
import BatonTransport
import Glibc
import Logging
import SystemPackage

/// The command line of an app.
struct AppCommand<Program: App>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Program().name,
            abstract: "Runs the app \(Program().name), or one part of it.",
            subcommands: [
                RunCommand<Program>.self, FlowCommand<Program>.self, WorkCommand<Program>.self,
                WorksCommand<Program>.self,
            ],
            defaultSubcommand: RunCommand<Program>.self)
    }
}

/// `app run`
struct RunCommand<Program: App>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "run", abstract: "Start everything on this machine: a relay, each work, and the flow.",
            discussion: """
                Each work has a directory of its own below --root, which stays. Certificates are made for this run and forgotten. \
                When the flow has come to its end, everything ends; so it does after Ctrl-C.
                """)
    }

    @Option(
        help: "Where the works have their directories, and the relay its store; ./\(Program().name)-run if not given.",
        completion: .directory)
    var root: String?

    @OptionGroup var options: PartOptions

    func run() async throws {
        let app = Program()
        let root = FilePath(root ?? "\(app.name)-run")
        let keepWithin = options.keepWithin
        try await options.run(app) { shutdown, logger in
            try await LocalRun(name: app.name, flow: app.flow, root: root, keepWithin: keepWithin, logger: logger)
                .run(until: shutdown)
        }
    }
}

/// `app flow`
struct FlowCommand<Program: App>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "flow", abstract: "Start the flow; its works run elsewhere.",
            discussion:
                "The certificate names the flow as a work of its own. Works that are not there yet are waited for.")
    }

    @OptionGroup var relay: ConnectionOptions
    @OptionGroup var options: PartOptions

    func run() async throws {
        let app = Program()
        let connection = try relay.connection()
        // Whoever connects with an identity takes the place of who has it now: to be found out before.
        if let name = try connection.ownName(), try Cast(of: app.flow)[name] != nil {
            throw ValidationError(
                "the certificate is that of work '\(name)'; the flow needs one of its own, as that of a work 'flow'")
        }
        let keepWithin = options.keepWithin
        try await options.run(app) { shutdown, logger in
            let root = try TemporaryRoot(prefix: "\(app.name)-flow")
            defer { root.remove() }
            try await connection.withAgent(
                root: root.path, keepWithin: keepWithin, logger, until: shutdown
            ) { socket, shutdown in
                try await FlowPart(flow: app.flow, logger: logger).run(socket: socket, until: shutdown)
            }
        }
    }
}

/// `app work NAME`
struct WorkCommand<Program: App>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "work", abstract: "Start one work; it takes the flow's calls until it is told to end.",
            discussion: """
                When it can be called it prints one line on stderr: ready NAME. With $BATON_SOCKET it uses the agent there, as under \
                baton-agent -- COMMAND; otherwise it has an agent of its own. SIGTERM and Ctrl-C end it, after what it leaves behind is safe.
                """)
    }

    @Argument(help: "The work's name: \(WorksCommand<Program>.names.joined(separator: ", ")).")
    var work: String

    @Option(help: "The work's root directory; made if missing. [$BATON_ROOT]", completion: .directory)
    var root: String?

    @OptionGroup var relay: ConnectionOptions
    @OptionGroup var options: PartOptions

    func run() async throws {
        let app = Program()
        let connection = try relay.connection()
        let keepWithin = options.keepWithin
        let root = FilePath(root ?? Fallback.string("BATON_ROOT") ?? work)
        guard let member = try Cast(of: app.flow)[work] else {
            throw ValidationError(
                "the app has no work '\(work)'; it has \(WorksCommand<Program>.names.joined(separator: ", "))")
        }
        // As for the flow.
        if let name = try connection.ownName(), name != work {
            throw ValidationError("the certificate is that of work '\(name)': take that of '\(work)'")
        }
        try await options.run(app) { shutdown, logger in
            try await connection.withAgent(root: root, keepWithin: keepWithin, logger, until: shutdown) {
                socket, shutdown in
                let part = WorkPart(member: member, keepWithin: keepWithin, logger: logger)
                try await part.run(socket: socket) {
                    Daemon.announce(member.name.description, onStandardError: true)
                } until: {
                    await shutdown()
                }
            }
        }
    }
}

/// `app works`
struct WorksCommand<Program: App>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "works", abstract: "List the works of the app, one name a line.")
    }

    static var names: [String] { (try? Cast(of: Program().flow))?.members.map(\.name.description) ?? [] }

    func run() async throws {
        for member in try Cast(of: Program().flow).members { print(member.name) }
    }
}
