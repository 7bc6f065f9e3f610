import NIOCore
import NIOPosix

/// Socket and buffer settings, by what a connection carries.
enum ChannelSettings {
    /// Lanes read in large pieces when much comes, and keep little when nothing does.
    static let laneReceiveBuffer = AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 65_536, maximum: 1 << 20)
    /// Bytes that may wait for the network before a lane stops writing.
    static let laneWriteMark = ChannelOptions.Types.WriteBufferWaterMark(low: 512 << 10, high: 1 << 20)
    /// Requests are small: who sends more at once than fits has to wait until others had their turn.
    static let controlReceiveBuffer = AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: 16_384)
}

extension ClientBootstrap {
    func laneOptions() -> ClientBootstrap {
        channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: ChannelSettings.laneReceiveBuffer)
            .channelOption(.writeBufferWaterMark, value: ChannelSettings.laneWriteMark)
            .channelOption(.maxMessagesPerRead, value: 1)
    }

    func controlOptions() -> ClientBootstrap {
        channelOption(.recvAllocator, value: ChannelSettings.controlReceiveBuffer)
            .channelOption(.maxMessagesPerRead, value: 1)
    }
}
