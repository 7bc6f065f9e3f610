import Testing

@testable import Baton

@Suite struct `Derived paths` {
    let checkpoints: Path = "lit://trainer@outputs/checkpoints"

    @Test func `every derivation keeps the origin`() throws {
        let last = try checkpoints / "last.ckpt"
        let derived = [
            last, last.parent, try last.replacing(name: "x"), try last.replacing(stem: "x"),
            try last.replacing(suffix: ".x"),
            try last.relative(to: checkpoints), try last.appending("a/b"), try last.appending(bytes: [0xFF]),
            try last / "../x",
            try last / "/data", try last.temporarySibling(),
        ]
        for path in derived + last.parents { #expect(path.origin == "trainer", "\(path)") }
    }

    @Test func `names have a stem and suffixes`() {
        func parts(_ path: Path) -> [String] { [path.name, path.stem, path.suffix] + path.suffixes }
        #expect(parts("runs/model.tar.gz") == ["model.tar.gz", "model.tar", ".gz", ".tar", ".gz"])
        #expect(parts("runs/epoch=9.ckpt") == ["epoch=9.ckpt", "epoch=9", ".ckpt", ".ckpt"])
        #expect(parts("runs/.hidden") == [".hidden", ".hidden", ""])
        #expect(parts("runs/..odd") == ["..odd", "..odd", ""])
        #expect(parts("runs/ends.") == ["ends.", "ends.", ""])
        #expect(parts("plain") == ["plain", "plain", ""])
        #expect(parts(".") == ["", "", ""] && parts("/") == ["", "", ""])
    }

    @Test func `components and parents lead up to the root directory of the work, or to the slash`() {
        #expect(checkpoints.components == ["outputs", "checkpoints"])
        #expect(checkpoints.parents == ["lit://trainer@outputs", "lit://trainer@."])
        #expect(("/data/x" as Path).parents == ["/data", "/"])
        #expect(("/data/x" as Path).components == ["data", "x"])
        #expect(Path(".").parent == "." && ("/" as Path).parent == "/")
        #expect(Path(".").parents.isEmpty)
    }

    @Test func `name, stem and suffix can be replaced`() throws {
        let path: Path = "a/model.tar.gz"
        #expect(try path.replacing(name: "b") == "a/b")
        #expect(try path.replacing(stem: "b") == "a/b.gz")
        #expect(try path.replacing(suffix: ".xz") == "a/model.tar.xz")
        #expect(try path.replacing(suffix: "") == "a/model.tar")
        #expect(try ("a/plain" as Path).replacing(suffix: ".txt") == "a/plain.txt")
        for name in ["", ".", "..", "a/b"] { expect(.invalidPath) { try path.replacing(name: name) } }
        for suffix in ["gz", ".", "./x"] { expect(.invalidPath) { try path.replacing(suffix: suffix) } }
        expect(.invalidPath) { try Path(".").replacing(name: "x") }
    }

    @Test func `joining goes down, up again by two dots, never above the start, and an absolute path takes over`()
        throws
    {
        #expect(try checkpoints / "a" / "b.ckpt" == "lit://trainer@outputs/checkpoints/a/b.ckpt")
        #expect(try checkpoints / "../best" == "lit://trainer@outputs/best")
        #expect(try checkpoints.appending("../best") == "lit://trainer@outputs/best")
        #expect(try checkpoints / "/data/x" == "lit://trainer@/data/x")
        #expect(try Path(".") / "x" == "x")
        #expect(try ("/" as Path) / "x" == "/x")
        #expect(try checkpoints / "a b%20" == "lit://trainer@outputs/checkpoints/a b%2520")
        #expect(try checkpoints / "lit://a%20b" == "lit://trainer@outputs/checkpoints/a b")
        #expect(try checkpoints / "" == checkpoints)
        expect(.invalidPath) { try checkpoints / "../../.." }
        expect(.invalidPath) { try checkpoints / "a\0b" }
    }

    @Test func `joining or relating paths of two works is an error that names both`() {
        let foreign: Path = "lit://deploy@x"
        for error in [
            expect(.differentOrigins) { try checkpoints / foreign },
            expect(.differentOrigins) { try checkpoints / "lit://deploy@x" },
            expect(.differentOrigins) { try checkpoints.appending(foreign) },
            expect(.differentOrigins) { try foreign.relative(to: checkpoints) },
        ] {
            #expect(error?.message.contains("'trainer'") == true && error?.message.contains("'deploy'") == true)
        }
        expect(.differentOrigins) { try Path("x") / foreign }
        expect(.differentOrigins) { try Path("x/y").relative(to: "lit://deploy@x") }
    }

    @Test func `an unattached path joins an attached one, and the same origin joins itself`() throws {
        let part: Path = "best/model"
        #expect(try checkpoints / part == "lit://trainer@outputs/checkpoints/best/model")
        #expect(try checkpoints / ("lit://trainer@b" as Path) == "lit://trainer@outputs/checkpoints/b")
    }

    @Test func `relative paths lead back`() throws {
        let last = try checkpoints / "sub/last.ckpt"
        let rest = try last.relative(to: checkpoints)
        #expect(rest == "lit://trainer@sub/last.ckpt")
        #expect(try checkpoints / rest == last)
        #expect(try last.relative(to: "outputs") == "lit://trainer@checkpoints/sub/last.ckpt")
        #expect(try last.relative(to: last) == "lit://trainer@.")
        expect(.invalidPath) { try checkpoints.relative(to: last) }
        expect(.invalidPath) { try Path("outputs-2/x").relative(to: "outputs") }
        expect(.invalidPath) { try Path("/outputs/x").relative(to: "outputs") }
        #expect(last.isBelow(checkpoints) && last.isBelow(last) && !last.isBelow("outputs"))
    }

    @Test func `a temporary sibling is hidden, beside the path, and nobody else's`() throws {
        let path: Path = "a/model.ckpt"
        let siblings = try (0..<100).map { _ in try path.temporarySibling() }
        #expect(Set(siblings).count == 100)
        #expect(siblings.allSatisfy { $0.parent == "a" && $0.name.hasPrefix(".model.ckpt.") })
        let long = try Path(String(repeating: "n", count: 255)).temporarySibling()
        #expect(long.bytes.count <= 255)
        expect(.invalidPath) { try Path(".").temporarySibling() }
    }
}
