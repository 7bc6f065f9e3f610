import BatonProtocol
import Foundation
import SystemPackage
import Testing

@testable import BatonFiles

/// The manifest of a generation says line by line what it holds, and shows when it was cut or changed.
@Suite struct StoreManifestTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    private static let header: Manifest.Header = {
        let owner = OwnerKey(trustDomain: "example.org", app: "demo", work: "trainer")
        let path = (try? PathName("outputs/check points")) ?? .root
        return Manifest.Header(
            owner: owner, reference: Reference(origin: try? WorkName("trainer"), path: path), generation: 3,
            stamp: 0x9f86_d081_884c_7d65, created: Timestamp(seconds: 1_763_834_000, nanoseconds: 9), epoch: 12)
    }()

    private func digest(_ byte: UInt8) -> [UInt8] { Array(repeating: byte, count: 32) }

    private func entries() throws -> [Manifest.Entry] {
        let time = Timestamp(seconds: -5, nanoseconds: 999_999_999)
        return [
            Manifest.Entry(kind: .directory, mode: 0o755, modified: time, version: 1, since: 3, path: .root),
            Manifest.Entry(
                kind: .file, mode: 0, size: .max, modified: time, version: .max, digest: digest(0xAB),
                attributes: digest(1), since: 1, path: try PathName("a")),
            Manifest.Entry(
                kind: .directory, mode: 0o1, modified: Timestamp(seconds: .min, nanoseconds: 0), version: 0, since: 3,
                path: try PathName("a b")),
            Manifest.Entry(
                kind: .hardLink, mode: 0, size: .max, modified: time, version: .max, digest: digest(0xAB), since: 1,
                path: try PathName([0x61, 0x20, 0x62, 0x2F, 0xFF, 0x0A, 0x25, 0x23]), target: Array("a".utf8)),
            Manifest.Entry(
                kind: .symbolicLink, mode: 0o777, modified: Timestamp(seconds: .max, nanoseconds: 1), version: 7,
                since: 3, path: try PathName("é"), target: Array("-> /weird\ttarget %41".utf8)),
        ]
    }

    /// - Returns: the file, open for reading.
    private func write(_ entries: [Manifest.Entry], name: FileName = "manifest") throws -> Descriptor {
        try? bench.origin.directory.removeFile(name)
        _ = try bench.origin.directory.createFile(name)
        let file = try bench.origin.directory.fileForWriting(name)
        var writer = ManifestWriter(file, StoreManifestTests.header)
        for entry in entries { try writer.append(entry) }
        _ = try writer.finish(digest: digest(7))
        return file
    }

    private func read(_ file: Descriptor) throws -> [Manifest.Entry] {
        try ManifestReader.check(file)
        var reader = try ManifestReader(file)
        var entries: [Manifest.Entry] = []
        while let entry = try reader.next() { entries.append(entry) }
        return entries
    }

    @Test func `what was written is read again, whatever the names`() throws {
        let file = try write(entries())
        #expect(try read(file) == entries())
        let reader = try ManifestReader(file)
        #expect(reader.header == StoreManifestTests.header)
        #expect(
            reader.totals
                == Manifest.Totals(entries: 5, files: 1, bytes: .max, hardLinks: 1, digest: digest(7)))
    }

    @Test func `it is text of one line for each entry, whose last line is the digest of all above`() throws {
        _ = try write(entries())
        let text = try bench.run("cat origin/manifest").split(separator: "\n")
        #expect(
            text.prefix(7) == [
                "baton-manifest 1", "work example.org demo trainer", "reference lit://trainer@outputs/check points",
                "generation 3", "stamp 9f86d081884c7d65", "created 1763834000.000000009", "epoch 12",
            ])
        #expect(text[7] == "d 0755 0 -5.999999999 0000000000000001 - - 3 .")
        #expect(
            text[8]
                == "f 0000 18446744073709551615 -5.999999999 ffffffffffffffff \(digest(0xAB).hexadecimal) \(digest(1).hexadecimal) 1 a"
        )
        #expect(text[10].hasSuffix(" - 1 a%20b/%FF%0A%25%23 a"))
        #expect(text[11].hasSuffix(" 3 é ->%20/weird%09target%20%2541"))
        #expect(text.count == 18)
        let sum = try bench.run("head -n -1 origin/manifest | sha256sum | cut -c 1-64")
        #expect(text[17] == "checksum " + sum.trimmingCharacters(in: .newlines))
    }

    @Test func `a manifest that was cut anywhere is refused`() throws {
        let file = try write(entries())
        let bytes = try file.bytes(10_000, at: 0)
        for length in 0..<bytes.count {
            try file.setSize(UInt64(length))
            #expect(throws: FileFault.self, "\(length)") { try read(file) }
            try file.write(bytes, at: 0)
        }
        #expect(try read(file).count == 5)
    }

    @Test func `a manifest of which any byte was changed is refused`() throws {
        let file = try write(entries())
        let bytes = try file.bytes(10_000, at: 0)
        for index in bytes.indices {
            try file.write([bytes[index] ^ 1], at: UInt64(index))
            #expect(throws: FileFault.self, "\(index)") { try ManifestReader.check(file) }
            try file.write([bytes[index]], at: UInt64(index))
        }
    }

    @Test func `nothing that a line says can trap or be taken for something else`() throws {
        var random = SystemRandomNumberGenerator()
        for entry in try entries() {
            var line: [UInt8] = []
            entry.write(to: &line)
            #expect(Manifest.Entry(line.dropLast()) == entry)
            for _ in 0..<3000 {
                var garbled = line.dropLast().map { $0 }
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let place = Int.random(in: garbled.indices, using: &random)
                    let byte = [
                        UInt8(ascii: " "), UInt8(ascii: "9"), UInt8(ascii: "%"), .random(in: 0...255, using: &random),
                    ]
                    .randomElement(using: &random)
                    garbled[place] = byte ?? 0
                }
                guard let read = Manifest.Entry(garbled[...]) else { continue }
                // Whatever is taken can be written, and is then read as the same.
                var again: [UInt8] = []
                read.write(to: &again)
                #expect(Manifest.Entry(again.dropLast()) == read)
            }
        }
    }

    @Test(arguments: [
        "x 0644 1 0.000000000 0000000000000000 D - 1 a", "f 644 1 0.000000000 0000000000000000 D - 1 a",
        "f 0644 01 0.000000000 0000000000000000 D - 1 a",
        "f 0644 18446744073709551616 0.000000000 0000000000000000 D - 1 a",
        "f 0644 1 0.00000000 0000000000000000 D - 1 a", "f 0644 1 -0.000000000 0000000000000000 D - 1 a",
        "f 0644 1 0.000000000 000000000000000 D - 1 a", "f 0644 1 0.000000000 0000000000000000 - - 1 a",
        "f 0644 1 0.000000000 0000000000000000 D - 0 a", "f 0644 1 0.000000000 0000000000000000 D - 1 /a",
        "f 0644 1 0.000000000 0000000000000000 D - 1 a/../b", "f 0644 1 0.000000000 0000000000000000 D - 1 a b",
        "f 0644 1 0.000000000 0000000000000000 D - 1 a%00", "f 0644 1 0.000000000 0000000000000000 D - 1 ",
        "d 0755 1 0.000000000 0000000000000000 - - 1 a", "d 0755 0 0.000000000 0000000000000000 D - 1 a",
        "l 0777 0 0.000000000 0000000000000000 - - 1 a", "h 0644 1 0.000000000 0000000000000000 D - 1 a b",
        "h 0644 1 0.000000000 0000000000000000 D - 1 a", "f 0644 1 0.000000000 0000000000000000 D - 1",
        "f 0644 99999999999999999999 0.000000000 0000000000000000 D - 1 a", "",
        "f 0644 1 9223372036854775808.000000000 0000000000000000 D - 1 a",
    ])
    func `a line that no manifest has is refused`(line: String) {
        let text = line.replacing(" D ", with: " \(digest(3).hexadecimal) ")
        #expect(Manifest.Entry(Array(text.utf8)[...]) == nil)
    }

    @Test func `entries out of order, twice, or without their top are refused`() throws {
        let entries = try entries()
        for wrong in [[entries[0], entries[2], entries[1]], [entries[0], entries[1], entries[1]], [entries[1]]] {
            let file = try write(wrong)
            #expect(throws: FileFault.self) { try read(file) }
        }
    }

    @Test func `any path of a large manifest is found without reading all of it`() throws {
        var entries = [try self.entries()[0]]
        for index in 0..<4000 {
            let path = try PathName("f" + String(repeating: "0", count: 6 - String(index).count) + "\(index)")
            entries.append(
                Manifest.Entry(
                    kind: .file, mode: 0o644, size: 1, modified: Timestamp(seconds: 0, nanoseconds: 0),
                    version: UInt64(index), digest: digest(1), since: 1, path: path))
        }
        let file = try write(entries)
        var reader = try ManifestReader(file)
        for index in [3999, 0, 1, 2000, 3998, 17] {
            #expect(try reader.entry(at: entries[index + 1].path)?.version == UInt64(index))
            #expect(try reader.next()?.path == entries[index + 1].path)
            #expect(try reader.next()?.path == (index == 3999 ? nil : entries[index + 2].path))
        }
        #expect(try reader.entry(at: PathName("f0017")) == nil)
        #expect(try reader.entry(at: PathName("a")) == nil)
        #expect(try reader.entry(at: PathName("z")) == nil)
        #expect(try reader.entry(at: .root)?.kind == .directory)
    }
}
