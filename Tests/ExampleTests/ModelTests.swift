import Foundation
import Testing

@testable import train_and_deploy

private func trained(on images: [Digit], epochs: Int) -> Classifier {
    train(on: images, epochs: epochs) { _, _ in }
}

@Suite struct DigitsTests {
    @Test func `every image of the data set is read`() {
        let digits = Digits()
        #expect(digits.training.count == 1438 && digits.heldOut.count == 359)
        let all = digits.training + digits.heldOut
        // How often each digit occurs, by the data set's own description.
        let counts = (0...9).map { label in all.count { $0.label == label } }
        #expect(counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
        #expect(all.allSatisfy { $0.pixels.count == 64 && $0.pixels.allSatisfy { pixel in (0...1).contains(pixel) } })
    }

    @Test func `no image that is tested on is trained on`() {
        let digits = Digits()
        #expect(Set(digits.training).isDisjoint(with: digits.heldOut))
    }

    @Test func `the images come in the same order every time`() {
        #expect(Digits().training == Digits().training)
    }

    @Test func `pixels are read as shares of ink`() throws {
        let line = "0G8" + String(repeating: "0", count: 61) + " 7"
        let digit = try #require(Digit(line[...]))
        #expect(digit.label == 7)
        #expect(digit.pixels.prefix(4) == [0, 1, 0.5, 0])
    }

    @Test(arguments: ["", "0 1", String(repeating: "0", count: 64), String(repeating: "H", count: 64) + " 1"])
    func `what is no image is not read`(line: String) {
        #expect(Digit(line[...]) == nil)
    }
}

@Suite struct ClassifierTests {
    let digits = Digits()

    @Test func `a classifier that knows nothing guesses`() {
        let (loss, accuracy) = Classifier().evaluate(digits.heldOut)
        #expect(abs(loss - 2.302585) < 1e-4)
        #expect(accuracy < 0.2)
    }

    @Test func `after training it knows 95 of 100 digits that it has not seen, and its first epoch was worse`() throws {
        var losses: [Double] = []
        let trained = train(on: digits.training, epochs: 40) { epoch, classifier in
            if epoch == 1 || epoch == 40 { losses.append(classifier.evaluate(digits.heldOut).loss) }
        }
        #expect(trained.evaluate(digits.heldOut).accuracy >= 0.95)
        #expect(losses.count == 2 && losses[0] > 3 * losses[1])
    }

    @Test func `the same training gives the same weights`() {
        let images = Array(digits.training.prefix(100))
        #expect(trained(on: images, epochs: 2) == trained(on: images, epochs: 2))
        #expect(trained(on: images, epochs: 2) != trained(on: images, epochs: 1))
    }

    @Test func `probabilities are positive and add up to one`() {
        let trained = trained(on: digits.training, epochs: 1)
        for image in digits.heldOut.prefix(20) {
            let probabilities = trained.probabilities(of: image)
            #expect(probabilities.count == 10 && probabilities.allSatisfy { $0 > 0 })
            #expect(abs(probabilities.reduce(0, +) - 1) < 1e-5)
        }
    }

    @Test func `an error on the way out of an epoch ends the training`() {
        struct Stop: Error {}
        var epochs = 0
        #expect(throws: Stop.self) {
            try train(on: Array(digits.training.prefix(16)), epochs: 9) { epoch, _ in
                epochs = epoch
                if epoch == 2 { throw Stop() }
            }
        }
        #expect(epochs == 2)
    }
}

@Suite final class CheckpointTests {
    let directory = FileManager.default.temporaryDirectory.appending(path: "baton-example-\(UUID().uuidString)")
    let checkpoint: Checkpoint

    init() {
        let digits = Digits()
        let images = Array(digits.training.prefix(100))
        checkpoint = Checkpoint(trained(on: images, epochs: 3), epoch: 3, testedOn: images)
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
    }

    private func overwriteWeights(_ bytes: [UInt8]) throws {
        try Data(bytes).write(to: directory.appending(path: "weights.bin"))
    }

    @Test func `a checkpoint is read as it was written, also over another one`() throws {
        try Checkpoint(Classifier(), epoch: 0, testedOn: []).write(to: directory)
        try checkpoint.write(to: directory)
        #expect(try Checkpoint(at: directory) == checkpoint)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).count == 2)
    }

    @Test func `its metrics say epoch, loss and accuracy`() throws {
        try checkpoint.write(to: directory)
        let metrics = try Checkpoint.metrics(at: directory)
        #expect(metrics == checkpoint.metrics && metrics.epoch == 3)
        let json = try String(contentsOf: directory.appending(path: "metrics.json"), encoding: .utf8)
        #expect(json.hasPrefix(#"{"accuracy":"#) && json.contains(#","epoch":3,"loss":"#))
    }

    @Test func `what holds no weights is refused`() throws {
        #expect(throws: (any Error).self) { try Checkpoint(at: directory) }
        try checkpoint.write(to: directory)
        let whole = Array(repeating: UInt8(0), count: 2600)
        try overwriteWeights(whole)
        #expect(throws: Never.self) { try Checkpoint(at: directory) }
        let wrong: [[UInt8]] = [
            [], Array(whole.dropLast()), Array(whole.dropLast(4)), whole + [0, 0, 0, 0], whole.map { _ in 0xFF },
        ]
        for bytes in wrong {
            try overwriteWeights(bytes)
            let refusal = #expect(throws: NoCheckpoint.self) { try Checkpoint(at: directory) }
            #expect(refusal?.description.contains(directory.path) == true)
        }
    }
}
