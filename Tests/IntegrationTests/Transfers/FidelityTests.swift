import CLinux
import Glibc
import Testing

@Suite("A tree arrives as it was, judged by rsync", .timeLimit(.patientMinutes(30)))
struct FidelityTests {
    private func expectSame(
        _ source: String, _ copy: String, flags: String = "-aHXA", sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let differences = try await shell(
            "rsync \(flags)n --checksum --delete --itemize-changes '\(source)/' '\(copy)/'", in: "/")
        #expect(differences == "", sourceLocation: sourceLocation)
    }

    @Test(
        "Hard links, links of all sorts, odd names, long paths, 200 levels, times of directories, attributes and ACLs")
    func everything() async throws {
        // The deepest file has a path of more than 4,000 bytes; each level is entered by its own name.
        let script = #"""
            mkdir outputs && cd outputs
            echo one > a; ln a b; mkdir d; ln a d/c
            ln -s a relative; ln -s /etc/passwd absolute; ln -s nowhere dangling; ln -s d directory-link; mkdir empty
            printf x > "$(printf 'new\nline')"; printf x > "$(printf 'esc\033[31m')"; printf x > "$(printf 'invalid\377utf8')"
            printf x > "$(printf 'n%.0s' $(seq 255))"
            (for level in $(seq 200); do mkdir l$level && cd l$level; done; echo deep > file)
            (for level in $(seq 15); do name=$(printf 'p%.0s' $(seq 250)); mkdir $name && cd $name; done; echo long > file)
            chmod 750 d; chmod 600 a; touch -d '1999-12-31 23:59:59.123456789' d/c empty d
            """#
        try await Cluster.run(script) { cluster in
            let tree = cluster.trainer.root + "/outputs"
            try set("user.note", Array("best so far".utf8), of: tree + "/a")
            try set("user.kind", Array("directory".utf8), of: tree + "/empty")
            // Version 2; rwx for the owner, r-x for user 12345, nothing for the group and others, mask r-x.
            let list: [UInt8] =
                [2, 0, 0, 0] + [1, 0, 7, 0, 255, 255, 255, 255] + [2, 0, 5, 0, 0x39, 0x30, 0, 0]
                + [4, 0, 0, 0, 255, 255, 255, 255] + [16, 0, 5, 0, 255, 255, 255, 255]
                + [32, 0, 0, 0, 255, 255, 255, 255]
            try set("system.posix_acl_access", list, of: tree + "/d")

            let plain = try await cluster.deploy.baton("get", "lit://trainer@outputs", "plain")
            #expect(plain.status == 0, "\(plain)")
            try await shell("test \"$(stat -c %h plain/a)\" = 3 && test plain/a -ef plain/d/c", in: cluster.deploy.root)

            let full = try await cluster.deploy.baton(
                "get", "--xattrs", "--strict", "--durable", "lit://trainer@outputs", "full")
            #expect(full.status == 0, "\(full)")
            try await expectSame(tree, cluster.deploy.root + "/full")
        }
    }

    @Test("A file of 10 GiB with 1 MiB of data moves that much and takes as little of the disk")
    func sparse() async throws {
        let script = """
            mkdir outputs && truncate -s 10G outputs/sparse
            head -c 1M /dev/urandom | dd of=outputs/sparse bs=1M seek=5000 conv=notrunc status=none
            """
        try await Cluster.run(script) { cluster in
            let get = try await cluster.deploy.baton(
                "get", "lit://trainer@outputs/sparse", "copy", within: .seconds(20))
            #expect(get.status == 0, "\(get)")
            let found = try await shell("stat -c '%s %b' copy", in: cluster.deploy.root).split(separator: " ")
            #expect(found.first == "10737418240")
            let blocks = Int(found.last?.dropLast() ?? "") ?? .max
            #expect(blocks <= 2 * 2048, "\(blocks) blocks of 512 bytes")
            try await shell(
                "cmp <(dd if=copy bs=1M skip=4999 count=3 status=none) <(dd if='\(cluster.trainer.root)/outputs/sparse' bs=1M skip=4999 count=3 status=none)",
                in: cluster.deploy.root)
        }
    }

    private func set(_ name: String, _ value: [UInt8], of path: String) throws {
        guard setxattr(path, name, value, value.count, 0) == 0 else {
            throw Failure("setxattr \(name) of \(path): \(String(cString: strerror(errno)))")
        }
    }
}
