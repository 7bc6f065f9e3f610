import FoundationEssentials

/// Trains, writes checkpoints below the directory given as the argument, reads the better one back, and lets it predict.
@main
struct TrainAndDeploy {
    static func main() throws {
        guard CommandLine.arguments.count == 2 else {
            print("usage: train-and-deploy DIRECTORY")
            return
        }
        let directory = URL(filePath: CommandLine.arguments[1])
        let digits = Digits()
        var written: [URL] = []
        _ = try train(on: digits.training, epochs: 40) { epoch, classifier in
            guard epoch == 1 || epoch == 40 else { return }
            let checkpoint = Checkpoint(classifier, epoch: epoch, testedOn: digits.heldOut)
            let place = directory.appending(path: "epoch-\(epoch)")
            try checkpoint.write(to: place)
            written.append(place)
            let (loss, accuracy) = (checkpoint.metrics.loss, checkpoint.metrics.accuracy)
            print("epoch \(epoch): loss \(rounded(loss)), accuracy \(rounded(accuracy))")
        }
        let best = try written.map(Checkpoint.init(at:)).min { $0.metrics.loss < $1.metrics.loss }
        guard let best else { return }
        let predicted = digits.heldOut.prefix(10).map { String(best.classifier.predict($0)) }
        let shown = digits.heldOut.prefix(10).map { String($0.label) }
        print("epoch \(best.metrics.epoch) predicts \(predicted.joined()) of \(shown.joined())")
    }
}

/// To three decimals.
func rounded(_ number: Double) -> Double { (number * 1000).rounded() / 1000 }
