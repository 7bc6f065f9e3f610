import BatonProtocol
import SystemPackage

/// A name beside the destination under which a tree grows until it is whole; recorded in `ROOT/.baton/stages` before it
/// exists, so that a sweep finds what a crash left behind.
struct Stage {
    let directory: Descriptor
    let name: StageName
    private let folder: WorkFolder

    init(beside destination: Destination, folder: WorkFolder) throws(Errno) {
        directory = destination.directory
        name = StageName()
        self.folder = folder
        // The real path: the record must hold when links above the destination change. One that is longer than the kernel
        // tells is recorded as it was given.
        let parent = (try? directory.realPath()) ?? destination.path.removingLastComponent().bytes
        let record = parent + [UInt8(ascii: "/")] + name.fileName.bytes
        try folder.stages.writeNote(FileName(name.token.utf8), record)
        Moment.stageRecorded()
    }

    /// Removes what is there, and then the record.
    func remove() throws(FileFault) {
        try directory.removeTree(name.fileName)
        forget()
    }

    /// Nothing is left under the name.
    func forget() {
        try? folder.stages.removeFile(FileName(name.token.utf8))
        Moment.recordRemoved()
    }
}

extension Descriptor {
    /// Writes a small new file.
    func writeNote(_ name: FileName, _ text: [UInt8], durably: Bool = false) throws(Errno) {
        let file = try createFile(name)
        do throws(Errno) {
            var result: Result<Void, Errno> = .success(())
            text.withUnsafeBytes { bytes in
                do throws(Errno) { try file.write(bytes, at: 0) } catch { result = .failure(error) }
            }
            try result.get()
            if durably {
                try file.synchronize()
                try synchronize()
            }
        } catch {
            try? removeFile(name)
            throw error
        }
    }

    /// Reads a small file.
    func readNote(_ name: FileName, atMost limit: Int) throws(Errno) -> [UInt8] {
        let file = try file(name)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: limit, alignment: 1)
        defer { buffer.deallocate() }
        let count = try file.read(into: buffer, at: 0)
        return Array(buffer[..<count])
    }
}
