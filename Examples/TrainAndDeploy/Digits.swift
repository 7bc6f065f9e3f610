/// An image of a handwritten digit.
struct Digit: Hashable {
    static let side = 8

    /// 64 of them in rows from the top: 0 is paper, 1 is ink.
    let pixels: [Float]
    /// The digit that it shows, 0 to 9.
    let label: Int

    /// Reads a line of ``samples``; nil if it is none.
    init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count == 2, let label = Int(fields[1]), (0...9).contains(label) else { return nil }
        let pixels = fields[0].compactMap { $0.wholeNumberValue ?? "ABCDEFG".firstOffset(of: $0).map { $0 + 10 } }
        guard pixels.count == Self.side * Self.side else { return nil }
        self.pixels = pixels.map { Float($0) / 16 }
        self.label = label
    }
}

/// The images, a fifth of which is never trained on.
struct Digits {
    let training: [Digit]
    let heldOut: [Digit]

    /// The images of ``samples``, shuffled: the same in every run.
    init() {
        var generator = SeededGenerator(seed: 1)
        let all = samples.description.split(separator: "\n").compactMap(Digit.init).shuffled(using: &generator)
        heldOut = Array(all.prefix(all.count / 5))
        training = Array(all.dropFirst(heldOut.count))
    }
}

/// SplitMix64 (Steele, Lea and Flood, 2014): random numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension String {
    fileprivate func firstOffset(of character: Character) -> Int? {
        firstIndex(of: character).map { distance(from: startIndex, to: $0) }
    }
}
