internal import Foundation

/// All cases of some directories.
enum CaseFiles {
    /// - Throws: ``CaseError`` that names file, case and step of everything that cannot be used.
    static func read(_ directories: [String], _ layouts: Layouts) throws -> [Case] {
        var cases: [Case] = []
        var errors: [String] = []
        var files: [String: String] = [:]
        for directory in directories {
            guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
                throw CaseError("there is no directory \(directory)")
            }
            for name in names.filter({ $0.hasSuffix(".json") }).sorted() {
                let path = "\(directory)/\(name)"
                for one in try read(path, layouts, &errors) {
                    if let other = files.updateValue(path, forKey: one.name) {
                        errors.append("\"\(one.name)\" stands in \(path) and in \(other)")
                    }
                    cases.append(one)
                }
            }
        }
        guard errors.isEmpty else { throw CaseError(errors.joined(separator: "\n")) }
        return cases
    }

    private static func read(_ path: String, _ layouts: Layouts, _ errors: inout [String]) throws -> [Case] {
        do {
            var keys = try Keys(try JSON.read(path), layouts)
            _ = try keys.string("about")
            guard let cases = try keys.array("cases") else { throw CaseError("\"cases\" is missing") }
            try keys.end()
            var read: [Case] = []
            for (index, json) in cases.enumerated() {
                do {
                    read.append(try Case(json, file: path, layouts))
                } catch let error as CaseError {
                    errors.append(error.at("\(path): case \(index + 1)").description)
                }
            }
            return read
        } catch let error as CaseError {
            errors.append(error.at(path).description)
            return []
        }
    }
}
