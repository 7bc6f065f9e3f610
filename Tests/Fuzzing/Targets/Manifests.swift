import BatonFiles
import BatonProtocol

@testable import BatonFiles

extension FuzzTarget {
    /// The manifest of a generation, whatever lies in its file: it is read in order, or refused.
    static let manifest = FuzzTarget(
        name: "manifest",
        code: [
            "BatonFiles/Store/Manifest/ManifestReader.swift", "BatonFiles/Store/Manifest/ManifestText.swift",
            "BatonFiles/Store/Manifest/ManifestLines.swift",
            "BatonFiles/Store/Manifest/Manifest.swift: extension Manifest.Entry",
        ],
        seeds: { [manifestSample] },
        check: { input in
            guard let scratch = Scratch.shared else { throw Finding(description: "there is no directory to work in") }
            let file = try scratch.file(input)
            _ = try? ManifestReader.check(file)
            guard var reader = try? ManifestReader(file) else { return }
            var entries: [Manifest.Entry] = []
            while let entry = try? reader.next() {
                try judge(resolved: entry.path)
                try expectRoundTrip(entry)
                try expect(
                    entries.last.map { $0.path < entry.path } ?? entry.path.isRoot, "out of order: \(entry.path)")
                entries.append(entry)
            }
            for entry in entries.prefix(4) {
                guard let found = try? reader.entry(at: entry.path) else { continue }
                try expect(found == entry, "'\(entry.path)' is found as \(found)")
            }
        })

    private static func expectRoundTrip(_ entry: Manifest.Entry) throws(Finding) {
        var line: [UInt8] = []
        entry.write(to: &line)
        try expect(line.last == 10 && !line.dropLast().contains(10), "an entry is more than one line")
        try expect(Manifest.Entry(line.dropLast()) == entry, "what is written is read otherwise: \(line.hex)")
    }

    private static let manifestSample: [UInt8] = {
        let digest = String(repeating: "5a", count: 32)
        return Array(
            """
            baton-manifest 1
            work example.org demo trainer
            reference lit://trainer@outputs/checkpoints
            generation 3
            stamp 9f86d081884c7d65
            created 1763834000.123456789
            epoch 12
            d 0755 0 -5.000000000 6d1c5b1f00c1a0de - - 3 .
            f 0644 1048576 1763833990.120000000 53aa0f19e2f1d6b4 \(digest) - 2 epoch=9.ckpt
            h 0644 1048576 1763833990.120000000 53aa0f19e2f1d6b4 \(digest) \(digest) 2 f%20%FF epoch=9.ckpt
            l 0777 0 1763833990.130000000 02b1c0de77aa0f19 - - 3 last.ckpt epoch=9.ckpt
            entries 4
            files 1
            bytes 1048576
            hardlinks 1
            digest \(digest)
            checksum \(digest)

            """.utf8)
    }()
}
