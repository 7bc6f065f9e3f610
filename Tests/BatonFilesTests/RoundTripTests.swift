import BatonProtocol
import Testing

@testable import BatonFiles

@Suite struct RoundTripTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    @Test func `a tree arrives with its modes, times, links, empty directories and content`() throws {
        try bench.run(
            """
            cd origin; mkdir -p tree/a/empty tree/b; echo hello > tree/a/file; : > tree/a/none; head -c 700000 /dev/urandom > tree/b/big
            ln -s /etc/passwd tree/absolute; ln -s a/file tree/relative; ln -s nowhere/at/all tree/dangling
            chmod 0640 tree/a/file; chmod 0755 tree/b/big; chmod 0555 tree/a/empty; chmod 0711 tree/b
            touch -d '1969-07-20 20:17:40.123456789Z' tree/a/file; touch -d '2001-02-03 04:05:06.000000007Z' tree/a tree/b/big
            touch -h -d '2011-01-01 00:00:00.5Z' tree/relative; touch -d '2000-01-01 00:00:00.999999999Z' tree
            """)
        let publication = try bench.get("tree", to: bench.receiverRoot + "/copy")
        #expect(try bench.description(of: "receiver/copy") == bench.description(of: "origin/tree"))
        #expect(publication.files == 3)
        #expect(publication.bytes == 700_006)
        #expect(publication.kind == .directory)
        #expect(publication.isAtomic)
        #expect(try bench.stageNames == "receiver/.baton/stages:\n\nreceiver/.baton/swaps:\n")
    }
}
