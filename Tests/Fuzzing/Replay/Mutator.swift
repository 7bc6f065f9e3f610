/// Makes inputs out of others: always the same ones out of the same corpus.
struct Mutator {
    private var random = Generator(state: 1)
    private let corpus: [[UInt8]]
    private let longest: Int

    init(corpus: [[UInt8]], longest: Int) {
        self.corpus = corpus.isEmpty ? [[0]] : corpus
        self.longest = longest
    }

    mutating func next() -> [UInt8] {
        var input = one(of: corpus)
        for _ in 0...Int.random(in: 0..<4, using: &random) { change(&input) }
        return Array(input.prefix(longest))
    }

    private mutating func change(_ input: inout [UInt8]) {
        let place = Int.random(in: 0...input.count, using: &random)
        let end = min(input.count, place + Int.random(in: 1...16, using: &random))
        switch Int.random(in: 0..<7, using: &random) {
        case 0: input.removeSubrange(place..<end)
        case 1: input.insert(.random(in: 0...255, using: &random), at: place)
        case 2: input.insert(contentsOf: input[place..<end], at: Int.random(in: 0...input.count, using: &random))
        case 3: input = Array(input[..<place] + one(of: corpus).suffix(64))
        case 4 where place < input.count: input[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 5 where place < input.count: input[place] = one(of: [0, 1, 0x7F, 0x80, 0xFF])
        default: if place < input.count { input[place] = .random(in: 0...255, using: &random) }
        }
    }

    private mutating func one<T>(of choices: [T]) -> T {
        choices[Int.random(in: choices.indices, using: &random)]
    }

    /// SplitMix64.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }
}
