import Foundation
import Testing

@Suite("Names are bytes: whatever Linux takes arrives as it was", .timeLimit(.patientMinutes(30)))
struct NameTests {
    /// Each a `printf` format for a name, and the name in a reference.
    static let odd = [
        ("with space", "with space"), ("per%%cent", "per%25cent"), ("quest?ion", "quest%3Fion"), ("ha#sh", "ha%23sh"),
        ("new\\nline", "new%0Aline"), ("tab\\tand\\033[31mescape", "tab%09and%1B[31mescape"),
        ("in\\377valid", "in%FFvalid"),
        ("c1\\302\\205", "c1%C2%85"), ("at@sign", "at@sign"), ("quo'\"te", "quo'\"te"),
        ("back\\\\slash", "back\\slash"), ("ünïcode", "ünïcode"),
        ("-dash", "-dash"), ("...", "..."), ("\\342\\200\\256rtl", "\u{202E}rtl"), ("star*", "star*"),
    ]

    @Test("A file with an odd name can be asked for, and lies under the same bytes here", arguments: odd)
    func reference(_ format: String, _ escaped: String) async throws {
        let make =
            "mkdir outputs; name=$(printf -- '\(format.replacing("'", with: #"'\''"#))_'); name=${name%_}; echo 1 > outputs/\"$name\""
        try await Cluster.run(make) { cluster in
            let reference = "lit://trainer@outputs/\(escaped)"
            let answer = try await cluster.deploy.baton("get", "--json", reference)
            #expect(answer.status == 0, "\(answer)")
            #expect(try answer.json()["path"] as? String == reference)
            let names = "find . -mindepth 1 -printf '%f\\n' | od -c"
            let copied = try await shell(names, in: cluster.deploy.from("trainer", "outputs"))
            #expect(try await shell(names, in: cluster.trainer.root + "/outputs") == copied)
        }
    }

    @Test("A script reads an odd name from get --quiet as it is")
    func quiet() async throws {
        try await Cluster.run("mkdir outputs; echo 1 > $'outputs/a\\377%'") { cluster in
            let get = "\(try Program.ours("baton")) get --quiet 'lit://trainer@outputs/a%FF%25'"
            #expect(try await shell("cat \"$(\(get))\"", in: cluster.deploy.root) == "1\n")
        }
    }

    @Test("ls prints names escaped, one to a line, so that none can move a terminal's cursor")
    func listing() async throws {
        try await Cluster.run("mkdir outputs; cd outputs; touch $'a\\nb' $'c\\033[2Jd' $'e\\377'") { cluster in
            let answer = try await cluster.deploy.baton("ls", "lit://trainer@outputs")
            #expect(answer.stdout == "a%0Ab\nc%1B[2Jd\ne%FF\n", "\(answer)")
        }
    }

    @Test("An error about an odd name prints it escaped")
    func errorMessage() async throws {
        try await Cluster.run { cluster in
            let answer = try await cluster.deploy.baton("stat", "lit://trainer@outputs/a%1B%5B2Jb%0A")
            #expect(answer.status == 66 && answer.stderr.contains("a%1B[2Jb%0A"), "\(answer)")
            #expect(!answer.stderr.contains("\u{1B}"))
        }
    }

    @Test("An @ in the first component is written %40")
    func atSign() async throws {
        try await Cluster.run(shares: ["me@home"], "mkdir me@home; echo 1 > me@home/file") { cluster in
            let answer = try await cluster.deploy.baton("exists", "--json", "lit://trainer@me%40home/file")
            #expect(try answer.json()["exists"] as? Bool == true)
            #expect(try answer.json()["path"] as? String == "lit://trainer@me%40home/file")
        }
    }

    @Test(". and .. in a reference are resolved before it is sent")
    func dots() async throws {
        try await Cluster.run("mkdir -p outputs; echo 1 > outputs/file") { cluster in
            let answer = try await cluster.deploy.baton("exists", "--json", "lit://trainer@.//outputs/x/../%2E/file/")
            #expect(try answer.json()["path"] as? String == "lit://trainer@outputs/file")
            #expect(answer.status == 0, "\(answer)")
        }
    }

    @Test("A tree of odd names, empty directories, empty files, holes and links arrives exactly")
    func tree() async throws {
        let long = String(repeating: "n", count: 255)
        let make = """
            mkdir outputs; cd outputs
            touch $'new\\nline' $'in\\377valid' \(long) empty; mkdir hollow $'dir\\001' deep
            d=deep; for n in $(seq 30); do d=$d/level-$n; done; mkdir -p $d; echo bottom > $d/file
            ln -s nowhere dangling; ln -s /etc/passwd absolute; ln -s ../../outside outside; ln -s . loop
            ln -s $'target\\nwith\\377bytes' odd-link
            truncate -s 50M sparse; printf end | dd of=sparse bs=1 seek=40000000 conv=notrunc status=none
            truncate -s 1M hole; printf x > a.b; printf x > a; mkdir a-b ab; printf x > ab/z
            chmod 0400 a; chmod 0711 ab; touch -h -d @1.000000001 dangling; touch -d @-5.5 a; touch -d @1 hollow ab
            """
        try await Cluster.run(make) { cluster in
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs", "copy")
            #expect(answer.status == 0, "\(answer)")
            let (source, copy) = (cluster.trainer.root + "/outputs", cluster.deploy.root + "/copy")
            try await expectSame(source, copy)
            let used = try await shell("du --block-size=1K copy/sparse copy/hole | cut -f1", in: cluster.deploy.root)
            #expect(
                used.split(separator: "\n").compactMap { Int($0) }.allSatisfy { $0 < 2048 },
                "holes were filled: \(used)")
        }
    }

    @Test("A file that is larger than what is in flight at once arrives exactly")
    func large() async throws {
        try await Cluster.run("mkdir outputs; head -c 40000001 /dev/urandom > outputs/file") { cluster in
            let answer = try await cluster.deploy.baton("get", "lit://trainer@outputs/file", "copy")
            #expect(answer.status == 0, "\(answer)")
            try await expectSame(cluster.trainer.root + "/outputs/file", cluster.deploy.root + "/copy")
        }
    }
}

@Suite("Real trees arrive exactly, says rsync", .serialized, .timeLimit(.patientMinutes(30)))
struct RealTreeTests {
    @Test("A system's own tree", arguments: ["/usr/include", "/usr/lib/gcc"])
    func tree(_ path: String) async throws {
        try await Cluster.run(shares: [path], flags: ["--serve-read-only"], "true") { cluster in
            let get = try cluster.deploy.start(["get", "lit://trainer@\(path)", "copy"])
            let answer = try await get.output(within: .seconds(180))
            #expect(answer.status == 0, "\(answer)")
            try await expectSame(path, cluster.deploy.root + "/copy", within: .seconds(120))
        }
    }
}
