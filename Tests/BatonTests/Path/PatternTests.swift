import Testing

@testable import Baton

@Suite struct `Patterns of paths` {
    @Test(arguments: [
        ("a/b.ckpt", "*.ckpt", true), ("a/b.ckpt", "a/*", true), ("a/b.ckpt", "b.ckpt", true), ("a/b.ckpt", "*", true),
        ("a/b.ckpt", "c/*", false), ("a/b.ckpt", "*.txt", false), ("a/b.ckpt", "/a/*", false), ("/a/b", "/a/*", true),
        ("/x/a/b", "/a/*", false), ("/x/a/b", "a/b", true), ("a/b/c/d", "a/**/d", true), ("a/d", "a/**/d", true),
        ("a/b/c/d", "a/**", true), ("a/b/c/d", "/**", false), ("/a/b", "/**", true), (".hidden", "*", true),
        ("epoch=9", "epoch=?", true), ("epoch=10", "epoch=?", false), ("epoch=7", "epoch=[0-46-9]", true),
        ("epoch=5", "epoch=[0-46-9]", false), ("epoch=5", "epoch=[!0-4]", true), ("a]b", "a[]]b", true),
        ("a[b", "a[b", true),
        ("a-b", "a[x-]b", true), ("ä", "?", true), ("aXbXc", "a*b*c", true), ("abcbd", "a*bd", true),
        ("abc", "a*bd", false),
        ("lit://trainer@x/y.ckpt", "x/*.ckpt", true), ("lit://%FF", "?", true), ("lit://%FF%FE", "?", false),
    ])
    func `match as they say`(_ text: String, _ pattern: String, _ matches: Bool) throws {
        #expect(try Path(text).matches(pattern) == matches, "\(text) \(pattern)")
    }

    @Test(arguments: ["", "/", ".", "a/..", "a\0"])
    func `that mean nothing are refused`(_ pattern: String) {
        expect(.invalidPath) { try ("a" as Path).matches(pattern) }
    }

    @Test func `of many stars take no time`() throws {
        let name = String(repeating: "a", count: 255)
        let path = try Path(Array(repeating: name, count: 15).joined(separator: "/"))
        let stars = String(repeating: "*a", count: 100) + "b"
        #expect(try !path.matches(Array(repeating: "**/" + stars, count: 10).joined(separator: "/")))
    }
}
