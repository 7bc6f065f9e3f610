import BatonProtocol
import Synchronization
import SystemPackage

/// A name beside the destination under which a tree grows until it is whole; recorded in `ROOT/.baton/stages` before it
/// exists, so that a sweep finds what a crash left behind.
struct Stage {
    let directory: Descriptor
    let name: StageName
    let folder: WorkFolder

    init(beside destination: Destination, folder: WorkFolder) throws(Errno) {
        directory = destination.directory
        name = StageName()
        self.folder = folder
        // The real path: the record must hold when links above the destination change. One that is longer than the kernel
        // tells is recorded as it was given.
        let parent = (try? directory.realPath()) ?? destination.path.removingLastComponent().bytes
        let record = parent + [UInt8(ascii: "/")] + name.fileName.bytes
        let name = name
        folder.stagesInUse.withLock { _ = $0.insert(name) }
        do throws(Errno) { try folder.stages.writeNote(FileName(name.token.utf8), record) } catch {
            release()
            throw error
        }
        Moment.stageRecorded()
    }

    /// The stage of an earlier get, in the directory where this destination lies now.
    ///
    /// - Returns: `nil` if it lies elsewhere, or somebody has it.
    init?(_ partial: PartialStage, beside destination: Destination, folder: WorkFolder) {
        guard let parent = try? destination.directory.realPath(), let first = partial.path.componentNames.last,
            first == partial.stage.fileName,
            partial.path.componentNames.dropLast().elementsEqual(FilePath(bytes: parent).componentNames)
        else { return nil }
        directory = destination.directory
        name = partial.stage
        self.folder = folder
        guard folder.stagesInUse.withLock({ $0.insert(partial.stage).inserted }) else { return nil }
    }

    /// Removes the journal, which holds no longer, then what is there, then the record.
    func remove() throws(FileFault) {
        defer { release() }
        try? folder.stages.removeFile(Journal.name(of: name.token))
        try directory.removeTree(name.fileName)
        forget()
    }

    /// Nothing is left under the name.
    func forget() {
        try? folder.stages.removeFile(Journal.name(of: name.token))
        try? folder.stages.removeFile(FileName(name.token.utf8))
        Moment.recordRemoved()
        release()
    }

    /// What is there is for whoever goes on with it.
    func release() {
        let name = name
        folder.stagesInUse.withLock { _ = $0.remove(name) }
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
        // A file in /proc says that it has no size.
        let size = min(limit, max(4096, Int(clamping: try file.status().size)))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
        defer { buffer.deallocate() }
        let count = try file.read(into: buffer, at: 0)
        return Array(buffer[..<count])
    }
}
