public import BatonProtocol
import SystemPackage

/// The wait for something at one path (chapter 5, WAIT). Blocking as ``SharedFiles`` is, but only while it looks: between looks
/// it is called when there is a reason to look again.
///
/// There is something as soon as it is there when first asked; or is renamed or linked into place, or a directory above it; or a
/// file is closed after writing. A directory that is made empty counts once there is something in it.
public final class Arrival: Sendable {
    private let path: PathName
    private let files: SharedFiles
    private let watches: DirectoryWatches
    private let mailbox: Mailbox

    /// - Parameter onChange: called from any thread when ``look()`` may find something new; not again before the next look.
    public init(
        of path: PathName, in files: SharedFiles, watches: DirectoryWatches, onChange: @escaping @Sendable () -> Void
    ) {
        self.path = path
        self.files = files
        self.watches = watches
        mailbox = Mailbox(onMail: onChange)
    }

    deinit { end() }

    /// Watches nothing any more.
    public func end() { watches.restrict(mailbox, to: [:]) }

    /// Whether it has arrived; if not, everything is watched that can change that.
    ///
    /// What was there all the time has arrived, too: the caller asks ``SharedFiles/exists(_:)`` first.
    ///
    /// - Throws: ``BatonError`` as ``SharedFiles/exists(_:)``; `busy` if the system grants no more watches; `permission` if a
    ///   directory may not be watched.
    public func look() throws(BatonError) -> Bool {
        let happenings = mailbox.take()
        // Whatever may not be asked for may not be waited for either.
        _ = try files.exists(path)
        var survey = ArrivalSurvey(happenings: happenings, watches: watches, mailbox: mailbox, hidden: files.hidden)
        let isThere: Bool
        do { isThere = try survey.find(path, from: files.start(of: path)) } catch .fileNameTooLong {
            isThere = false
        } catch {
            throw .watching(path, error)
        }
        watches.restrict(mailbox, to: survey.interests)
        // The survey follows links its own way; what is shared is judged in one place only.
        guard isThere else { return false }
        return try files.exists(path)
    }
}
