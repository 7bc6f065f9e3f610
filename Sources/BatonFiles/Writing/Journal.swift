import BatonProtocol
import NIOCore
import SystemPackage

/// How far the data of the open file has come.
struct DataMark: Equatable {
    /// End of the data in the file.
    var position: UInt64
    /// Data bytes since the mark before.
    var count: UInt64
    /// The file is complete.
    var isLast: Bool
}

/// What a stage holds, noted so that a later process can go on with it: `ROOT/.baton/stages/<token>.journal`.
///
/// A sequence of records: length u32 (of the payload), type u8, flags u8, payload. First the header (type 0), then the ENTRY
/// and SKIPPED frames of the first pass as they came, after each ENTRY how far its data has come (type of CHUNK: position u64,
/// count u64), and the entries of which attributes could not be set here (type of SKIPPED, flag ``Record/ofReceiver``).
///
/// Everything is noted after it was done, and written in batches without waiting for the disk: what the journal says is in the
/// stage, also if the process is killed in the middle of a record. It is not trusted across a restart of the machine.
struct Journal {
    private let folder: WorkFolder
    let name: FileName
    private var file: Descriptor?
    /// Where the next batch goes.
    private var end: UInt64
    private var batch = ByteBuffer()
    private var unwritten: UInt64 = 0
    private var lastFlush = ContinuousClock.now
    private var mark: DataMark?
    /// Nothing is noted any more.
    private var isClosed = false

    /// A batch is written when it has so many bytes, or stands for so much data.
    private static let batchBytes = 16_384
    private static let batchData: UInt64 = 65_536
    /// Or when the last one is older than this, in milliseconds.
    static let longestDelay = 500

    static func name(of token: String) -> FileName { FileName(Array(token.utf8) + Array(".journal".utf8)) }

    /// A journal that has no file before its first batch is written.
    init(of stage: StageName, folder: WorkFolder) {
        self.folder = folder
        name = Journal.name(of: stage.token)
        end = 0
    }

    /// Notes what the journal is about, before anything else.
    mutating func note(_ header: Header) {
        Record(type: Record.header, flags: 0, payload: header.payload).write(to: &batch)
    }

    /// Goes on with a journal of which `end` bytes hold.
    init(continuing file: Descriptor, of stage: StageName, end: UInt64, folder: WorkFolder) throws(Errno) {
        try file.setSize(end)
        self.folder = folder
        self.file = file
        name = Journal.name(of: stage.token)
        self.end = end
    }

    /// Notes an ENTRY or a SKIPPED that is in the stage now.
    mutating func note(_ frame: Frame) {
        if isClosed { return }
        writeMark()
        Record(type: frame.type.rawValue, flags: frame.flags, payload: frame.payload).write(to: &batch)
        flushIfDue()
    }

    /// Notes data of the open file that is in the stage now.
    mutating func note(position: UInt64, count: UInt64, isLast: Bool) {
        if isClosed { return }
        let before = mark?.count ?? 0
        mark = DataMark(position: position, count: before.addingReportingOverflow(count).partialValue, isLast: isLast)
        unwritten = unwritten.addingReportingOverflow(count).partialValue
        flushIfDue()
    }

    /// Notes that attributes of an entry could not be set here.
    mutating func note(withoutAttributes path: PathName) {
        if isClosed { return }
        writeMark()
        let payload = ByteBuffer(bytes: path.bytes)
        Record(type: FrameType.skipped.rawValue, flags: Record.ofReceiver, payload: payload).write(to: &batch)
    }

    private mutating func writeMark() {
        guard let mark else { return }
        self.mark = nil
        var payload = ByteBuffer()
        payload.writeMultipleIntegers(mark.position, mark.count)
        Record(type: FrameType.chunk.rawValue, flags: mark.isLast ? FrameHeader.last : 0, payload: payload)
            .write(to: &batch)
    }

    private mutating func flushIfDue() {
        let isLate = lastFlush.duration(to: .now) >= .milliseconds(Journal.longestDelay)
        if batch.readableBytes >= Journal.batchBytes || unwritten >= Journal.batchData || isLate { flush() }
    }

