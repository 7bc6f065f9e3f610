/// A case that cannot be run as it is written: the fault is in the file, not in what is tested.
struct CaseError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }

    /// The same, with where it was found in front.
    func at(_ place: String) -> CaseError { CaseError("\(place): \(description)") }
}

/// What is tested did not do what a step demands.
struct StepFailure: Error {
    var expected: String
    var came: String
    /// The connection on which it showed.
    var connection: String?
}
