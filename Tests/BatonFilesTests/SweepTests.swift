import BatonProtocol
import Foundation
import SystemPackage
import Testing

@testable import BatonFiles

/// What a crash leaves behind is found by its record and ended at the next start.
@Suite struct SweepTests {
    let bench: Bench
    let destination: Destination
    init() throws {
        bench = try Bench()
        destination = try Destination(FilePath(bench.receiverRoot + "/copy"), overwrite: true, folder: bench.receiver)
    }

    private func stage(_ content: String) throws -> Stage {
        let stage = try Stage(beside: destination, folder: bench.receiver)
        try bench.run("mkdir receiver/\(stage.name); echo \(content) > receiver/\(stage.name)/f")
        return stage
    }

    @Test func `stages are recorded before they exist, under their names`() throws {
        let stage = try Stage(beside: destination, folder: bench.receiver)
        #expect(stage.name.description.wholeMatch(of: /\.baton-stage-[0-9a-f]{32}/) != nil)
        #expect(try bench.run("cat receiver/.baton/stages/*") == "\(bench.receiverRoot)/\(stage.name)")
    }

    @Test func `recorded stages are removed, and nothing else`() throws {
        let stage = try stage("half")
        try bench.run(
            """
            chmod 0 receiver/\(stage.name)/f; mkdir -p receiver/\(stage.name)/d precious; chmod 555 receiver/\(stage.name)/d
            echo keep > precious/f; ln -s \(bench.top)/precious receiver/\(stage.name)/link
            mkdir receiver/.baton-stage-0123456789abcdef0123456789abcdef
            """)
        let report = bench.receiver.sweep()
        #expect(report.removed == [FilePath("\(bench.receiverRoot)/\(stage.name)")])
        #expect(report.left.isEmpty)
        #expect(
            try bench.run("cat precious/f; ls -A receiver receiver/.baton/stages")
                == "keep\nreceiver:\n.baton\n.baton-stage-0123456789abcdef0123456789abcdef\n\nreceiver/.baton/stages:\n"
        )
        #expect(bench.receiver.sweep().removed.isEmpty)
    }

    @Test func `a record whose parent became a link is left alone`() throws {
        try bench.run("mkdir receiver/sub victim")
        let inside = try Destination(
            FilePath(bench.receiverRoot + "/sub/copy"), overwrite: true, folder: bench.receiver)
        let stage = try Stage(beside: inside, folder: bench.receiver)
        try bench.run("rmdir receiver/sub; ln -s ../victim receiver/sub; mkdir victim/\(stage.name)")
        let report = bench.receiver.sweep()
        #expect(report.left == [FilePath("\(bench.receiverRoot)/sub/\(stage.name)")])
        #expect(try bench.run("ls -A victim") == "\(stage.name)\n")
    }

    @Test func `records that name no stage remove nothing`() throws {
        let stage = try Stage(beside: destination, folder: bench.receiver)
        try bench.run(
            """
            mkdir receiver/precious; cd receiver/.baton/stages
            printf '%s' \(bench.receiverRoot)/precious > \(stage.name.token)
            : > 00000000000000000000000000000000; echo \(bench.receiverRoot)/precious > other
            """)
        #expect(bench.receiver.sweep().removed.isEmpty)
        #expect(
            try bench.run("ls receiver receiver/.baton/stages")
                == "receiver:\nprecious\n\nreceiver/.baton/stages:\nother\n")
    }

    @Test func `a replacement in two steps that crashed between them gives the old content back`() throws {
        try bench.run("mkdir receiver/copy; echo old > receiver/copy/f")
        let swap = try Swap(of: destination, stage: stage("new"), folder: bench.receiver)
        try swap.moveAside()
        #expect(try bench.run("ls receiver") == "")
        let report = bench.receiver.sweep()
        #expect(report.restored == [FilePath(bench.receiverRoot + "/copy")])
        #expect(try bench.run("cat receiver/copy/f") == "old\n")
        #expect(try bench.leftovers == "")
    }

    @Test func `a replacement in two steps that crashed before the first changes nothing`() throws {
        try bench.run("mkdir receiver/copy; echo old > receiver/copy/f")
        _ = try Swap(of: destination, stage: stage("new"), folder: bench.receiver)
        #expect(bench.receiver.sweep().restored.isEmpty)
        #expect(try bench.run("cat receiver/copy/f") == "old\n")
        #expect(try bench.leftovers == "")
    }

    @Test func `a replacement in two steps that crashed after them is completed`() throws {
        try bench.run("mkdir receiver/copy; echo old > receiver/copy/f")
        try Swap(of: destination, stage: stage("new"), folder: bench.receiver).perform()
        _ = bench.receiver.sweep()
        #expect(try bench.run("cat receiver/copy/f") == "new\n")
        #expect(try bench.leftovers == "")
    }

    @Test func `what somebody else put between the two steps is kept, and so is the old content`() throws {
        try bench.run("mkdir receiver/copy; echo old > receiver/copy/f")
        let swap = try Swap(of: destination, stage: stage("new"), folder: bench.receiver)
        try swap.moveAside()
        try bench.run("echo third > receiver/copy")
        for _ in 0..<2 {
            #expect(bench.receiver.sweep().left == [FilePath(bench.receiverRoot + "/copy")])
            #expect(try bench.run("cat receiver/copy receiver/\(swap.old)/f") == "third\nold\n")
        }
    }

    @Test func `a second rename that fails puts the old content back at once`() throws {
        try bench.run("mkdir receiver/copy; echo old > receiver/copy/f")
        let stage = try stage("new")
        let swap = try Swap(of: destination, stage: stage, folder: bench.receiver)
        try bench.run("rm -r receiver/\(stage.name)")
        #expect(throws: Errno.noSuchFileOrDirectory) { try swap.perform() }
        #expect(try bench.run("cat receiver/copy/f; ls receiver/.baton/swaps") == "old\n")
    }
}
