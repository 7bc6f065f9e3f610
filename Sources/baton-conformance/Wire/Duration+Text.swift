extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int { Int(clamping: components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000) }
}
