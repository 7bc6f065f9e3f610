import Testing

@Suite("Hard links of an origin lead to files of the same tree, and nowhere else", .timeLimit(.patientMinutes(30)))
struct HostileLinkTests {
    /// A hard link `h` in a tree with the directory `d`, the empty file `f` and the link `g` to a file outside, and the link `e`
    /// to the directory that it is in.
    struct BadLink: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let target: String
        var name = "h"
        var size: UInt64 = 0
        var mode: UInt16 = 0o644
        var isLast = false
    }

    static let badLinks = [
        BadLink(testDescription: "above the tree", target: "../outside/file"),
        BadLink(testDescription: "far above the tree", target: "../../../../../../etc/hostname"),
        BadLink(testDescription: "absolute", target: "/etc/hostname"),
        BadLink(testDescription: "a link to a file outside", target: "g"),
        BadLink(testDescription: "through a link to a directory outside", target: "e/file"),
        BadLink(testDescription: "a directory", target: "d"),
        BadLink(testDescription: "the top", target: ""),
        BadLink(testDescription: "what never came", target: "a"),
        BadLink(testDescription: "what has not come yet", target: "z"),
        BadLink(testDescription: "itself", target: "h"),
        BadLink(testDescription: "a name that cannot be", target: "d/../f"),
        BadLink(testDescription: "a file, but with a size", target: "f", size: 1),
        BadLink(testDescription: "a file, but with LAST", target: "f", isLast: true),
        BadLink(testDescription: "a file, but with set-user-id", target: "f", mode: 0o4755),
        BadLink(testDescription: "a file, but from below a link", target: "f", name: "e/evil"),
        BadLink(testDescription: "a file, but from above the tree", target: "f", name: "../evil"),
        BadLink(testDescription: "a file, but from below a file", target: "f", name: "f/evil"),
    ]

    @Test("One that leads elsewhere, or has what no link has, ends with 65: corrupt", arguments: badLinks)
    func bad(_ link: BadLink) async throws {
        try await HostileOrigin.answering { origin in
            let stream = origin.stream
            let before: [RawFrame] = [
                .entry(.directory, "", mode: 0o755, stream: stream), .entry(.directory, "d", stream: stream),
                .entry(.link, "e", mode: 0o777, target: origin.outside, stream: stream),
            ]
            let files: [RawFrame] = [
                .entry(.file, "f", isLast: true, stream: stream),
                .entry(.link, "g", mode: 0o777, target: origin.outside + "/file", stream: stream),
            ]
            let bad = RawFrame.entry(
                .hardLink, link.name, size: link.size, mode: link.mode, target: link.target, isLast: link.isLast,
                stream: stream)
            let isEarly = link.name.hasPrefix("e/")
            let frames = before + (isEarly ? [bad] : []) + files + (isEarly ? [] : [bad])
            origin.lane.send((frames + [.end(entries: 6, stream: stream)]).flatMap(\.bytes))
        } judge: { output in
            try output.expectError("corrupt", 65)
        }
    }

    @Test("A top that is a hard link ends with 65: corrupt")
    func top() async throws {
        try await HostileOrigin.answering { origin in
            origin.lane.send(
                .entry(.hardLink, "", target: "f", stream: origin.stream), .end(entries: 1, stream: origin.stream))
        } judge: { output in
            try output.expectError("corrupt", 65)
        }
    }
}
