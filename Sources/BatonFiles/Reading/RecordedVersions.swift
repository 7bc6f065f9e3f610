/// The versions that the entries of a kept tree had at their origin, as its manifest has them: asked for in tree order, walk by walk.
protocol RecordedVersions: AnyObject {
    /// Some file of the tree has several names in it. (That other trees share its files says nothing.)
    var hasHardLinks: Bool { get }

    /// - Parameter path: relative to the top that is read.
    /// - Throws: ``FileFault`` if the manifest does not know the path: the kept tree is damaged.
    func version(at path: [UInt8]) throws(FileFault) -> UInt64
}
