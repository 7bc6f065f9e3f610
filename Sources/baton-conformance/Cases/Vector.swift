internal import Foundation

/// A frame of `vectors/`, as far as a case is made of it.
struct Vector: Decodable {
    let name: String
    let connection: String
    let opening: Bool?
    let hex: String
    let fill: Fill?
    let error: String?
    let rules: [String]?

    struct Fill: Decodable {
        let byte: String
        let count: Int
    }

    private struct File: Decodable {
        let frames: [Vector]?
    }

    /// Those of all files of a directory that have frames.
    ///
    /// - Returns: with the name of each file.
    static func read(_ directory: String) throws -> [(file: String, vectors: [Vector])] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
            throw CaseError("there is no directory \(directory)")
        }
        return try names.filter { $0.hasSuffix(".json") }.sorted().map { name in
            let path = "\(directory)/\(name)"
            guard let data = FileManager.default.contents(atPath: path) else { throw CaseError("cannot read \(path)") }
            do {
                return (path, try JSONDecoder().decode(File.self, from: data).frames ?? [])
            } catch {
                throw CaseError("\(path) holds frames that cannot be used: \(error)")
            }
        }
    }

    /// Header and payload; in a vector with `error` the payload may be missing.
    func bytes() throws -> [UInt8] {
        guard let bytes = Hex.bytes(hex), bytes.count >= Frame.headerSize else {
            throw CaseError("the vector \"\(name)\" holds no frame")
        }
        guard let fill else { return bytes }
        guard let byte = Hex.bytes(fill.byte), byte.count == 1, (0...1 << 20).contains(fill.count) else {
            throw CaseError("the vector \"\(name)\" cannot be filled")
        }
        return bytes + [UInt8](repeating: byte[0], count: fill.count)
    }
}
