/// Columns as wide as what is in them.
enum Table {
    /// - Parameter isNumber: columns that end, not begin, at one line.
    static func text(titles: [String], isNumber: [Bool], rows: [[String]]) -> String {
        let lines = [titles] + rows
        let widths = titles.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let cells = zip(line, zip(widths, isNumber)).map { cell, column in
                column.1 ? cell.padded(toEnd: column.0) : cell.padded(column.0)
            }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}

extension String {
    func padded(_ width: Int) -> String { self + room(width) }
    func padded(toEnd width: Int) -> String { room(width) + self }

    private func room(_ width: Int) -> String { String(repeating: " ", count: Swift.max(0, width - count)) }
}
