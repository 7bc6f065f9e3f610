import ArgumentParser
import BatonCommandLine
import BatonProtocol

/// How a transfer is to be done.
struct TransferOptions: ParsableArguments {
    @Flag(help: "Replace what is at the destination. [$BATON_OVERWRITE]")
    var overwrite = false

    @Option(
        help: ArgumentHelp(
            "Wait so long for the path and its work to be there: 0 if not given. [$BATON_WAIT]", valueName: "seconds"))
    var wait: Int?

    @Option(
        help: ArgumentHelp(
            "Give up when nothing has moved for so long: 30 if not given. [$BATON_STALL]", valueName: "seconds"))
    var stall: Int?

    @Flag(help: "Bring extended attributes (user.*) and access control lists, too. [$BATON_XATTRS]")
    var xattrs = false

    @Flag(help: "Fail if anything of the tree cannot travel, instead of listing it. [$BATON_STRICT]")
    var strict = false

    @Flag(help: "Have all of it on the disk before it is put in place: it outlives a power failure. [$BATON_DURABLE]")
    var durable = false

    @Flag(help: "Get what the relay has stored of it, though its work may be there. [$BATON_STORED]")
    var stored = false

    func waitMilliseconds() throws -> UInt32 {
        UInt32(try Fallback.number(wait, flag: "--wait", "BATON_WAIT", in: 0...86_400) ?? 0) * 1000
    }

    func stallMilliseconds() throws -> UInt32 {
        let seconds = try Fallback.number(stall, flag: "--stall", "BATON_STALL", in: 1...86_400)
        return seconds.map { UInt32($0) * 1000 } ?? Limits.defaultStall
    }
}
