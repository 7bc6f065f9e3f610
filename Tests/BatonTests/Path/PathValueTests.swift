import BatonProtocol
import Foundation
import SystemPackage
import Testing

@testable import Baton

@Suite struct `A path is a value` {
    @Test func `a string literal is a path, with lit:// or without`() {
        let plain: Path = "outputs/checkpoints"
        let reference: Path = "lit://outputs/checkpoints"
        let attached: Path = "lit://trainer@outputs/checkpoints"
        #expect(plain == reference && plain.origin == nil && !plain.isAbsolute)
        #expect(attached.origin == "trainer" && attached.bytes == Array("outputs/checkpoints".utf8))
    }

    @Test(arguments: [
        ("a//b/./c/", "lit://a/b/c"), ("a/../b", "lit://b"), (".", "lit://."), ("/", "lit:///"),
        ("/data/x", "lit:///data/x"),
        ("lit:///data/x", "lit:///data/x"), ("lit://trainer@/data/x", "lit://trainer@/data/x"),
        ("lit://w@a@b", "lit://w@a%40b"), ("a@b", "lit://a%40b"), ("lit://a%20b", "lit://a b"),
        ("a%20b", "lit://a%2520b"),
        ("lit://caf%C3%A9%FF", "lit://café%FF"), ("what?", "lit://what%3F"),
        ("lit://%CC%AFx", "lit://\u{32F}x"), ("\u{32F}x", "lit://\u{32F}x"),
    ])
    func `plain text is taken as it stands, a reference is decoded, and each has one written form`(
        _ text: String, _ written: String
    ) throws {
        let path = try Path(text)
        #expect(path.description == written)
        #expect(try Path(path.description) == path)
    }

    @Test(arguments: [
        "", "..", "a/../..", "/..", "lit://", "lit://trainer@", "lit://%2E%2E/a", "lit://a?b", "lit://a%2Fb",
        "lit://a%2",
        "lit://a b@x", "a\0b", String(repeating: "n", count: 256), String(repeating: "n/", count: 2048) + "n",
    ])
    func `what is no path is refused, with the reason`(_ text: String) {
        let error = expect(.invalidPath) { try Path(text) }
        #expect(error?.message.isEmpty == false)
    }

    @Test func `a literal that is no path ends the program, with the reason`() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let path: Path = "../above"
            print(path)
        }
        let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(words.contains("leads above its start"))
    }

    @Test func `equality and hash include the origin`() {
        let own: Path = "x"
        let trainers: Path = "lit://trainer@x"
        let others: Path = "lit://other@x"
        #expect(own != trainers && trainers != others && trainers == "lit://trainer@./x")
        #expect(Set([own, trainers, others, "lit://other@x/"]).count == 3)
    }

    @Test func `names of any bytes survive`() throws {
        let path = try Path(bytes: [0x61, 0xFF, 0x2F, 0x0A, 0xC3], origin: "trainer")
        #expect(path.description == "lit://trainer@a%FF/%0A%C3")
        #expect(try Path(path.description).bytes == path.bytes)
        #expect(try path.parent.appending(bytes: [0xC3, 0x28]).bytes == [0x61, 0xFF, 0x2F, 0xC3, 0x28])
        #expect(try path.replacing(suffix: ".txt").bytes == path.bytes + Array(".txt".utf8))
        #expect(path.name == "\n\u{FFFD}")
    }

    @Test(arguments: [
        "lit://outputs/x", "lit://trainer@outputs/x", "lit://trainer@/%FF", "lit://.", "lit://w@a%40b%0A",
    ])
    func `JSON holds one string, and the way there and back is exact`(_ text: String) throws {
        let path = try Path(text)
        let json = try JSONEncoder().encode([path])
        #expect(try JSONDecoder().decode([String].self, from: json) == [text])
        #expect(try JSONDecoder().decode([Path].self, from: json) == [path])
    }

    @Test func `plain text is decoded as a path, too, and what is none is refused`() throws {
        #expect(try JSONDecoder().decode([Path].self, from: Data(#"["outputs/x"]"#.utf8)) == ["outputs/x"])
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Path].self, from: Data(#"["lit://a?"]"#.utf8))
        }
        #expect("\(String(describing: error))".contains("%3F"))
    }

    @Test func `while a call is encoded, paths go out attached, at any depth`() throws {
        struct Arguments: Encodable {
            let plain: Path
            let nested: [String: [Path?]]
        }
        let handing = Handing(sender: try .init("trainer"))
        let arguments = Arguments(plain: "a", nested: ["x": ["b", nil, "lit://other@c"]])
        let json = try Handing.$current.withValue(handing) { try JSONEncoder().encode(arguments) }
        #expect(String(decoding: json, as: UTF8.self).contains("trainer@a"))
        #expect(Set(handing.attached.map(\.description)) == ["lit://trainer@a", "lit://trainer@b", "lit://other@c"])
    }

    @Test func `paths of one work come together, a directory before what lies in it`() {
        let paths: [Path] = ["lit://b@x", "a.b", "a/b", "lit://a@z", "a"]
        #expect(paths.sorted() == ["a", "a/b", "a.b", "lit://a@z", "lit://b@x"])
    }
}

@Suite struct `A PathError` {
    @Test func `survives its way through JSON`() throws {
        let error = PathError(.notShared, "not declared", path: "lit://trainer@x", saidBy: .owner)
        #expect(try JSONDecoder().decode(PathError.self, from: JSONEncoder().encode(error)) == error)
    }

    @Test func `keeps a code that this version does not know`() throws {
        let json = Data(#"{"code":"melted","message":"too hot","saidBy":"relay"}"#.utf8)
        let error = try JSONDecoder().decode(PathError.self, from: json)
        #expect(error.code == .init(rawValue: "melted") && error.path == nil)
    }

    @Test func `hands no path over: nobody wants to fetch what failed`() throws {
        let handing = Handing(sender: try .init("trainer"))
        _ = try Handing.$current.withValue(handing) {
            try JSONEncoder().encode(PathError(.notFound, "gone", path: "lit://other@x"))
        }
        #expect(handing.attached.isEmpty)
    }

    @Test func `shows its message where errors are shown`() {
        let error: any Error = PathError(.notFound, "there is no such file")
        #expect(error.localizedDescription == "there is no such file")
        #expect("\(error)" == "notFound: there is no such file")
    }

    @Test(arguments: ["file:///etc/passwd", "http://x/y", "LIT://x"])
    func `text with another scheme is no path`(_ text: String) {
        #expect(throws: PathError.self) { try Path(text) }
    }

    @Test func `paths of other libraries become paths`() throws {
        #expect(try Path(filePath: FilePath("/data/x")) == "lit:///data/x")
        #expect(try Path(filePath: FilePath("outputs/x")) == "lit://outputs/x")
        #expect(try Path(url: URL(filePath: "/data/a b")) == "lit:///data/a b")
        #expect(throws: PathError.self) { try Path(url: #require(URL(string: "https://example.org/x"))) }
    }
}
