/// The versions that the entries of a kept tree had at their origin, as its manifest has them: asked for in tree order, walk by walk.
protocol RecordedVersions: AnyObject {
    /// Some file of the tree has several names in it. (That other trees share its files says nothing.)
    var hasHardLinks: Bool { get }

    /// - Parameters:
    ///   - status: of what is at the path.
    ///   - path: relative to the top that is read.
    /// - Throws: ``FileFault`` `corrupt` if the manifest knows something else, or something before it: the kept tree is damaged.
    func version(of status: FileStatus, at path: [UInt8]) throws(FileFault) -> UInt64

    /// SHA-256 of the content of the file whose version was asked for last.
    var digest: [UInt8] { get }

    /// A walk has come to its end.
    ///
    /// - Throws: as ``version(of:at:)``, if the manifest knows of more.
    func endWalk() throws(FileFault)
}
