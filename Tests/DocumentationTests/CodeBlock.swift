import Foundation
import Testing

/// A block of code in the documentation: between two fences, in a page or in a comment of the library.
struct CodeBlock: Sendable, CustomTestStringConvertible {
    /// Of the file, from the package's folder.
    let file: String
    /// Of the opening fence.
    let line: Int
    let language: String
    /// Without the indentation that they have in common.
    let lines: [String]

    var testDescription: String { "\(file):\(line)" }

    /// All that readers see: README, the pages of the catalog, what is said about each declaration.
    static let all: [CodeBlock] = {
        let pages = ["README.md"] + Sources.files(below: "Sources/Baton/Baton.docc", ending: ".md")
        let comments = Sources.files(below: "Sources/Baton", ending: ".swift")
        return pages.flatMap { blocks(in: Sources.lines(of: $0), of: $0) }
            + comments.flatMap { file in
                blocks(
                    in: Sources.lines(of: file).map { line in
                        let text = line.drop { $0 == " " }
                        return text.hasPrefix("///") ? String(text.dropFirst(text.hasPrefix("/// ") ? 4 : 3)) : ""
                    }, of: file)
            }
    }()

    private static func blocks(in lines: [String], of file: String) -> [CodeBlock] {
        var blocks: [CodeBlock] = []
        var start: Int?
        for (number, line) in lines.enumerated() {
            let text = line.trimmingCharacters(in: .whitespaces)
            guard text.hasPrefix("```"), !text.dropFirst(3).contains("`") else { continue }
            if let first = start {
                let language = lines[first].trimmingCharacters(in: .whitespaces).dropFirst(3)
                blocks.append(
                    CodeBlock(
                        file: file, line: first + 1, language: String(language),
                        lines: Sources.dedented(lines[(first + 1)..<number])))
                start = nil
            } else {
                start = number
            }
        }
        return blocks
    }
}

/// The files of the package.
enum Sources {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL

    /// Paths from the package's folder, in order.
    static func files(below folder: String, ending: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: root.appending(path: folder).path)?.compactMap {
            $0 as? String
        }
        return (all ?? []).filter { $0.hasSuffix(ending) }.sorted().map { "\(folder)/\($0)" }
    }

    static func lines(of file: String) -> [String] {
        let text = (try? String(contentsOf: root.appending(path: file), encoding: .utf8)) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// Takes away the indentation that all lines have in common.
    static func dedented(_ lines: some Collection<String>) -> [String] {
        let indents = lines.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }
        return lines.map { String($0.dropFirst(indents.min() ?? 0)) }
    }
}
