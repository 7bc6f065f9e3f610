public import BatonProtocol

/// Whose artifacts they are, by the certificate of the session that persists them.
public struct ArtifactOwner: Hashable, Sendable, CustomStringConvertible {
    public let trustDomain: String
    public let app: WorkName
    public let work: WorkName

    public init(trustDomain: String, app: WorkName, work: WorkName) {
        self.trustDomain = trustDomain
        self.app = app
        self.work = work
    }

    public var description: String { "spiffe://\(Escaping.printable(trustDomain))/app/\(app)/work/\(work)" }
}

/// What works leave behind, as *generations* of their declared paths: trees that never change, each published whole or not at
/// all. Blocking, but for what is said to look at memory only: call it from threads of your own.
///
/// The seam behind which an object store fits. Nothing here needs a rename, a partial write, or a listing that is right at once;
/// an implementation over an object store would
/// - receive into a stage on a local disk (``TreeWriter``, as here), then put each file under its SHA-256, which makes putting
///   again harmless, and is how files that generations share are kept once;
/// - put the manifest as the *last* object of a generation, under a key with its number: what has no manifest does not exist,
///   so a half-written generation is never served, and what it left is collected by a sweep;
/// - take the number by a conditional put of that key (none may be there), and again with the next number if that is refused; the
///   fence is checked right before, and put into the manifest, so that the loser of a race between two relays is known by it;
/// - keep the index as here, in memory, from a listing at start; a manifest that the listing does not show yet is asked for
///   by the number after the highest one, before the store says that there is nothing newer;
/// - open a generation by reading its manifest, and bring the files that are asked for into a local cache of such trees
///   (``StoredTree`` then reads from there), pinned by a lease as here;
/// - remove the manifest first, then what no manifest names any more, once no lease is older than that.
public protocol ArtifactStore: AnyObject, Sendable {
    /// Begins to receive a generation. One at a time per owner and path.
    ///
    /// - Parameters:
    ///   - epoch: of the session that it comes from; see ``fence(_:epoch:)``.
    ///   - attributes: take extended attributes, too.
    ///   - bytes: of data that will come at least, if that is known: refused at once if there cannot be room for them.
    /// - Throws: ``BatonError`` `busy`, `noSpace`; `interrupted` if a newer session of the owner has come.
    func put(
        _ path: PathName, of owner: ArtifactOwner, epoch: UInt64, attributes: Bool, expecting bytes: UInt64
    ) throws(BatonError) -> sending any IncomingGeneration

    /// From now on only the session with this epoch publishes generations of `owner`. Looks at memory only.
    ///
    /// - Returns: false, and nothing has changed, if a generation of the owner is being published in this very moment.
    func fence(_ owner: ArtifactOwner, epoch: UInt64) -> Bool

    /// From here to ``endChange(of:)`` no newer session of the owner comes: what this one removes or pins, it does as the newest. Looks
    /// at memory only.
    ///
    /// - Returns: false if it is not the newest any more.
    func beginChange(of owner: ArtifactOwner, epoch: UInt64) -> Bool

    func endChange(of owner: ArtifactOwner)

    /// Whether ``tree(at:of:)`` has an answer. Looks at memory only.
    func covers(_ path: PathName, of owner: ArtifactOwner) -> Bool

    /// The newest good generation of the longest stored declared path that is `path` or above it; `nil` if there is none. What is
    /// below it is looked up when it is asked for.
    func tree(at path: PathName, of owner: ArtifactOwner) throws(BatonError) -> StoredTree?

    /// What is stored of an owner, or of one declared path of it, after the one with `after`'s path and number; in the order of
    /// ``ArtifactsListing``, and as much as fits one. Looks at memory only.
    func list(
        of owner: ArtifactOwner, path: PathName?, generation: UInt64?, after: (path: PathName, generation: UInt64)?
    ) -> ArtifactsListing

    /// Removes a generation, or all of a path that are not pinned and fit one listing. Whoever reads one goes on.
    ///
    /// - Throws: ``BatonError`` `notFound`; `usage` if nothing but what is pinned was meant
    func remove(_ path: PathName, of owner: ArtifactOwner, generation: UInt64?) throws(BatonError) -> ArtifactsListing

    /// Has a generation (the newest good one if none is named) kept until it is unpinned, or no longer kept so.
    ///
    /// - Throws: ``BatonError`` `notFound`
    func setPinned(
        _ isPinned: Bool, _ path: PathName, of owner: ArtifactOwner, generation: UInt64?
    ) throws(BatonError) -> [ArtifactItem]

    /// Reads everything of a generation and compares it with its manifest. What is found damaged is not served any more; what is
    /// found whole again, is.
    ///
    /// - Parameter checkpoint: called before each piece that is read; what it throws ends the reading.
    func verify(
        _ path: PathName, of owner: ArtifactOwner, generation: UInt64, checkpoint: () throws(BatonError) -> Void
    ) throws(BatonError) -> ArtifactItem

    /// Removes what is to be kept no longer. To be called now and then.
    func sweep() -> StoreSweep
}

/// A generation that is being received. For one owner; whoever drops it unpublished leaves nothing behind.
public protocol IncomingGeneration: AnyObject {
    /// The stamp of the newest good generation of the path, 0 if there is none: files that are as they were in it need not come.
    var base: UInt64 { get }

    /// The number of that generation.
    var baseGeneration: UInt64? { get }

    /// Receives the tree. It is published with ``publish(checkpoint:)`` and by nothing else.
    var writer: TreeWriter { get }

    /// Publishes the whole tree, durably, unless it is the same as the newest generation.
    ///
    /// - Parameter checkpoint: called before each piece that is read; what it throws ends the publishing.
    /// - Throws: ``BatonError`` `interrupted` if a newer session of the owner has come; `noSpace`, `unsupported`, `permission`.
    func publish(checkpoint: () throws(BatonError) -> Void) throws(BatonError) -> Receipt

    /// The same failure of ``writer``, as whoever persists can understand it: without names on the relay's disk.
    func explained(_ error: BatonError) -> BatonError

    /// Leaves what has come to a later put of the same path, also after a failure; gives up if that could not go on with it.
    func keepPartial()

    /// Gives up: nothing is left behind.
    func discard()
}
