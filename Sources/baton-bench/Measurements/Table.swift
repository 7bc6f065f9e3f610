import Foundation

/// The result of one scenario.
struct Table: Encodable {
    struct Row: Encodable {
        let name: String
        /// By column. A figure that does not apply is absent.
        let values: [String: Double]
        var aims: [Aim] = []
    }

    /// An upper bound that the project set itself for a figure of a row.
    struct Aim: Encodable {
        let column: String
        let atMost: Double
    }

    let title: String
    let columns: [String]
    let rows: [Row]

    var markdown: String {
        var lines = ["## \(title)", ""]
        let header = [""] + columns + ["aim"]
        var cells = [header]
        for row in rows {
            cells.append(
                [row.name] + columns.map { row.values[$0].map(Table.format) ?? "" } + [
                    row.aims.map { verdict($0, row) }.joined(separator: ", ")
                ])
        }
        let widths = header.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        for (index, line) in cells.enumerated() {
            let padded = zip(line, widths).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + space : space + cell.0
            }
            lines.append("| " + padded.joined(separator: " | ") + " |")
            if index == 0 {
                let rules = widths.enumerated().map { column, width in
                    String(repeating: "-", count: width + 1) + (column == 0 ? "-" : ":")
                }
                lines.append("|" + rules.joined(separator: "|") + "|")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    static func json(of tables: [Table]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(["tables": tables]), as: UTF8.self)
    }

    private func verdict(_ aim: Aim, _ row: Row) -> String {
        let met = (row.values[aim.column] ?? .infinity) <= aim.atMost
        return "\(aim.column) <= \(Table.format(aim.atMost)): \(met ? "met" : "missed")"
    }

    private static func format(_ value: Double) -> String {
        switch value.magnitude {
        case 100...: String(format: "%.0f", value)
        case 10...: String(format: "%.1f", value)
        default: String(format: "%.2f", value)
        }
    }
}
