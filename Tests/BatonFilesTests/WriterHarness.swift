import BatonProtocol
import NIOCore
import SystemPackage

@testable import BatonFiles

extension TreeWriter {
    /// A writer of an order with nothing special about it.
    convenience init(
        destination: FilePath, overwrite: Bool, folder: WorkFolder, limits: TreeLimits, calls: FileSystemCalls
    ) throws {
        let source = try Reference("lit://origin@anything")
        try self.init(
            destination: destination, overwrite: overwrite, folder: folder, order: Order(source: source),
            limits: limits, calls: calls)
    }

    /// Takes a message as it is, also one that no frame could carry.
    func receive(_ message: Message) throws(BatonError) { try receive(message, in: Frame(message)) }
}

extension Frame {
    init(_ message: Message) {
        var buffer = ByteBuffer()
        buffer.writeFrame(message, stream: 1)
        buffer.moveReaderIndex(forwardBy: FrameHeader.size)
        self.init(type: message.type, flags: message.flags, stream: 1, payload: buffer)
    }
}
