extension Collection<Double> {
    /// The value below which the given share of the values lies; NaN if there are none.
    func percentile(_ share: Double) -> Double {
        let ordered = sorted()
        guard !ordered.isEmpty else { return .nan }
        let position = share * Double(ordered.count - 1)
        return ordered[Int(position.rounded(.down))]
    }

    var median: Double {
        let ordered = sorted()
        guard !ordered.isEmpty else { return .nan }
        let middle = ordered.count / 2
        return ordered.count.isMultiple(of: 2) ? (ordered[middle - 1] + ordered[middle]) / 2 : ordered[middle]
    }
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
