#if DEBUG
    import Glibc
    import Synchronization
#endif

/// The points of a transfer at which a test can have its process die. Only debug builds have them: in a release each of these
/// is an empty function.
///
/// `BATON_KILL_AT=NAME:COUNT` lets the process kill itself (SIGKILL) when it comes to that moment for the COUNT-th time;
/// `BATON_STOP_AT` stops it there (SIGSTOP), for a test that kills another process just then.
public enum Moment {
    // Receiver, in the order of a get.

    /// The record of the stage is in `ROOT/.baton/stages`; the stage does not exist yet.
    @inlinable public static func stageRecorded() { reached("stage-recorded") }
    /// The top of the tree exists under the stage's name.
    @inlinable public static func stageMade() { reached("stage-made") }
    /// A file, directory or link has been made.
    @inlinable public static func entryMade() { reached("entry-made") }
    /// The data of a chunk is in its file; the journal does not say so yet.
    @inlinable public static func chunkWritten() { reached("chunk-written") }
    /// What the journal was to say has been handed to the system.
    @inlinable public static func journalFlushed() { reached("journal-flushed") }
    /// The tree has come whole.
    @inlinable public static func endReceived() { reached("end-received") }
    /// The next system call puts the new content in place.
    @inlinable public static func beforeExchange() { reached("before-exchange") }
    /// The new content is in place; the old may lie where the stage was.
    @inlinable public static func afterExchange() { reached("after-exchange") }
    /// The next call begins to remove the old content.
    @inlinable public static func beforeRemoval() { reached("before-removal") }
    /// The record of the stage has gone, and with it the last trace of the get.
    @inlinable public static func recordRemoved() { reached("record-removed") }

    // The relay's store, after the end of a tree was received.

    /// The tree is about to be read for its manifest.
    @inlinable public static func beforeManifest() { reached("before-manifest") }
    /// The manifest is on the disk, the tree in its stage still.
    @inlinable public static func manifestWritten() { reached("manifest-written") }
    /// The next system call puts the generation on its shelf.
    @inlinable public static func beforeGeneration() { reached("before-generation") }
    /// The generation is on its shelf; that may not be on the disk yet.
    @inlinable public static func afterGeneration() { reached("after-generation") }
    /// The next system call takes a generation from its shelf.
    @inlinable public static func beforeGenerationRemoval() { reached("before-generation-removal") }

    // Origin.

    /// An ENTRY has been put into a burst.
    @inlinable public static func entryRead() { reached("entry-read") }
    /// A CHUNK has been put into a burst.
    @inlinable public static func chunkRead() { reached("chunk-read") }
    /// Everything has been read and checked; END is about to be put into a burst.
    @inlinable public static func beforeEnd() { reached("before-end") }

    // Relay.

    /// A CHUNK has come from the owner's lane and goes on to the asker's.
    @inlinable public static func chunkForwarded() { reached("chunk-forwarded") }

    @inlinable static func reached(_ name: @autoclosure () -> String) {
        #if DEBUG
            note(name())
        #endif
    }
}

#if DEBUG
    extension Moment {
        private struct Trap: Sendable {
            let name: String
            var countdown: Int
            let signal: CInt
        }

        /// Fixed when the first moment comes; empty in all processes but those of a few tests.
        private static let isArmed = !traps.withLock { $0.isEmpty }
        private static let traps = Mutex(
            [("BATON_KILL_AT", SIGKILL), ("BATON_STOP_AT", SIGSTOP)].compactMap { variable, signal in
                let words = getenv(variable).map { String(cString: $0).split(separator: ":") } ?? []
                guard words.count == 2, let count = Int(words[1]), count > 0 else { return nil }
                return Trap(name: String(words[0]), countdown: count, signal: signal)
            } as [Trap])

        @usableFromInline static func note(_ name: String) {
            guard isArmed else { return }
            let signals = traps.withLock { traps in
                traps.indices.compactMap { index -> CInt? in
                    guard traps[index].name == name, traps[index].countdown > 0 else { return nil }
                    traps[index].countdown -= 1
                    return traps[index].countdown == 0 ? traps[index].signal : nil
                }
            }
            // To this thread: it does not go one step on, while the others end or stop a moment later.
            for signal in signals { raise(signal) }
        }
    }
#endif