    /// Writes what has been noted. A journal that cannot be written stays as it is: what it says so far still holds.
    mutating func flush() {
        if isClosed { return }
        writeMark()
        // A journal that says nothing is none: nobody could go on with its stage.
        if batch.readableBytes == 0 { return }
        do throws(Errno) {
            if file == nil { file = try folder.stages.createFile(name) }
            guard let file else { return }
            var result: Result<Void, Errno> = .success(())
            batch.withUnsafeReadableBytes { bytes in
                do throws(Errno) { try file.write(bytes, at: end) } catch { result = .failure(error) }
            }
            try result.get()
            end += UInt64(batch.readableBytes)
            batch.clear()
            unwritten = 0
            lastFlush = .now
            Moment.journalFlushed()
        } catch {
            isClosed = true
        }
    }

    /// Whether a later process finds anything.
    var isWritten: Bool { file != nil }

    /// Takes the journal back: what comes next changes what it has said.
    mutating func abandon() {
        isClosed = true
        if file != nil { try? folder.stages.removeFile(name) }
        file = nil
    }
}

extension Journal {
    /// What a journal is about.
    struct Header: Equatable {
        /// Of the stage: after publishing something else has its name.
        var stage: FileIdentity
        /// Of the machine's start.
        var boot: [UInt8]
        /// Source, destination and options of the order.
        var order: [UInt8]

        /// Device u64, inode u64, boot bytes8, order.
        var payload: ByteBuffer {
            var payload = ByteBuffer()
            payload.writeMultipleIntegers(stage.device, stage.inode, UInt8(clamping: boot.count))
            payload.writeBytes(boot.prefix(Int(UInt8.max)))
            payload.writeBytes(order)
            return payload
        }

        init(stage: FileIdentity, order: [UInt8], boot: [UInt8] = Header.currentBoot) {
            self.stage = stage
            self.boot = boot
            self.order = order
        }

        init?(_ payload: ByteBuffer) {
            var payload = payload
            guard let (device, inode, count) = payload.readMultipleIntegers(as: (UInt64, UInt64, UInt8).self),
                let boot = payload.readBytes(length: Int(count))
            else { return nil }
            stage = FileIdentity(device: device, inode: inode)
            self.boot = boot
            order = Array(payload.readableBytesView)
        }

        /// The kernel's name for this start of the machine; empty, and never trusted, if it does not tell.
        static let currentBoot: [UInt8] = {
            guard let folder = try? Descriptor.place(of: "/proc/sys/kernel/random").directory(.current),
                let text = try? folder.readNote("boot_id", atMost: 64)
            else { return [] }
            return text
        }()
    }

    struct Record {
        static let header: UInt8 = 0
        /// Flag of SKIPPED: it was left out here, the origin had sent it.
        static let ofReceiver: UInt8 = 0x80
        static let prefix = 6

        var type: UInt8
        var flags: UInt8
        var payload: ByteBuffer

        func write(to buffer: inout ByteBuffer) {
            buffer.writeMultipleIntegers(UInt32(clamping: payload.readableBytes), type, flags)
            buffer.writeImmutableBuffer(payload)
        }
    }
}

/// Reads a journal, record by record, up to the first that is cut short.
struct JournalReader {
    let file: Descriptor
    /// Where the records read so far end.
    private(set) var end: UInt64 = 0
    private var buffer = ByteBuffer()
    private var fileEnd: UInt64 = 0

    init(_ file: Descriptor) { self.file = file }

    mutating func next() throws(Errno) -> Journal.Record? {
        guard try fill(Journal.Record.prefix),
            let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self), length <= Limits.lanePayload,
            try fill(Journal.Record.prefix + Int(length)),
            let (_, type, flags) = buffer.readMultipleIntegers(as: (UInt32, UInt8, UInt8).self),
            let payload = buffer.readSlice(length: Int(length))
        else { return nil }
        end += UInt64(Journal.Record.prefix) + UInt64(length)
        return Journal.Record(type: type, flags: flags, payload: payload)
    }

    /// Reads on until the buffer has `count` bytes.
    private mutating func fill(_ count: Int) throws(Errno) -> Bool {
        if buffer.readableBytes >= count { return true }
        buffer.discardReadBytes()
        var result: Result<Int, Errno> = .success(0)
        let room = max(count - buffer.readableBytes, 131_072)
        let (file, position) = (file, fileEnd)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { memory in
            do throws(Errno) {
                let read = try file.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: memory.prefix(room)), at: position)
                result = .success(read)
                return read
            } catch {
                result = .failure(error)
                return 0
            }
        }
        fileEnd += UInt64(try result.get())
        return buffer.readableBytes >= count
    }
}
