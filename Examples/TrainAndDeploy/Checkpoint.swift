import FoundationEssentials

/// A classifier as it was at the end of an epoch, and how well it did then on images that it had not been trained on.
///
/// On disk it is a directory with two files: `weights.bin` (32-bit numbers, little-endian) and `metrics.json`.
struct Checkpoint: Equatable {
    struct Metrics: Codable, Equatable, Sendable {
        let epoch: Int
        /// Mean cross-entropy.
        let loss: Double
        let accuracy: Double
    }

    let metrics: Metrics
    let classifier: Classifier

    init(_ classifier: Classifier, epoch: Int, testedOn images: [Digit]) {
        let (loss, accuracy) = classifier.evaluate(images)
        metrics = Metrics(epoch: epoch, loss: loss, accuracy: accuracy)
        self.classifier = classifier
    }

    /// Reads a directory.
    init(at directory: URL) throws {
        metrics = try Self.metrics(at: directory)
        let bytes = try [UInt8](Data(contentsOf: directory.appending(path: "weights.bin")))
        let weights = stride(from: 0, to: bytes.count - bytes.count % 4, by: 4).map { start in
            Float(bitPattern: bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        }
        guard bytes.count % 4 == 0, let classifier = Classifier(weights: weights) else {
            throw NoCheckpoint(reason: "\(directory.path) holds \(bytes.count) bytes that are no weights")
        }
        self.classifier = classifier
    }

    /// Reads no more than its metrics.
    static func metrics(at directory: URL) throws -> Metrics {
        try JSONDecoder().decode(Metrics.self, from: Data(contentsOf: directory.appending(path: "metrics.json")))
    }

    /// Writes a directory, which is made if it is not there.
    func write(to directory: URL) throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let bytes = classifier.weights.flatMap { weight in
            (0..<4).map { UInt8(truncatingIfNeeded: weight.bitPattern >> ($0 * 8)) }
        }
        try Data(bytes).write(to: directory.appending(path: "weights.bin"))
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        try encoder.encode(metrics).write(to: directory.appending(path: "metrics.json"))
    }
}

struct NoCheckpoint: Error, Codable, CustomStringConvertible {
    let reason: String
    var description: String { reason }
}
