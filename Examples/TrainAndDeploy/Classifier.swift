import Glibc

/// Softmax regression: for each digit a weighted sum of the pixels, and of these sums the digits' probabilities.
struct Classifier: Equatable {
    static let inputs = Digit.side * Digit.side
    static let digits = 10
    static let weightCount = digits * (inputs + 1)

    /// For each digit the weights of the 64 pixels, then its bias.
    private(set) var weights: [Float]

    /// Knows nothing yet: all digits are equally probable.
    init() { weights = Array(repeating: 0, count: Self.weightCount) }

    /// As it was when it had these weights; nil if they are not as many as there must be, or not numbers.
    init?(weights: [Float]) {
        guard weights.count == Self.weightCount, weights.allSatisfy(\.isFinite) else { return nil }
        self.weights = weights
    }

    /// How probable each digit is.
    func probabilities(of image: Digit) -> [Float] {
        var sums: [Float] = []
        for row in stride(from: 0, to: weights.count, by: Self.inputs + 1) {
            var sum = weights[row + Self.inputs]
            for input in 0..<Self.inputs { sum += weights[row + input] * image.pixels[input] }
            sums.append(sum)
        }
        // Less the largest, so that none overflows.
        let largest = sums.max() ?? 0
        let powers = sums.map { exp($0 - largest) }
        let total = powers.reduce(0, +)
        return powers.map { $0 / total }
    }

    /// The most probable digit.
    func predict(_ image: Digit) -> Int {
        let probabilities = probabilities(of: image)
        return probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
    }

    /// Goes one step down the slope of the batch's mean loss.
    mutating func learn(from batch: some Collection<Digit>, rate: Float) {
        var slope = Array(repeating: Float(0), count: weights.count)
        for image in batch {
            for (digit, probability) in probabilities(of: image).enumerated() {
                let error = probability - (digit == image.label ? 1 : 0)
                let row = digit * (Self.inputs + 1)
                for input in 0..<Self.inputs { slope[row + input] += error * image.pixels[input] }
                slope[row + Self.inputs] += error
            }
        }
        let step = rate / Float(max(1, batch.count))
        for index in weights.indices { weights[index] -= step * slope[index] }
    }

    /// How well it does on images: the mean cross-entropy (0 is perfect, 2.3 is guessing), and the share that it gets right.
    func evaluate(_ images: [Digit]) -> (loss: Double, accuracy: Double) {
        var loss = 0.0
        var right = 0
        for image in images {
            // A probability that has become 0 would make the loss infinite.
            loss -= log(Double(max(probabilities(of: image)[image.label], .leastNormalMagnitude)))
            if predict(image) == image.label { right += 1 }
        }
        let count = Double(max(1, images.count))
        return (loss / count, Double(right) / count)
    }
}

/// Trains a classifier by stochastic gradient descent in batches of 16, in another order in each epoch; the same in every run.
///
/// - Parameter onEpoch: called at the end of each epoch, the first of which is 1.
func train(
    on images: [Digit], epochs: Int, rate: Float = 0.5, onEpoch: (Int, Classifier) throws -> Void
) rethrows -> Classifier {
    var classifier = Classifier()
    var generator = SeededGenerator(seed: 2)
    let batch = 16
    for epoch in 0..<epochs {
        let shuffled = images.shuffled(using: &generator)
        for start in stride(from: 0, to: shuffled.count, by: batch) {
            classifier.learn(from: shuffled[start..<min(start + batch, shuffled.count)], rate: rate)
        }
        try onEpoch(epoch + 1, classifier)
    }
    return classifier
}
