import Foundation

extension Stage {
    /// Makes a file that the origin shares, of content that does not repeat, and returns its path.
    func makeFile(_ name: String, _ size: ByteCount) throws -> URL {
        let file = dataDirectory.appending(path: name)
        try fill(file, size)
        return file
    }

    /// Makes a tree of files of 4 KiB, evenly in `directories`, and returns its path.
    func makeTree(_ name: String, files: Int, directories: Int) throws -> URL {
        let tree = dataDirectory.appending(path: name, directoryHint: .isDirectory)
        // Overlapping pieces of one block: no two files are the same.
        let block = randomBytes(4096 + files)
        for number in 0..<files {
            let parent = tree.appending(path: TreeName.directory(number % directories))
            if number < directories {
                try Task.checkCancellation()
                try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
            }
            try block[number..<(number + 4096)].write(to: parent.appending(path: TreeName.file(number / directories)))
        }
        return tree
    }

    /// Writes the sink's file system full and empty again: a virtual machine's memory costs more when it is first
    /// touched, and whoever is measured first would pay for it.
    func warmUp(_ size: ByteCount) throws {
        let file = sinkDirectory.appending(path: "warm-up")
        try fill(file, ByteCount(2 * size.bytes))
        try FileManager.default.removeItem(at: file)
    }

    /// Checks that a copy has its source's content, and removes it.
    func checkAndRemove(_ copy: URL, against source: URL) async throws {
        try await check(copy, against: source)
        try FileManager.default.removeItem(at: copy)
    }

    func check(_ copy: URL, against source: URL) async throws {
        guard let cmp = Installation.systemProgram("cmp"), let diff = Installation.systemProgram("diff") else {
            throw BenchError("cmp and diff are needed to check the copies")
        }
        let arguments = [source.path, copy.path]
        if source.hasDirectoryPath {
            _ = try await time("diff", diff, ["-r", "--no-dereference"] + arguments, within: .seconds(600))
        } else {
            _ = try await time("cmp", cmp, arguments, within: .seconds(600))
        }
    }

    private func fill(_ file: URL, _ size: ByteCount) throws {
        guard FileManager.default.createFile(atPath: file.path, contents: nil) else {
            throw BenchError("cannot create \(file.path)")
        }
        let handle = try FileHandle(forWritingTo: file)
        var block = randomBytes(1 << 20)
        var remaining = size.bytes
        while remaining > 0 {
            try Task.checkCancellation()
            // The offset makes each block another one.
            withUnsafeBytes(of: remaining) { block.replaceSubrange(0..<$0.count, with: $0) }
            try handle.write(contentsOf: block.prefix(remaining))
            remaining -= min(block.count, remaining)
        }
        try handle.close()
    }
}

/// Names in the order in which a tree is sent.
enum TreeName {
    static func directory(_ number: Int) -> String { String(format: "directory-%05d", number) }
    static func file(_ number: Int) -> String { String(format: "file-%05d", number) }
}

func randomBytes(_ count: Int) -> Data {
    var generator = SystemRandomNumberGenerator()
    return Data((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
}
