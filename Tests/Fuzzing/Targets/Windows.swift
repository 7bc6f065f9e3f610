import BatonProtocol

extension FuzzTarget {
    /// A receiver's window: what it lets in was granted, and it never grants farther ahead than its size.
    static let receiveWindow = FuzzTarget(
        name: "receive-window",
        code: ["BatonProtocol/Machines/ReceiveWindow.swift"],
        longest: 512,
        seeds: { [[0, 0, 255, 255, 1, 255, 255, 0, 16, 0, 1, 255, 255], [2, 0, 0, 0, 1, 0, 255, 255, 255, 255]] },
        check: { input in
            var choices = Choices(input)
            let size = choices.one(of: [1 << 20, 4 << 20, 64 << 20, UInt64(UInt32.max)])
            var window = ReceiveWindow(size: size)
            var (received, consumed, granted) = (UInt64(0), UInt64(0), size)
            while !choices.isAtEnd {
                let step = choices.byte()
                if step & 1 == 0 {
                    let length = UInt64(choices.integer(as: UInt32.self)) >> (step >> 4)
                    let isTerminal = step & 2 != 0
                    let fits = received + length <= granted
                    do {
                        try window.receive(Int(length), isTerminal: isTerminal)
                        try expect(
                            fits || isTerminal, "\(length) bytes more than \(received) with credit for \(granted)")
                        received += length
                    } catch let error as ProtocolViolation {
                        try expect(!fits && !isTerminal, "\(length) bytes were granted, and refused")
                    }
                } else {
                    let done = min(UInt64(choices.integer(as: UInt32.self)) >> (step >> 4), received - consumed)
                    consumed += done
                    if let limit = window.consume(done) {
                        try expect(limit > granted && limit == consumed + size, "\(limit) follows \(granted)")
                        granted = limit
                    }
                    // Whoever has read all of it lets its peer go on.
                    try expect(consumed + size - granted < max(1, size / 4), "\(granted) is all that is granted")
                }
                try expect(window.received == received && window.consumed == consumed, "counts \(window)")
                try expect(window.limit == granted, "the limit is \(window.limit), \(granted) was granted")
            }
        })
}
